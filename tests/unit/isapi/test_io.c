/* SPDX-License-Identifier: Apache-2.0
 *
 * Asynchronous operations, where the host has them: one at a time, whatever the application's
 * threads do at once.
 */
#include "base/error.h"
#include "harness/fake_engine.h"
#include "harness/rig.h"
#include "harness/test.h"
#include "platform/platform.h"

#include <string.h>

#define GET "GET / HTTP/1.1\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\nabcdefgh"

static struct fake_host host;
static struct pie_door *door;
static struct pie_request *request;

static int pend(struct pie_request *given, const struct pie_request_info *info, int flags) {
  (void)info, (void)flags;
  fake_door_ops()->pend(given);
  request = given;
  return PIE_HANDLE_PENDING;
}

/* A request that pends, on a host whose asynchronous operations wait. */
static void begin(const char *text) {
  fake_open(&host, FAKE_IIS, text);
  host.holds_async = true;
  fake_ahead(&host, 0);
  door = rig_door_ready(&host);
  fake_engine.handle = pend;
  REQUIRE(rig_serve(door, &host) == HSE_STATUS_PENDING);
}

static void end(void) {
  CHECK_INT(host.done_calls, 1);
  if (host.breach)
    CHECK_TEXT(host.breach, "none");
  fake_close(&host);
  rig_door_free(door);
}

static void respond(const char *text) {
  struct pie_response_head head = {200, PIE_STR("OK"), NULL, 0};
  char bytes[64]; /* gone when this returns, as what an application sends may be */
  struct pie_str body = {bytes, strlen(text)};
  memcpy(bytes, text, body.n);
  CHECK_INT(fake_door_ops()->respond(request, &head), 0);
  CHECK_INT(fake_door_ops()->write(request, &body, 1, PIE_WRITE_FINAL), 0);
  memset(bytes, 'x', sizeof bytes);
}

static void wait_for_operation(void) {
  for (int i = 0; i < 5000 && !host.is_held; i++)
    pie_thread_sleep_ms(1);
  REQUIRE(host.is_held);
}

static void the_last_send_ends_the_session(void) {
  begin(GET);
  respond("hello");
  CHECK(host.is_held);
  fake_door_ops()->finish(request, true);
  CHECK_INT(host.done_calls, 0);
  fake_complete(&host, 0);
  CHECK_INT(host.outcome, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  CHECK_STR(pie_buf_str(&host.wire), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  end();
}

static void the_last_send_may_be_over_before_the_request(void) {
  begin(GET);
  respond("hello");
  fake_complete(&host, 0);
  CHECK_INT(host.done_calls, 0);
  fake_door_ops()->finish(request, true);
  CHECK_INT(host.outcome, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  end();
}

static void a_last_send_that_fails_is_an_error(void) {
  for (int early = 0; early < 2; early++) {
    begin(GET);
    respond("hello");
    if (early)
      fake_complete(&host, 64);
    fake_door_ops()->finish(request, true);
    if (!early)
      fake_complete(&host, 64);
    CHECK_INT(host.outcome, HSE_STATUS_ERROR);
    end();
  }
}

/* The end of a response in pieces that the connection's end delimits. */
static void an_end_without_bytes_is_not_waited_for(void) {
  const struct pie_response_head head = {200, PIE_STR("OK"), NULL, 0};
  struct pie_str piece = PIE_STR("hello");
  begin("GET / HTTP/1.0\r\n\r\n");
  CHECK_INT(fake_door_ops()->respond(request, &head), 0);
  CHECK_INT(fake_door_ops()->write(request, &piece, 1, 0), 0);
  fake_door_ops()->finish(request, true);
  CHECK(!host.is_held);
  CHECK(host.is_final);
  CHECK_INT(host.outcome, HSE_STATUS_SUCCESS);
  end();
}

/* ---- two at once ---- */

static int64_t got;
static char space[8];

static void read_main(void *arg) {
  (void)arg;
  got = fake_door_ops()->read(request, space, sizeof space);
}

/* The application still reads, as in close() of what it has returned. */
static void a_read_waits_for_the_last_send(void) {
  struct pie_thread thread;
  for (int fails = 0; fails < 2; fails++) {
    begin(POST);
    respond("hello");
    REQUIRE(pie_thread_start(&thread, 256 * 1024, read_main, NULL) == 0);
    pie_thread_sleep_ms(50);
    fake_complete(&host, fails ? 64 : 0);
    if (!fails) {
      wait_for_operation();
      fake_complete(&host, 0);
    }
    pie_thread_join(&thread);
    CHECK_INT(got, fails ? -PIE_EGONE : 8);
    fake_door_ops()->finish(request, true);
    CHECK_INT(host.outcome, fails ? HSE_STATUS_ERROR : HSE_STATUS_SUCCESS_AND_KEEP_CONN);
    end();
  }
}

static void while_another_thread_reads_the_last_send_is_waited_for(void) {
  struct pie_thread thread;
  begin(POST);
  REQUIRE(pie_thread_start(&thread, 256 * 1024, read_main, NULL) == 0);
  wait_for_operation();
  respond("hello");
  CHECK_INT(host.asyncs, 0);
  fake_complete(&host, 0);
  pie_thread_join(&thread);
  CHECK_INT(got, 8);
  CHECK(memcmp(space, "abcdefgh", 8) == 0);
  fake_door_ops()->finish(request, true);
  CHECK_INT(host.outcome, HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  end();
}

static void while_another_thread_reads_the_request_is_not_passed_on(void) {
  struct pie_thread thread;
  int status = 0;
  begin(POST);
  REQUIRE(pie_thread_start(&thread, 256 * 1024, read_main, NULL) == 0);
  wait_for_operation();
  CHECK(fake_door_ops()->pass_on(request, "/logo.png", &status) < 0);
  fake_complete(&host, 0);
  pie_thread_join(&thread);
  CHECK_INT(got, 8);
  respond("hello");
  fake_door_ops()->finish(request, true);
  fake_complete(&host, 0);
  end();
}

static const struct test_case cases[] = {
    CASE(the_last_send_ends_the_session),
    CASE(the_last_send_may_be_over_before_the_request),
    CASE(a_last_send_that_fails_is_an_error),
    CASE(an_end_without_bytes_is_not_waited_for),
    CASE(a_read_waits_for_the_last_send),
    CASE(while_another_thread_reads_the_last_send_is_waited_for),
    CASE(while_another_thread_reads_the_request_is_not_passed_on),
};

TEST_MAIN(cases)
