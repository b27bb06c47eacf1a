/* SPDX-License-Identifier: Apache-2.0
 *
 * A request's way through a door that is ready: to the engine and back to the host.
 */
#include "base/error.h"
#include "harness/fake_engine.h"
#include "harness/rig.h"
#include "harness/test.h"

#include <stdio.h>
#include <string.h>

#define GET "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"
#define HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n"

static struct fake_host host;
static struct pie_door *door;

static void open_door(enum fake_kind kind, const char *request) {
  fake_engine_reset();
  fake_open(&host, kind, request);
  door = rig_door_ready(&host);
}

static void close_door(void) {
  CHECK_TEXT(host.breach ? host.breach : "", "");
  CHECK(door->parked == NULL);
  rig_door_free(door);
  fake_close(&host);
}

/* ---- in place ---- */

static void a_request_is_served_in_place(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_door((enum fake_kind)kind, GET);
    CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
    CHECK_STR(pie_buf_str(&host.wire), HELLO);
    CHECK_INT(host.done_calls, 0); /* the return value has said it */
    CHECK_INT(fake_engine.handled, 1);
    close_door();
  }
}

static int flags_seen;

static int see_flags(struct pie_request *request, const struct pie_request_info *info, int flags) {
  flags_seen = flags;
  return fake_hello(request, info, flags);
}

static void the_engine_is_told_what_the_host_allows(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_door((enum fake_kind)kind, GET);
    fake_engine.handle = see_flags;
    rig_serve(door, &host);
    bool may_pend = kind == FAKE_IIS || kind == FAKE_OURS;
    CHECK_INT(flags_seen, may_pend ? PIE_MAY_PEND : 0);
    fake_close(&host);
    fake_open(&host, (enum fake_kind)kind, GET);
    pie_door_idle(door, 3); /* a host that does so once does so always */
    rig_serve(door, &host);
    CHECK_INT(flags_seen, (may_pend ? PIE_MAY_PEND : 0) | PIE_WILL_IDLE);
    CHECK_INT(fake_engine.idled, 1);
    close_door();
  }
}

