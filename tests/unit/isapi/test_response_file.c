/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranges of open files as response bodies, over both ways out.
 */
#include "base/error.h"
#include "harness/rig.h"
#include "harness/test.h"
#include "isapi/response.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\n\r\n"

static struct rig rig;
static int file = -1;

/* "0123456789", and the same again beyond 4 GiB, with a hole between. */
static const uint64_t FAR_OFFSET = UINT64_C(0x100000000) + 5;

static void open_file(void) {
  char path[600];
  if (file >= 0)
    return;
  snprintf(path, sizeof path, "%s/file", test_folder());
  file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(file >= 0);
  REQUIRE(pwrite(file, "0123456789", 10, 0) == 10);
  REQUIRE(pwrite(file, "0123456789", 10, (off_t)FAR_OFFSET) == 10);
}

static void open_response(enum fake_kind kind, const char *length) {
  const char *const headers[] = {"Content-Length", length, NULL};
  open_file();
  rig_open(&rig, kind, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", length ? headers : NULL), 0);
}

static void send(uint64_t offset, uint64_t length, int flags) {
  CHECK_INT(pie_response_send_file(rig.request, file, offset, length, flags), 0);
}

static void close_response(const char *wire, const char *calls, uint32_t outcome) {
  rig_finish(&rig, true);
  CHECK_STR(pie_buf_str(&rig.host.wire), wire);
  CHECK_STR(pie_buf_str(&rig.host.calls), calls);
  CHECK_INT(rig.request->outcome, outcome);
  CHECK_TEXT(rig.host.breach ? rig.host.breach : "", "");
  rig_close(&rig);
}

#define OK "HTTP/1.1 200 OK\r\n"
static const uint32_t keep = HSE_STATUS_SUCCESS_AND_KEEP_CONN;

static void a_file_is_a_whole_body(void) {
  open_response(FAKE_IIS, NULL);
  send(2, 5, PIE_WRITE_FINAL);
  close_response(OK "Content-Length: 5\r\n\r\n23456", "vector head final 1\n", keep);
  open_response(FAKE_OLD, NULL);
  send(2, 5, PIE_WRITE_FINAL);
  CHECK(rig.door->quirks.vector); /* it may be the file that is not wanted */
  close_response(OK "Content-Length: 5\r\n\r\n23456",
                 "vector head final 1\nhead 200 OK keep\nfile 2+5\n", keep);
  open_response(FAKE_APACHE, NULL); /* TRANSMIT_FILE loses the connection there at times */
  send(2, 5, PIE_WRITE_FINAL);
  close_response(OK "Content-Length: 5\r\n\r\n23456", "head 200 OK keep\nwrite 5\n", keep);
}

static void a_file_is_one_chunk(void) {
  open_response(FAKE_IIS, NULL);
  CHECK_INT(rig_write(&rig, "ab", 0), 0);
  send(0, 10, 0);
  send(3, 2, PIE_WRITE_FINAL);
  close_response(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\na\r\n0123456789\r\n"
                    "2\r\n34\r\n0\r\n\r\n",
                 "vector head 3\nvector 3\nvector final 3\n", keep);
}

static void a_file_after_bytes_goes_the_plain_way(void) {
  open_response(FAKE_APACHE, NULL);
  CHECK_INT(rig_write(&rig, "ab", 0), 0);
  send(0, 3, 0);
  CHECK_INT(rig_write(&rig, "cd", 0), 0);
  close_response(OK "\r\nab012cd", "head 200 OK keep\nwrite 2\nwrite 3\nwrite 2\n", keep);
}

static void an_empty_file_is_an_empty_body(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_OURS; kind++) {
    open_response((enum fake_kind)kind, NULL);
    send(0, 0, PIE_WRITE_FINAL);
    close_response(OK "Content-Length: 0\r\n\r\n", "vector head final 0\n", keep);
  }
}

static void a_file_for_head_is_not_sent(void) {
  open_file();
  rig_open(&rig, FAKE_IIS, "HEAD / HTTP/1.1\r\n\r\n");
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  send(0, 10, PIE_WRITE_FINAL);
  close_response(OK "\r\n", "vector head final 0\n", keep);
}

