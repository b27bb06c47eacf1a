/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls through the control block: what hosts answer, and what goes wrong there.
 */
#include "base/error.h"
#include "harness/fake_ecb.h"
#include "harness/test.h"
#include "isapi/ecb.h"
#include "platform/platform.h"

#include <stdlib.h>
#include <string.h>

static struct fake_host host;
static struct pie_arena arena;

static void open_host(enum fake_kind kind) {
  fake_open(&host, kind, "GET / HTTP/1.1\r\n\r\n");
  pie_arena_init(&arena, 4 << 20);
}

static void close_host(void) {
  CHECK(host.breach == NULL);
  pie_arena_free(&arena);
  fake_close(&host);
}

/* ---- GetServerVariable ---- */

static void variables_come_with_their_length(void) {
  char buffer[8];
  size_t size = sizeof buffer;
  open_host(FAKE_IIS);
  fake_set(&host, "X", "1234567");
  memset(buffer, '#', sizeof buffer);
  CHECK_INT(pie_ecb_variable(&host.ecb, "X", buffer, &size), 7);
  CHECK_TEXT(buffer, "1234567");
  fake_set(&host, "X", "");
  size = sizeof buffer;
  CHECK_INT(pie_ecb_variable(&host.ecb, "X", buffer, &size), 0);
  CHECK_TEXT(buffer, "");
  size = 1;
  CHECK_INT(pie_ecb_variable(&host.ecb, "X", buffer, &size), 0);
  close_host();
}

static void a_buffer_that_is_too_small_tells_the_size(void) {
  char buffer[8];
  size_t size = sizeof buffer;
  open_host(FAKE_IIS);
  fake_set(&host, "X", "12345678");
  memset(buffer, '#', sizeof buffer);
  CHECK_INT(pie_ecb_variable(&host.ecb, "X", buffer, &size), -PIE_ETOOBIG);
  CHECK_INT(size, 9);
  CHECK_INT(buffer[0], '#');
  close_host();
}

static void unknown_variables_have_none(void) {
  static const uint32_t errors[] = {ERROR_INVALID_INDEX, ERROR_NO_DATA, ERROR_INVALID_PARAMETER,
                                    ERROR_READ_FAULT, 0};
  open_host(FAKE_IIS);
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    char buffer[8];
    size_t size = sizeof buffer;
    fake_set_error(&host, "X", errors[i] ? errors[i] : 1);
    pie_os_error_set(0);
    host.keeps_last_error = !errors[i];
    CHECK_INT(pie_ecb_variable(&host.ecb, "X", buffer, &size), -PIE_ENOENT);
    CHECK_STR(pie_ecb_variable_copy(&host.ecb, "X", &arena), "");
    CHECK_STR(pie_ecb_variable_wide(&host.ecb, "X", &arena), "");
  }
  close_host();
}

/* Some hosts set no last error: then one of an earlier call stands there. */
static void an_old_error_is_no_size(void) {
  open_host(FAKE_OLD);
  fake_set(&host, "X", NULL);
  host.keeps_last_error = true;
  pie_os_error_set(ERROR_INSUFFICIENT_BUFFER);
  size_t before = arena.taken;
  CHECK_STR(pie_ecb_variable_copy(&host.ecb, "X", &arena), "");
  CHECK(host.variable_calls < 100);
  CHECK(arena.taken - before <= 4 << 20);
  close_host();
}

static void a_value_without_its_nul_keeps_its_last_character(void) {
  char buffer[8];
  size_t size = sizeof buffer;
  open_host(FAKE_IIS);
  host.forgets_nul = true;
  fake_set(&host, "X", "1234567");
  memset(buffer, '#', sizeof buffer);
  CHECK_INT(pie_ecb_variable(&host.ecb, "X", buffer, &size), 7);
  CHECK_TEXT(buffer, "1234567");
  fake_set(&host, "X", "12345678"); /* fills the buffer: no room for a NUL */
  size = sizeof buffer;
  CHECK_INT(pie_ecb_variable(&host.ecb, "X", buffer, &size), -PIE_ETOOBIG);
  CHECK_STR(pie_ecb_variable_copy(&host.ecb, "X", &arena), "12345678");
  close_host();
}

static void check_copy(size_t n) {
  char *value = malloc(n + 1);
  REQUIRE(value != NULL);
  memset(value, 'v', n);
  value[n] = '\0';
  fake_set(&host, "X", value);
  test_context("%zu bytes%s", n, host.forgets_nul ? " without NUL" : "");
  CHECK_STR(pie_ecb_variable_copy(&host.ecb, "X", &arena), value);
  fake_set(&host, "X", NULL);
  free(value);
  pie_arena_reset(&arena);
}