static void a_body_goes_there_and_back(void) {
  open_door(FAKE_IIS, "POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\nhello world");
  fake_engine.handle = fake_echo;
  fake_ahead(&host, 5);
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_STR(pie_buf_str(&host.wire),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  close_door();
}

/* ---- later, on another thread ---- */

static struct pie_request *pended[64];
static int pended_count;

static int pend(struct pie_request *request, const struct pie_request_info *info, int flags) {
  (void)info, (void)flags;
  fake_door_ops()->pend(request);
  pended[pended_count++] = request;
  return PIE_HANDLE_PENDING;
}

static void finish_pended(void) {
  for (int i = 0; i < pended_count; i++)
    fake_hello(pended[i], NULL, 0);
  pended_count = 0;
}

static void a_request_may_pend(void) {
  open_door(FAKE_IIS, GET);
  fake_engine.handle = pend;
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_PENDING);
  CHECK_INT(host.sends + host.done_calls, 0);
  finish_pended();
  CHECK_STR(pie_buf_str(&host.wire), HELLO);
  CHECK_INT(host.done_calls, 1);
  CHECK_INT(host.outcome, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  close_door();
}

static int pend_and_finish(struct pie_request *request, const struct pie_request_info *info,
                           int flags) {
  pend(request, info, flags);
  finish_pended(); /* before handle() is back: the request is gone then */
  return PIE_HANDLE_PENDING;
}

static void a_request_may_be_over_before_it_pends(void) {
  open_door(FAKE_IIS, GET);
  fake_engine.handle = pend_and_finish;
  CHECK_INT(pie_door_handle(door, &host.ecb), HSE_STATUS_PENDING);
  CHECK_INT(host.done_calls, 1);
  CHECK_STR(pie_buf_str(&host.wire), HELLO);
  close_door();
}

static void many_requests_may_pend_at_once(void) {
  enum { N = 40 };
  static struct fake_host hosts[N];
  open_door(FAKE_IIS, GET);
  fake_engine.handle = pend;
  for (int i = 0; i < N; i++) {
    fake_open(&hosts[i], FAKE_IIS, GET);
    CHECK_INT(rig_serve(door, &hosts[i]), HSE_STATUS_PENDING);
  }
  finish_pended();
  for (int i = 0; i < N; i++) {
    CHECK_STR(pie_buf_str(&hosts[i].wire), HELLO);
    CHECK_INT(hosts[i].done_calls, 1);
    CHECK(hosts[i].breach == NULL);
    fake_close(&hosts[i]);
  }
  CHECK(door->free_count <= PIE_DOOR_FREE_MAX);
  close_door();
}

/* ---- failures ---- */

static const struct pie_failure broke = {500, "It <broke>.", "Traceback", "Mend it."};

static int fail(struct pie_request *request, const struct pie_request_info *info, int flags) {
  (void)info, (void)flags;
  fake_door_ops()->fail(request, &broke);
  return PIE_HANDLE_DONE;
}

static void check_page(const char *addr, const char *show, bool full) {
  char why[256];
  open_door(FAKE_IIS, GET);
  pie_settings_set(&door->settings, PIE_SET_SHOW_ERRORS, pie_str_from(show), why, sizeof why);
  fake_set(&host, "REMOTE_ADDR", addr);
  fake_engine.handle = fail;
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  const char *wire = pie_buf_str(&host.wire).p;
  test_context("%s, show-errors %s", addr, show);
  CHECK_HAS(wire, "HTTP/1.1 500 Internal Server Error\r\n"
                  "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
                  "Content-Length: ");
  CHECK_HAS(wire, "<p class=\"ref\">Reference ");
  if (full) {
    CHECK_HAS(wire, "It &lt;broke&gt;.");
    CHECK_HAS(wire, "Traceback");
    CHECK_HAS(wire, "Mend it.");
  } else {
    CHECK_HAS_NOT(wire, "broke");
    CHECK_HAS_NOT(wire, "Traceback");
    CHECK_HAS_NOT(wire, "Mend it.");
  }
  CHECK_HAS(rig_log(door), "It <broke>.");
  test_context(NULL);
  close_door();
}

static void who_sees_the_text_of_a_failure(void) {
  check_page("127.0.0.1", "local", true);
  check_page("192.0.2.7", "local", false);
  check_page("192.0.2.7", "always", true);
  check_page("127.0.0.1", "never", false);
}

/* The page and the log name the same request. */
static void a_reference_leads_to_the_log(void) {
  open_door(FAKE_IIS, GET);
  fake_engine.handle = fail;
  rig_serve(door, &host);
  const char *at = strstr(pie_buf_str(&host.wire).p, "Reference ");
  REQUIRE(at != NULL);
  char line[100];
  snprintf(line, sizeof line, "ERROR [%.*s] It <broke>.", (int)strcspn(at + 10, "<"), at + 10);
  CHECK_HAS(rig_log(door), line);
  close_door();
}

static void a_failure_on_mod_isapi_is_our_page(void) {
  open_door(FAKE_APACHE, GET);
  fake_set(&host, "REMOTE_ADDR", "::1");
  fake_engine.handle = fail;
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK(!host.apache_page);
  CHECK_HAS(pie_buf_str(&host.wire).p, "HTTP/1.1 500 Internal Server Error\r\n");
  CHECK_HAS(pie_buf_str(&host.wire).p, "Mend it.");
  close_door();
}

static int fail_late(struct pie_request *request, const struct pie_request_info *info, int flags) {
  struct pie_response_head head = {200, PIE_STR("OK"), NULL, 0};
  struct pie_str body = PIE_STR("half");
  const struct pie_door_ops *ops = fake_door_ops();
  (void)info, (void)flags;
  ops->respond(request, &head);
  CHECK(!ops->head_sent(request));
  ops->write(request, &body, 1, 0);
  CHECK(ops->head_sent(request));
  CHECK_INT(ops->respond(request, &head), -PIE_ESTATE);
  ops->fail(request, &broke);
  return PIE_HANDLE_DONE;
}

static void a_failure_after_the_head_breaks_the_response(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    struct pie_buf body;
    pie_buf_init(&body, 1000);
    open_door((enum fake_kind)kind, GET);
    fake_engine.handle = fail_late;
    CHECK_INT(rig_serve(door, &host), HSE_STATUS_ERROR);
    CHECK(fake_read_wire(&host, &body) != FAKE_WHOLE);
    CHECK_INT(host.closes, 1);
    CHECK_HAS_NOT(pie_buf_str(&host.wire).p, "broke");
    pie_buf_free(&body);
    close_door();
  }
}

