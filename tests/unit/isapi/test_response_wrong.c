/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses that go wrong: wrong heads, wrong lengths, clients that have gone at every step.
 */
#include "base/error.h"
#include "harness/rig.h"
#include "harness/test.h"
#include "isapi/response.h"

#include <stdio.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\n\r\n"

static struct rig rig;

static const char *one_header[] = {"", "", NULL};

static int take_one(const char *name, const char *value) {
  one_header[0] = name;
  one_header[1] = value;
  return rig_take(&rig, 200, "OK", one_header);
}

/* ---- heads ---- */

static void wrong_names_and_values_are_refused(void) {
  static const char *const names[] = {"", "a b", "a:", "a\r\nb", "\xe4", "a(", " a", "a "};
  static const char *const values[] = {"a\r\nb: c", "a\nb", "a\rb", "\x01", "a\x7f", "\n", "\x1f"};
  rig_open(&rig, FAKE_IIS, GET);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    test_context("name %s", names[i]);
    CHECK_INT(take_one(names[i], "v"), -PIE_EINVAL);
    CHECK_HAS(rig.request->response.complaint, "not a header name");
  }
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    test_context("value %s", values[i]);
    CHECK_INT(take_one("X-Name", values[i]), -PIE_EINVAL);
    CHECK_HAS(rig.request->response.complaint, "a control character in the value of: X-Name");
  }
  struct pie_header nul = {PIE_STR("X"), PIE_STR("a\0b")};
  struct pie_response_head head = {200, PIE_STR("OK"), &nul, 1};
  CHECK_INT(pie_response_take(rig.request, &head), -PIE_EINVAL);
  CHECK_INT(take_one("X", "a\tb \xe4\xff"), 0); /* these may be there */
  CHECK_INT(rig_write(&rig, "", PIE_WRITE_FINAL), 0);
  CHECK(rig.host.breach == NULL);
  rig_close(&rig);
}

static void wrong_statuses_are_refused(void) {
  rig_open(&rig, FAKE_IIS, GET);
  CHECK_INT(rig_take(&rig, 99, "OK", NULL), -PIE_EINVAL);
  CHECK_INT(rig_take(&rig, 1000, "OK", NULL), -PIE_EINVAL);
  CHECK_INT(rig_take(&rig, 0, "OK", NULL), -PIE_EINVAL);
  CHECK_INT(rig_take(&rig, -200, "OK", NULL), -PIE_EINVAL);
  CHECK_HAS(rig.request->response.complaint, "from 100 to 999");
  CHECK_INT(rig_take(&rig, 200, "OK\r\nX: y", NULL), -PIE_EINVAL);
  CHECK_INT(rig_take(&rig, 200, "OK\n", NULL), -PIE_EINVAL);
  CHECK_HAS(rig.request->response.complaint, "control character in the status");
  CHECK_INT(rig_write(&rig, "x", 0), -PIE_ESTATE); /* no status yet: nothing can be written */
  CHECK_INT(rig.host.sends, 0);
  rig_close(&rig);
}

static void a_refused_head_leaves_none(void) {
  rig_open(&rig, FAKE_IIS, GET);
  CHECK_INT(take_one("X", "good"), 0);
  CHECK_INT(take_one("X", "b\nd"), -PIE_EINVAL);
  CHECK_INT(rig_write(&rig, "x", 0), -PIE_ESTATE);
  rig_finish(&rig, true);
  CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR);
  CHECK_INT(rig.host.wire.n, 0);
  rig_close(&rig);
}

static void wrong_lengths_are_refused(void) {
  static const char *const values[] = {"", "-1", "x", "5,5", "+5", "0x5", "99999999999999999999"};
  static const char *const two[] = {"Content-Length", "5", "content-length", "6", NULL};
  static const char *const same[] = {"Content-Length", "5", "content-length", " 5 ", NULL};
  rig_open(&rig, FAKE_IIS, GET);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    test_context("%s", values[i]);
    CHECK_INT(take_one("Content-Length", values[i]), -PIE_EINVAL);
  }
  CHECK_INT(rig_take(&rig, 200, "OK", two), -PIE_EINVAL);
  CHECK_INT(rig_take(&rig, 200, "OK", same), 0);
  CHECK_INT(rig_write(&rig, "hello", PIE_WRITE_FINAL), 0);
  CHECK_STR(pie_buf_str(&rig.host.wire), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  rig_close(&rig);
}

