/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that the server answers itself (EXEC_URL), and those that it brings back.
 */
#include "base/error.h"
#include "harness/rig.h"
#include "harness/test.h"

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

extern const struct pie_door_ops pie_door_ops;

static struct rig rig, other;
static int other_result;

static int pass_on(struct rig *which) {
  int status = 0;
  int err = pie_door_ops.pass_on(which->request, NULL, &status);
  return err ? err : status;
}

/* What happens while the server answers the first request: another one wants the same. */
static void another_comes(struct fake_host *host) {
  (void)host;
  other_result = pass_on(&other);
}

static void answers(struct fake_host *host) { (void)host; }

/* Both are in the door of the first. */
static void open_two(const char *port, const char *protocol, const char *target) {
  rig_open(&rig, FAKE_IIS, GET);
  rig_open(&other, FAKE_IIS, GET);
  rig.host.exec_url = another_comes;
  other.host.exec_url = answers;
  other.request->door = rig.door;
  other.request->info.remote_port = pie_str_from(port);
  other.request->info.protocol = pie_str_from(protocol);
  other.request->info.target = pie_str_from(target);
}

static void close_two(int want) {
  CHECK_INT(pass_on(&rig), 200);
  CHECK_INT(other_result, want);
  CHECK_INT(rig.request->response.state, PIE_RESPONSE_DONE);
  CHECK(rig.door->passing == NULL);
  rig_close(&other);
  rig_close(&rig);
}

static void requests_of_other_connections_are_others(void) {
  open_two("50001", "HTTP/1.1", "/a");
  close_two(200);
  open_two("", "HTTP/1.1", "/a"); /* nobody can tell */
  close_two(200);
}

static void a_request_that_comes_back_is_not_passed_on_again(void) {
  open_two("50000", "HTTP/1.1", "/a");
  close_two(-PIE_ENOTSUP);
  open_two("50000", "HTTP/1.1", "/static/a"); /* EXEC_URL may have changed it */
  close_two(-PIE_ENOTSUP);
}

static void a_connection_of_http_2_has_several_requests(void) {
  open_two("50000", "HTTP/2.0", "/b");
  close_two(200);
  open_two("50000", "HTTP/2.0", "/a"); /* of those, some may be alike */
  close_two(200);
  open_two("50000", "HTTP/2.0", "/a");
  rig.door->settings.number[PIE_SET_THREADS] = 3;
  close_two(-PIE_ENOTSUP);
}

static void a_request_can_be_passed_on_after_another(void) {
  rig_open(&rig, FAKE_IIS, GET);
  rig.host.exec_url = answers;
  CHECK_INT(pass_on(&rig), 200);
  CHECK_INT(pass_on(&rig), -PIE_ESTATE); /* its answer has been given */
  rig_close(&rig);
}

static void a_server_may_refuse(void) {
  rig_open(&rig, FAKE_IIS, GET);
  CHECK_INT(pass_on(&rig), -PIE_ENOTSUP);
  CHECK(rig.door->passing == NULL);
  rig_close(&rig);
}

static const struct test_case cases[] = {
    CASE(requests_of_other_connections_are_others),
    CASE(a_request_that_comes_back_is_not_passed_on_again),
    CASE(a_connection_of_http_2_has_several_requests),
    CASE(a_request_can_be_passed_on_after_another),
    CASE(a_server_may_refuse),
};
TEST_MAIN(cases)