static int give_nothing(struct pie_request *request, const struct pie_request_info *info,
                        int flags) {
  static const struct pie_header length = {{"Content-Length", 14}, {"7", 1}};
  struct pie_response_head head = {200, PIE_STR("OK"), &length, 1};
  (void)info, (void)flags;
  fake_door_ops()->respond(request, &head);
  fake_door_ops()->finish(request, true);
  return PIE_HANDLE_DONE;
}

static void no_bytes_for_a_length_are_a_failure(void) {
  open_door(FAKE_IIS, GET);
  fake_set(&host, "REMOTE_ADDR", "127.0.0.1");
  fake_engine.handle = give_nothing;
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(pie_buf_str(&host.wire).p, "HTTP/1.1 500 Internal Server Error\r\n");
  CHECK_HAS(pie_buf_str(&host.wire).p, "less than its Content-Length");
  CHECK_HAS(rig_log(door), "less than its Content-Length");
  close_door();
}

static void a_full_queue_is_told(void) {
  for (int kind = FAKE_IIS; kind <= FAKE_APACHE; kind++) {
    open_door((enum fake_kind)kind, GET);
    fake_engine.handle = fake_busy;
    CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
    CHECK_HAS(pie_buf_str(&host.wire).p, "HTTP/1.1 503 Service Unavailable\r\n");
    CHECK_HAS(pie_buf_str(&host.wire).p, "Retry-After: 1\r\n");
    CHECK_INT(host.done_calls, 0);
    close_door();
  }
}

static void a_client_that_has_gone_gets_no_page(void) {
  open_door(FAKE_IIS, GET);
  host.fail_at = 1;
  fake_engine.handle = fail;
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_ERROR);
  CHECK_INT(host.sends, 1);
  close_door();
}

/* ---- the engine's questions ---- */

static int ask(struct pie_request *request, const struct pie_request_info *info, int flags) {
  const struct pie_door_ops *ops = fake_door_ops();
  char text[8];
  CHECK_INT(ops->variable(request, "SERVER_PORT", text, sizeof text), 4);
  CHECK_TEXT(text, "8080");
  CHECK_INT(ops->variable(request, "NO_SUCH", text, sizeof text), -PIE_ENOENT);
  CHECK_INT(ops->variable(request, "SERVER_NAME", text, sizeof text), -PIE_ETOOBIG);
  struct pie_log_origin origin = {info->id, info->app, info->root, info->config};
  ops->log(door, &origin, PIE_LOG_WARNING, PIE_STR("from the engine"));
  struct pie_header bad = {PIE_STR("X"), PIE_STR("a\nb")};
  struct pie_response_head head = {200, PIE_STR("OK"), &bad, 1};
  CHECK_INT(ops->respond(request, &head), -PIE_EINVAL);
  CHECK_HAS(ops->complaint(request), "a control character");
  return fake_hello(request, info, flags);
}

static void the_engine_can_ask(void) {
  open_door(FAKE_IIS, GET);
  fake_engine.handle = ask;
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_HAS(rig_log(door), "from the engine");
  close_door();
}

static char first_id[32];

static int keep_id(struct pie_request *request, const struct pie_request_info *info, int flags) {
  if (!first_id[0])
    snprintf(first_id, sizeof first_id, "%.*s", (int)info->id.n, info->id.p);
  else
    CHECK(!pie_str_equal(info->id, pie_str_from(first_id)));
  CHECK(info->id.n >= 10 && info->id.n < 24);
  return fake_hello(request, info, flags);
}

static void every_request_has_an_id_of_its_own(void) {
  open_door(FAKE_IIS, GET);
  fake_engine.handle = keep_id;
  first_id[0] = '\0';
  for (int i = 0; i < 40; i++) {
    fake_close(&host);
    fake_open(&host, FAKE_IIS, GET);
    rig_serve(door, &host);
  }
  close_door();
}