static void a_file_is_cut_at_the_length_and_that_is_told(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_response((enum fake_kind)kind, "4");
    send(0, 10, PIE_WRITE_FINAL);
    rig_finish(&rig, true);
    CHECK_STR(pie_buf_str(&rig.host.wire), OK "Content-Length: 4\r\n\r\n0123");
    CHECK_INT(rig.request->outcome, keep);
    CHECK_HAS(rig_log(rig.door), "sent more than its Content-Length");
    rig_close(&rig);
  }
}

static void a_file_that_is_too_short_for_the_length_breaks_the_response(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_response((enum fake_kind)kind, "20");
    send(0, 10, PIE_WRITE_FINAL);
    rig_finish(&rig, true);
    CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR);
    CHECK(!rig.host.is_final);
    CHECK_HAS(rig_log(rig.door), "sent less than its Content-Length");
    rig_close(&rig);
  }
}

/* TRANSMIT_FILE has 32 bits: what lies beyond is copied. */
static void files_beyond_4_gib_are_copied(void) {
  open_response(FAKE_OLD, NULL);
  rig.door->quirks.vector = false;
  send(FAR_OFFSET, 10, PIE_WRITE_FINAL);
  close_response(OK "Content-Length: 10\r\n\r\n0123456789", "head 200 OK keep\nwrite 10\n", keep);
  open_response(FAKE_IIS, NULL); /* a vector element has 64 */
  send(FAR_OFFSET, 10, PIE_WRITE_FINAL);
  close_response(OK "Content-Length: 10\r\n\r\n0123456789", "vector head final 1\n", keep);
}

static void a_host_without_transmit_file_gets_copies(void) {
  open_response(FAKE_OLD, NULL);
  rig.door->quirks.vector = rig.host.has_transmit = false;
  send(1, 3, PIE_WRITE_FINAL);
  close_response(OK "Content-Length: 3\r\n\r\n123", "head 200 OK keep\nfile 1+3\nwrite 3\n", keep);
}

static void a_file_that_ends_early_breaks_the_response(void) {
  open_response(FAKE_APACHE, NULL);
  CHECK_INT(pie_response_send_file(rig.request, file, FAR_OFFSET, 20, PIE_WRITE_FINAL), -PIE_EGONE);
  rig_finish(&rig, true);
  CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR);
  rig_close(&rig);
}

static void a_client_may_go_during_a_file(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    for (int fail_at = 1; fail_at <= 3; fail_at++) {
      open_response((enum fake_kind)kind, NULL);
      rig.host.fail_at = fail_at;
      int err = pie_response_send_file(rig.request, file, 0, 10, 0);
      err = err ? err : pie_response_send_file(rig.request, file, 0, 10, 0);
      err = err ? err : rig_write(&rig, "x", 0);
      CHECK_INT(err, -PIE_EGONE);
      rig_finish(&rig, false);
      CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR);
      CHECK(rig.host.breach == NULL);
      rig_close(&rig);
    }
  }
}

static void no_file_before_a_status_or_after_the_end(void) {
  open_file();
  rig_open(&rig, FAKE_IIS, GET);
  CHECK_INT(pie_response_send_file(rig.request, file, 0, 10, 0), -PIE_ESTATE);
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  send(0, 1, PIE_WRITE_FINAL);
  CHECK_INT(pie_response_send_file(rig.request, file, 0, 10, 0), -PIE_ESTATE);
  rig_finish(&rig, true);
  rig_close(&rig);
}

static const struct test_case cases[] = {
    CASE(a_file_is_a_whole_body),
    CASE(a_file_is_one_chunk),
    CASE(a_file_after_bytes_goes_the_plain_way),
    CASE(an_empty_file_is_an_empty_body),
    CASE(a_file_for_head_is_not_sent),
    CASE(a_file_is_cut_at_the_length_and_that_is_told),
    CASE(a_file_that_is_too_short_for_the_length_breaks_the_response),
    CASE(files_beyond_4_gib_are_copied),
    CASE(a_host_without_transmit_file_gets_copies),
    CASE(a_file_that_ends_early_breaks_the_response),
    CASE(a_client_may_go_during_a_file),
    CASE(no_file_before_a_status_or_after_the_end),
};
TEST_MAIN(cases)