static void fields_of_the_connection_are_dropped_with_a_line(void) {
  static const char *const headers[] = {"Transfer-Encoding",
                                        "chunked",
                                        "Connection",
                                        "keep-alive",
                                        "Keep-Alive",
                                        "x",
                                        "TE",
                                        "x",
                                        "Trailer",
                                        "x",
                                        "upgrade",
                                        "x",
                                        "Proxy-Connection",
                                        "x",
                                        "Proxy-Authenticate",
                                        "x",
                                        "X",
                                        "y",
                                        NULL};
  rig_open(&rig, FAKE_IIS, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", headers), 0);
  CHECK_INT(rig_write(&rig, "", PIE_WRITE_FINAL), 0);
  CHECK_STR(pie_buf_str(&rig.host.wire), "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 0\r\n\r\n");
  CHECK_TEXT(rig_log(rig.door),
             "WARNING [id-1] dropped a header that belongs to the connection, such as "
             "Transfer-Encoding: applications must not set these\n");
  rig_close(&rig);
}

/* mod_isapi cuts a longer line and reads the rest as another one (section 7). */
static void lines_over_8_kib_are_refused_on_mod_isapi(void) {
  static char value[9000];
  rig_open(&rig, FAKE_APACHE, GET);
  memset(value, 'v', 8190 - 5);
  CHECK_INT(take_one("X", value), 0);
  value[8190 - 5] = 'v';
  CHECK_INT(take_one("X", value), -PIE_ETOOBIG);
  CHECK_HAS(rig.request->response.complaint, "too long for httpd's mod_isapi");
  value[8190 - 5] = '\0';
  CHECK_INT(take_one("X", value), 0);
  CHECK_INT(rig_write(&rig, "", PIE_WRITE_FINAL), 0);
  CHECK(rig.host.breach == NULL);
  rig_close(&rig);
  rig_open(&rig, FAKE_IIS, GET);
  memset(value, 'v', sizeof value - 1);
  CHECK_INT(take_one("X", value), 0); /* only there */
  CHECK_INT(rig_write(&rig, "", PIE_WRITE_FINAL), 0);
  rig_close(&rig);
}

static void heads_have_a_limit(void) {
  static char value[60000];
  static const char *const headers[] = {"A", value, "B", value, "C", value,
                                        "D", value, "E", value, NULL};
  rig_open(&rig, FAKE_IIS, GET);
  memset(value, 'v', sizeof value - 1);
  CHECK_INT(rig_take(&rig, 200, "OK", headers), -PIE_ETOOBIG);
  CHECK_HAS(rig.request->response.complaint, "too many bytes of headers at: E");
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0); /* an error page can still be sent */
  CHECK_INT(rig_write(&rig, "sorry", PIE_WRITE_FINAL), 0);
  rig_close(&rig);
}

/* ---- lengths that do not fit ---- */