/* No data of one request is readable by another, whose memory it was. */
static int look_around(struct pie_request *request, const struct pie_request_info *info,
                       int flags) {
  if (pie_str_equal(info->query, PIE_STR("second"))) {
    CHECK_INT(info->header_count, 0);
    CHECK_INT(info->content_length, PIE_LENGTH_NONE);
    CHECK_STR(pie_str_from(fake_door_ops()->complaint(request)), "");
    char byte;
    CHECK_INT(fake_door_ops()->read(request, &byte, 1), 0);
    return fake_hello(request, info, flags);
  }
  struct pie_header bad = {PIE_STR("Secret"), PIE_STR("a\nb")};
  struct pie_response_head head = {200, PIE_STR("OK"), &bad, 1};
  CHECK_INT(fake_door_ops()->respond(request, &head), -PIE_EINVAL);
  fake_door_ops()->finish(request, false);
  return PIE_HANDLE_DONE;
}

static void a_request_inherits_nothing(void) {
  open_door(FAKE_IIS, "POST /?first HTTP/1.1\r\nSecret: 1\r\nContent-Length: 3\r\n\r\nabc");
  fake_engine.handle = look_around;
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_ERROR);
  fake_close(&host);
  fake_open(&host, FAKE_IIS, "GET /?second HTTP/1.1\r\n\r\n");
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_STR(pie_buf_str(&host.wire), HELLO);
  close_door();
}

/* ---- mod_isapi and Expect: 100-continue ---- */

#define EXPECTS "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"

static void a_body_that_httpd_has_lost_is_told(void) {
  open_door(FAKE_APACHE, EXPECTS);
  fake_ahead(&host, 0);
  host.ecb.cbTotalBytes = 0;
  host.body_cut = 5; /* it has read already, in vain */
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS);
  CHECK_HAS(pie_buf_str(&host.wire).p, "HTTP/1.1 417 Expectation Failed\r\n");
  CHECK_INT(fake_engine.handled, 0);
  close_door();
}

static void httpd_is_made_to_ask_for_a_body(void) {
  open_door(FAKE_APACHE, EXPECTS);
  fake_ahead(&host, 0);
  host.ecb.cbTotalBytes = 0; /* ISAPIReadAheadBuffer 0 */
  fake_engine.handle = fake_echo;
  CHECK_INT(rig_serve(door, &host), HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_STR(pie_buf_str(&host.calls), "head 200 OK keep\nhead 200 OK keep\nwrite 5\n");
  CHECK_STR(pie_buf_str(&host.wire), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello");
  close_door();
}

static void the_end_is_passed_on(void) {
  open_door(FAKE_IIS, GET);
  pie_door_stop(door, 1234);
  CHECK_INT(fake_engine.stops, 1);
  CHECK_INT(fake_engine.stop_timeout_ms, 1234);
  door->state = PIE_DOOR_FAILED;
  pie_door_stop(door, 1);
  pie_door_idle(door, 0);
  CHECK_INT(fake_engine.stops, 1);
  CHECK_INT(fake_engine.idled, 0);
  close_door();
}

static const struct test_case cases[] = {
    CASE(a_request_is_served_in_place),
    CASE(the_engine_is_told_what_the_host_allows),
    CASE(a_body_goes_there_and_back),
    CASE(a_request_may_pend),
    CASE(a_request_may_be_over_before_it_pends),
    CASE(many_requests_may_pend_at_once),
    CASE(who_sees_the_text_of_a_failure),
    CASE(a_reference_leads_to_the_log),
    CASE(a_failure_on_mod_isapi_is_our_page),
    CASE(a_failure_after_the_head_breaks_the_response),
    CASE(no_bytes_for_a_length_are_a_failure),
    CASE(a_full_queue_is_told),
    CASE(a_client_that_has_gone_gets_no_page),
    CASE(the_engine_can_ask),
    CASE(every_request_has_an_id_of_its_own),
    CASE(a_request_inherits_nothing),
    CASE(a_body_that_httpd_has_lost_is_told),
    CASE(httpd_is_made_to_ask_for_a_body),
    CASE(the_end_is_passed_on),
};
TEST_MAIN(cases)