static void values_of_any_size_are_copied(void) {
  static const size_t sizes[] = {0, 1, 510, 511, 512, 513, 514, 8191, 100000, 1 << 20};
  open_host(FAKE_IIS);
  for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
    host.forgets_nul = i % 2;
    if (sizes[i / 2] < 1 << 20)
      check_copy(sizes[i / 2]);
  }
  host.forgets_nul = false;
  check_copy((1 << 20) - 2);
  test_context(NULL);
  close_host();
}

static void values_beyond_the_limit_are_none(void) {
  enum { HUGE_SIZE = 40 << 20 };
  struct pie_str value = PIE_STR("");
  char *huge = malloc(HUGE_SIZE);
  REQUIRE(huge != NULL);
  open_host(FAKE_IIS);
  pie_arena_free(&arena);
  pie_arena_init(&arena, HUGE_SIZE * 2);
  memset(huge, 'v', HUGE_SIZE - 1);
  huge[HUGE_SIZE - 1] = '\0';
  fake_set(&host, "X", huge);
  CHECK_STR(pie_ecb_variable_copy(&host.ecb, "X", &arena), "");
  CHECK_INT(pie_ecb_variable_get(&host.ecb, "X", &arena, &value), -PIE_ETOOBIG);
  huge[100000] = '\0';
  fake_set(&host, "X", huge);
  pie_arena_free(&arena);
  pie_arena_init(&arena, 50000); /* no room */
  CHECK_STR(pie_ecb_variable_copy(&host.ecb, "X", &arena), "");
  CHECK_INT(pie_ecb_variable_get(&host.ecb, "X", &arena, &value), -PIE_ETOOBIG);
  CHECK_INT(pie_ecb_variable_get(&host.ecb, "NO_SUCH", &arena, &value), -PIE_ENOENT);
  free(huge);
  close_host();
}

/* A host whose answers about the size are too small. */
static BOOL WINAPI lie(HCONN conn, LPSTR name, LPVOID buffer, LPDWORD size) {
  (void)conn, (void)name, (void)buffer;
  *size = 3;
  pie_os_error_set(ERROR_INSUFFICIENT_BUFFER);
  return FALSE;
}

static void a_host_that_lies_about_sizes_ends_somewhere(void) {
  open_host(FAKE_IIS);
  host.ecb.GetServerVariable = lie;
  CHECK_STR(pie_ecb_variable_copy(&host.ecb, "X", &arena), "");
  CHECK_STR(pie_ecb_variable_wide(&host.ecb, "X", &arena), "");
  close_host();
}

/* ---- UNICODE_ variables ---- */

static void check_wide(const uint16_t *units, size_t n, const char *want) {
  fake_set_wide(&host, "UNICODE_X", units, n);
  CHECK_STR(pie_ecb_variable_wide(&host.ecb, "UNICODE_X", &arena), want);
}