static void check_cut(enum fake_kind kind) {
  static const char *const headers[] = {"Content-Length", "7", NULL};
  rig_open(&rig, kind, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", headers), 0);
  CHECK_INT(rig_write(&rig, "hello", 0), 0);
  struct pie_str parts[] = {PIE_STR("w"), PIE_STR("orld"), PIE_STR("!")};
  CHECK_INT(pie_response_write(rig.request, parts, 3, 0), 0);
  CHECK_INT(rig_write(&rig, "more", 0), 0);
  rig_finish(&rig, true);
  CHECK_STR(pie_buf_str(&rig.host.wire), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhellowo");
  CHECK_INT(rig.request->outcome, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_TEXT(rig_log(rig.door), "WARNING [id-1] the application sent more than its "
                                "Content-Length: the rest was dropped\n"); /* once */
  CHECK(rig.host.breach == NULL);
  rig_close(&rig);
}

static void bytes_beyond_the_length_are_dropped(void) {
  check_cut(FAKE_IIS);
  check_cut(FAKE_APACHE);
}

static void check_short(enum fake_kind kind, const char *body, int flags, const char *wire) {
  static const char *const headers[] = {"Content-Length", "7", NULL};
  rig_open(&rig, kind, GET);
  test_context("kind %d, \"%s\"", kind, body);
  CHECK_INT(rig_take(&rig, 200, "OK", headers), 0);
  CHECK_INT(rig_write(&rig, body, flags), 0);
  CHECK_INT(rig_finish(&rig, true), 0);
  CHECK_STR(pie_buf_str(&rig.host.wire), wire);
  CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR); /* httpd closes on it */
  CHECK_INT(rig.host.closes, 1);                     /* IIS does on this, */
  CHECK_INT(rig.host.aborts, 1);                     /* by a reset on this */
  CHECK(!rig.host.is_final);
  CHECK_HAS(rig_log(rig.door), "sent less than its Content-Length");
  CHECK(rig.host.breach == NULL);
  test_context(NULL);
  rig_close(&rig);
}

static void too_few_bytes_break_the_response(void) {
  static const char wire[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello";
  for (int flags = 0; flags <= PIE_WRITE_FINAL; flags++) {
    check_short(FAKE_IIS, "hello", flags, wire);
    check_short(FAKE_APACHE, "hello", flags, wire);
  }
}

/* Nothing of the body has come, and nothing has left: a page can say so. */
static void no_bytes_at_all_leave_room_for_a_page(void) {
  static const char *const headers[] = {"Content-Length", "7", NULL};
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    rig_open(&rig, (enum fake_kind)kind, GET);
    CHECK_INT(rig_take(&rig, 200, "OK", headers), 0);
    CHECK_INT(rig_write(&rig, "", kind % 2 ? PIE_WRITE_FINAL : 0), 0);
    CHECK_INT(rig_finish(&rig, true), -PIE_ESTATE);
    CHECK_INT(rig.host.sends, 0);
    CHECK_INT(rig_take(&rig, 502, "Sorry", NULL), 0);
    CHECK_INT(rig_write(&rig, "page", PIE_WRITE_FINAL), 0);
    CHECK_INT(rig_finish(&rig, true), 0);
    CHECK_STR(pie_buf_str(&rig.host.wire), "HTTP/1.1 502 Sorry\r\nContent-Length: 4\r\n\r\npage");
    CHECK_INT(rig.request->outcome, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
    CHECK(rig.host.breach == NULL);
    rig_close(&rig);
  }
}

static void a_response_that_is_not_whole_is_broken_off(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    struct pie_buf body;
    pie_buf_init(&body, 1000);
    rig_open(&rig, (enum fake_kind)kind, GET);
    CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
    CHECK_INT(rig_write(&rig, "hello", 0), 0);
    rig_finish(&rig, false);
    CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR);
    CHECK_INT(rig.host.closes, 1);
    CHECK(!rig.host.is_final);
    CHECK(fake_read_wire(&rig.host, &body) != FAKE_WHOLE);
    CHECK(rig.host.breach == NULL);
    CHECK_STR(pie_str_from(rig_log(rig.door)), ""); /* who broke it has told why */
    rig_close(&rig);
    pie_buf_free(&body);
  }
}

static void no_response_at_all_is_an_error(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    rig_open(&rig, (enum fake_kind)kind, GET);
    rig_finish(&rig, true);
    CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR);
    CHECK_INT(rig.host.wire.n, 0);
    CHECK_INT(rig.host.sends, 0);
    CHECK(rig.host.breach == NULL);
    rig_close(&rig);
  }
}

/* ---- clients that have gone ---- */

/* One way of answering "helloworld"; returns whether all calls said that it went well. */
static bool answer(int way) {
  static const char *const sized[] = {"Content-Length", "10", NULL};
  struct pie_str parts[] = {PIE_STR("hel"), PIE_STR("lo"), PIE_STR("wor"), PIE_STR("ld")};
  if (rig_take(&rig, way == 3 ? 500 : 200, "OK", way == 1 ? sized : NULL))
    return false;
  if (way == 0)
    return rig_write(&rig, "helloworld", PIE_WRITE_FINAL) == 0;
  return pie_response_write(rig.request, parts, 2, 0) == 0 &&
         pie_response_write(rig.request, parts + 2, 2, 0) == 0 &&
         rig_write(&rig, NULL, PIE_WRITE_FINAL) == 0;
}

static void check_failing(enum fake_kind kind, int way, int fail_at) {
  struct pie_buf body;
  rig_open(&rig, kind, GET);
  pie_buf_init(&body, 1000);
  rig.host.fail_at = fail_at;
  test_context("kind %d, way %d, call %d fails", kind, way, fail_at);
  bool good = answer(way);
  int sends = rig.host.sends;
  CHECK_INT(good, sends < fail_at);
  CHECK_INT(rig_write(&rig, "more", 0), good ? -PIE_ESTATE : -PIE_EGONE);
  CHECK_INT(rig.host.sends, sends); /* nothing is tried on a broken connection */
  rig_finish(&rig, good);
  CHECK(rig.host.breach == NULL);
  enum fake_end end = fake_read_wire(&rig.host, &body);
  bool is_all = pie_str_equal(pie_buf_str(&body), PIE_STR("helloworld"));
  CHECK(good ? is_all : rig.request->outcome == HSE_STATUS_ERROR);
  CHECK(end != FAKE_WHOLE || is_all);
  test_context(NULL);
  pie_buf_free(&body);
  rig_close(&rig);
}

