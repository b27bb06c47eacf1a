/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/fake_ecb.h"
#include "harness/test.h"
#include "isapi/quirks.h"

#include <string.h>

static struct fake_host host;

static struct pie_quirks found(enum fake_kind kind, DWORD version, const char *software,
                               bool completion) {
  struct pie_quirks quirks;
  memset(&quirks, 0, sizeof quirks);
  fake_open(&host, kind, "GET / HTTP/1.1\r\n\r\n");
  host.has_completion = completion;
  host.ecb.dwVersion = version;
  fake_set(&host, "SERVER_SOFTWARE", software);
  pie_quirks_find(&quirks, &host.ecb);
  CHECK(host.breach == NULL);
  CHECK_INT(host.completions, quirks.mod_isapi ? 0 : 1); /* there it is not even asked for */
  fake_close(&host);
  return quirks;
}

static void iis(void) {
  struct pie_quirks quirks = found(FAKE_IIS, MAKELONG(0, 8), "Microsoft-IIS/10.0", true);
  CHECK(!quirks.mod_isapi);
  CHECK(!quirks.ours);
  CHECK(quirks.can_pend);
  CHECK(quirks.vector);
  CHECK_INT(quirks.header_line_max, 0);
}

/* What dwVersion is there has been seen by nobody here (ISAPI.md, section 11, 1). */
static void iis_of_any_version(void) {
  static const DWORD versions[] = {0, 10, MAKELONG(5, 8), MAKELONG(0, 10), 0xffffffffu};
  for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
    CHECK(!found(FAKE_IIS, versions[i], "Microsoft-IIS/10.0", true).mod_isapi);
}

static void our_host(void) {
  struct pie_quirks quirks = found(FAKE_OURS, MAKELONG(0, 8), "pyisapie/2.0.0", true);
  CHECK(quirks.ours);
  CHECK(!quirks.mod_isapi);
  quirks = found(FAKE_OURS, MAKELONG(0, 8), "pyisapie-like/1", true);
  CHECK(!quirks.ours);
}

static void mod_isapi_by_its_version(void) {
  struct pie_quirks quirks = found(FAKE_APACHE, 0x500, "Disguise/1.0", false);
  CHECK(quirks.mod_isapi);
  CHECK(!quirks.can_pend);
  CHECK(!quirks.vector);
  CHECK_INT(quirks.header_line_max, 8190);
  quirks = found(FAKE_APACHE, 0x500, NULL, false); /* ServerTokens can be anything */
  CHECK(quirks.mod_isapi);
  quirks = found(FAKE_APACHE, 0x500, "Microsoft-IIS/10.0", false); /* a disguise */
  CHECK(quirks.mod_isapi);
  quirks = found(FAKE_APACHE, 0x500, "pyisapie/2.0.0", false);
  CHECK(quirks.mod_isapi);
  CHECK(!quirks.ours);
}

static void mod_isapi_by_its_name(void) {
  struct pie_quirks quirks = found(FAKE_APACHE, MAKELONG(0, 6), "Apache/2.4.68 (Win64)", false);
  CHECK(quirks.mod_isapi);
}

/* ISAPIFakeAsync accepts a completion routine, but gains nothing (section 9, 16). */
static void mod_isapi_with_fake_async_does_not_pend(void) {
  struct pie_quirks quirks = found(FAKE_APACHE, 0x500, "Apache", true);
  CHECK(!quirks.can_pend);
}

static void a_host_that_takes_no_completion_does_not_pend(void) {
  struct pie_quirks quirks = found(FAKE_OLD, MAKELONG(0, 4), "Something", false);
  CHECK(!quirks.can_pend);
  CHECK(quirks.vector); /* it is tried */
}

static void a_host_without_a_name_is_taken_for_iis(void) {
  struct pie_quirks quirks = found(FAKE_IIS, MAKELONG(0, 8), NULL, true);
  CHECK(!quirks.mod_isapi);
  CHECK(!quirks.ours);
}

static const struct test_case cases[] = {
    CASE(iis),
    CASE(iis_of_any_version),
    CASE(our_host),
    CASE(mod_isapi_by_its_version),
    CASE(mod_isapi_by_its_name),
    CASE(mod_isapi_with_fake_async_does_not_pend),
    CASE(a_host_that_takes_no_completion_does_not_pend),
    CASE(a_host_without_a_name_is_taken_for_iis),
};
TEST_MAIN(cases)