static void wide_variables_become_utf8(void) {
  open_host(FAKE_IIS);
  check_wide(u"/path", 5, "/path");
  check_wide(u"/\u00e9\u20ac", 3, "/\xc3\xa9\xe2\x82\xac");
  check_wide(u"\U0001f600x", 3, "\xf0\x9f\x98\x80x");
  check_wide(u"\x7f\x80\u07ff\u0800\uffff", 5, "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
  check_wide(u"\U0010ffff", 2, "\xf4\x8f\xbf\xbf");
  check_wide(u"", 0, "");
  check_wide(u"a\0b", 3, "a");
  host.forgets_nul = true;
  check_wide(u"ab", 2, "ab");
  check_wide(u"\u20ac\u20ac", 2, "\xe2\x82\xac\xe2\x82\xac");
  close_host();
}

/* What is no pair stays apart: it never swallows or makes another character. */
static void half_pairs_stay_apart(void) {
  static const uint16_t high[] = {0xd83d, '/'}, low[] = {0xde00, '/'}, end[] = {'/', 0xd83d};
  static const uint16_t two[] = {0xd83d, 0xd83d, 0xde00};
  open_host(FAKE_IIS);
  check_wide(high, 2, "\xed\xa0\xbd/");
  check_wide(low, 2, "\xed\xb8\x80/");
  check_wide(end, 2, "/\xed\xa0\xbd");
  check_wide(two, 3, "\xed\xa0\xbd\xf0\x9f\x98\x80");
  close_host();
}

static void mod_isapi_has_no_wide_variables(void) {
  open_host(FAKE_APACHE);
  check_wide(u"x", 1, "");
  close_host();
}

/* ---- reading and writing ---- */

static void reads_tell_their_bytes(void) {
  char buffer[8];
  fake_open(&host, FAKE_IIS, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
  pie_arena_init(&arena, 1000);
  fake_ahead(&host, 0);
  host.read_most = 3;
  CHECK_INT(pie_ecb_read(&host.ecb, buffer, 8), 3);
  CHECK_INT(pie_ecb_read(&host.ecb, buffer, 8), 2);
  CHECK_INT(pie_ecb_read(&host.ecb, buffer, 8), 0);
  host.body_cut = 1;
  host.body_at = 4;
  host.read_fails_at_cut = true;
  CHECK_INT(pie_ecb_read(&host.ecb, buffer, 8), -PIE_EGONE);
  close_host();
}

static void give_head(void) {
  CHECK_INT(pie_ecb_send_headers(&host.ecb, PIE_STR("200 OK"), PIE_STR("Content-Length: 5\r\n\r\n"),
                                 true),
            0);
  pie_buf_clear(&host.calls);
  pie_buf_clear(&host.wire);
}

static void short_writes_go_on(void) {
  open_host(FAKE_OLD);
  give_head();
  host.write_most = 2;
  CHECK_INT(pie_ecb_write(&host.ecb, "hello", 5), 0);
  CHECK_STR(pie_buf_str(&host.wire), "hello");
  CHECK_STR(pie_buf_str(&host.calls), "write 5\nwrite 3\nwrite 1\n");
  CHECK_INT(pie_ecb_write(&host.ecb, "", 0), 0); /* no call: see the fake's check */
  close_host();
}

static void writes_that_take_nothing_do_not_hang(void) {
  open_host(FAKE_OLD);
  give_head();
  host.writes_nothing = true;
  CHECK_INT(pie_ecb_write(&host.ecb, "hello", 5), -PIE_EGONE);
  CHECK_STR(pie_buf_str(&host.calls), "write 5\n");
  close_host();
}

static void failing_writes_say_that_the_client_has_gone(void) {
  open_host(FAKE_OLD);
  give_head();
  host.write_most = 2;
  host.fail_at = host.sends + 2;
  CHECK_INT(pie_ecb_write(&host.ecb, "hello", 5), -PIE_EGONE);
  CHECK_STR(pie_buf_str(&host.wire), "he");
  host.fail_error = 0; /* mod_isapi on Windows says so */
  CHECK_INT(pie_ecb_write(&host.ecb, "hello", 5), -PIE_EGONE);
  close_host();
}

/* ---- ServerSupportFunction ---- */

static void a_host_without_a_call_is_told_from_a_client_that_has_gone(void) {
  static const uint32_t missing[] = {ERROR_INVALID_PARAMETER, 50, 120};
  static const uint32_t gone[] = {ERROR_NETNAME_DELETED, ERROR_READ_FAULT, 64, 995, 1229, 10054};
  HSE_RESPONSE_VECTOR vector = {.dwFlags = HSE_IO_SYNC};
  open_host(FAKE_OLD);
  host.fail_at = 1;
  for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
    host.fail_error = missing[i];
    CHECK_INT(pie_ecb_vector_send(&host.ecb, &vector), -PIE_ENOTSUP);
    CHECK_INT(pie_ecb_transmit_file(&host.ecb, 0, 0, 5), -PIE_ENOTSUP);
  }
  for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
    host.fail_error = gone[i];
    CHECK_INT(pie_ecb_vector_send(&host.ecb, &vector), -PIE_EGONE);
    CHECK_INT(pie_ecb_transmit_file(&host.ecb, 0, 0, 5), -PIE_EGONE);
  }
  close_host();
}

static void done_tells_the_status(void) {
  open_host(FAKE_IIS);
  pie_ecb_done(&host.ecb, HSE_STATUS_ERROR);
  CHECK_INT(host.done_calls, 1);
  CHECK_INT(host.outcome, HSE_STATUS_ERROR);
  close_host();
}

static void abilities_are_asked_for(void) {
  open_host(FAKE_IIS);
  CHECK(pie_ecb_can_pend(&host.ecb));
  CHECK(pie_ecb_close(&host.ecb));
  pie_ecb_set_flush(&host.ecb);
  CHECK_INT(host.flushes, 1);
  close_host();
  open_host(FAKE_APACHE);
  CHECK(!pie_ecb_can_pend(&host.ecb));
  CHECK(!pie_ecb_close(&host.ecb));
  close_host();
}

static const struct test_case cases[] = {
    CASE(variables_come_with_their_length),
    CASE(a_buffer_that_is_too_small_tells_the_size),
    CASE(unknown_variables_have_none),
    CASE(an_old_error_is_no_size),
    CASE(a_value_without_its_nul_keeps_its_last_character),
    CASE(values_of_any_size_are_copied),
    CASE(values_beyond_the_limit_are_none),
    CASE(a_host_that_lies_about_sizes_ends_somewhere),
    CASE(wide_variables_become_utf8),
    CASE(half_pairs_stay_apart),
    CASE(mod_isapi_has_no_wide_variables),
    CASE(reads_tell_their_bytes),
    CASE(short_writes_go_on),
    CASE(writes_that_take_nothing_do_not_hang),
    CASE(failing_writes_say_that_the_client_has_gone),
    CASE(a_host_without_a_call_is_told_from_a_client_that_has_gone),
    CASE(done_tells_the_status),
    CASE(abilities_are_asked_for),
};
TEST_MAIN(cases)