static void a_client_may_go_at_every_step(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    for (int way = 0; way <= 3; way++) {
      for (int fail_at = 1; fail_at <= 8; fail_at++)
        check_failing((enum fake_kind)kind, way, fail_at);
    }
  }
}

static void a_client_that_has_gone_is_no_missing_call(void) {
  rig_open(&rig, FAKE_IIS, GET);
  rig.host.fail_at = 1;
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  CHECK_INT(rig_write(&rig, "hello", PIE_WRITE_FINAL), -PIE_EGONE);
  CHECK(rig.door->quirks.vector); /* others go on with vectors */
  CHECK_STR(pie_buf_str(&rig.host.calls), "vector head final 1\n");
  rig_close(&rig);
}

/* A vector that is refused in mid-response breaks that response, and changes no back end. */
static void a_vector_refused_later_breaks_the_response(void) {
  rig_open(&rig, FAKE_IIS, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  CHECK_INT(rig_write(&rig, "hello", 0), 0);
  rig.host.has_vector = false;
  CHECK_INT(rig_write(&rig, "world", 0), -PIE_EGONE);
  rig_finish(&rig, false);
  CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR);
  CHECK(rig.door->quirks.vector);
  CHECK_STR(pie_buf_str(&rig.host.calls), "vector head 3\nvector 3\n");
  rig_close(&rig);
}

/* Whether IIS takes a vector without elements is not documented. */
static void a_refused_end_is_no_loss(void) {
  static const char *const headers[] = {"Content-Length", "5", NULL};
  struct pie_buf body;
  pie_buf_init(&body, 1000);
  rig_open(&rig, FAKE_IIS, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", headers), 0);
  CHECK_INT(rig_write(&rig, "hello", 0), 0);
  rig.host.has_vector = false;
  rig_finish(&rig, true);
  CHECK_INT(rig.request->outcome, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_STR(pie_buf_str(&rig.host.calls), "vector head 1\nvector final 0\n");
  CHECK_INT(fake_read_wire(&rig.host, &body), FAKE_WHOLE);
  rig_close(&rig);
  pie_buf_free(&body);
}

/* Another request may find out that vectors are refused while this one has sent a chunked head:
 * its chunks must stay chunks. */
static void a_response_keeps_the_way_out_that_its_head_took(void) {
  struct pie_buf body;
  pie_buf_init(&body, 1000);
  rig_open(&rig, FAKE_IIS, GET);
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  CHECK_INT(rig_write(&rig, "hello", 0), 0);
  rig.door->quirks.vector = false; /* as the other request does */
  CHECK_INT(rig_write(&rig, "5\r\nworld\r\n0\r\n\r\n", 0), 0);
  rig_finish(&rig, true);
  CHECK_INT(fake_read_wire(&rig.host, &body), FAKE_WHOLE);
  CHECK_STR(pie_buf_str(&body), "hello5\r\nworld\r\n0\r\n\r\n");
  rig_close(&rig);
  pie_buf_free(&body);
}

static const struct test_case cases[] = {
    CASE(wrong_names_and_values_are_refused),
    CASE(wrong_statuses_are_refused),
    CASE(a_refused_head_leaves_none),
    CASE(wrong_lengths_are_refused),
    CASE(fields_of_the_connection_are_dropped_with_a_line),
    CASE(lines_over_8_kib_are_refused_on_mod_isapi),
    CASE(heads_have_a_limit),
    CASE(bytes_beyond_the_length_are_dropped),
    CASE(too_few_bytes_break_the_response),
    CASE(no_bytes_at_all_leave_room_for_a_page),
    CASE(a_response_that_is_not_whole_is_broken_off),
    CASE(no_response_at_all_is_an_error),
    CASE(a_client_may_go_at_every_step),
    CASE(a_client_that_has_gone_is_no_missing_call),
    CASE(a_vector_refused_later_breaks_the_response),
    CASE(a_refused_end_is_no_loss),
    CASE(a_response_keeps_the_way_out_that_its_head_took),
};
TEST_MAIN(cases)
