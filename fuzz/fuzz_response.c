/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses whose parts an application may have from anywhere: nothing of them gets out of its
 * place, by either way out.
 * Input: bytes that choose the host, the request, the status, the writes and a call that fails,
 * then parts: reason, three pairs of name and value, two bodies.
 */
#include "base/error.h"
#include "fuzz.h"
#include "harness/rig.h"
#include "isapi/response.h"

#include <stdlib.h>
#include <string.h>

enum { HEADERS = 3 };

struct plan {
  enum fake_kind kind;
  const char *request;
  int status, fail_at;
  uint8_t writes; /* 1: a second body; 2: the last one is FINAL; 4: in parts; 8: not whole */
  struct pie_str reason, bodies[2];
  struct pie_header headers[HEADERS];
};

static struct rig rig;

static void read_plan(struct plan *plan, struct fuzz_input *input) {
  static const char *const requests[] = {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
                                         "HEAD / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\n\r\n"};
  plan->kind = (enum fake_kind)(fuzz_byte(input) % 4);
  plan->request = requests[fuzz_byte(input) % 4];
  plan->status = fuzz_byte(input) * 4 + fuzz_byte(input) % 4;
  plan->writes = fuzz_byte(input);
  plan->fail_at = fuzz_byte(input) % 16;
  plan->reason = fuzz_part(input);
  for (int i = 0; i < HEADERS; i++) {
    plan->headers[i].name = fuzz_part(input);
    plan->headers[i].value = fuzz_part(input);
  }
  plan->bodies[0] = fuzz_part(input);
  plan->bodies[1] = fuzz_part(input);
}

static int write_body(const struct plan *plan, struct pie_str body, int flags) {
  struct pie_str half = {body.p, body.n / 2}, rest = {body.p + half.n, body.n - half.n};
  struct pie_str parts[] = {half, PIE_STR(""), rest};
  if (plan->writes & 4)
    return pie_response_write(rig.request, parts, 3, flags);
  return pie_response_write(rig.request, &body, 1, flags);
}

/* True when all went well, as far as the application can see. */
static bool respond(const struct plan *plan) {
  size_t count = plan->headers[0].name.n ? HEADERS : 0;
  struct pie_response_head head = {plan->status, plan->reason, plan->headers, count};
  if (pie_response_take(rig.request, &head)) {
    FUZZ_CHECK(rig.request->response.complaint[0]);
    FUZZ_CHECK(pie_response_write(rig.request, NULL, 0, PIE_WRITE_FINAL) == -PIE_ESTATE);
    FUZZ_CHECK(rig.host.sends == 0);
    return false;
  }
  int final = plan->writes & 2 ? PIE_WRITE_FINAL : 0;
  bool second = plan->writes & 1;
  if (write_body(plan, plan->bodies[0], second ? 0 : final))
    return false;
  return !second || write_body(plan, plan->bodies[1], final) == 0;
}

/* The wire's head has one line for each header that was taken, and at most three of ours. */
static void check_head(const struct plan *plan) {
  struct pie_str wire = pie_buf_str(&rig.host.wire);
  const char *end = wire.n ? memmem(wire.p, wire.n, "\r\n\r\n", 4) : NULL;
  if (!wire.n)
    return;
  FUZZ_CHECK(end);
  struct pie_str head = {wire.p, (size_t)(end - wire.p) + 2};
  size_t lines = 0;
  while (head.n) {
    struct pie_str line = pie_str_cut(&head, '\n');
    FUZZ_CHECK(line.n && line.p[line.n - 1] == '\r');
    line.n--;
    FUZZ_CHECK(fuzz_is_one_line(line));
    lines++;
  }
  FUZZ_CHECK(lines <= 1 + HEADERS + 3);
  (void)plan;
}

/* What the client takes for the body is what the application gave. */
static void check_body(const struct plan *plan, bool good) {
  struct pie_buf body, given;
  pie_buf_init(&body, 1 << 24);
  pie_buf_init(&given, 1 << 24);
  pie_buf_add(&given, plan->bodies[0]);
  if (plan->writes & 1)
    pie_buf_add(&given, plan->bodies[1]);
  enum fake_end end = fake_read_wire(&rig.host, &body);
  bool has_body = rig.request->response.has_body;
  FUZZ_CHECK(pie_str_starts(pie_buf_str(&given), pie_buf_str(&body)));
  FUZZ_CHECK(has_body || !body.n);
  int64_t length = rig.request->response.length;
  size_t whole = length >= 0 && (uint64_t)length < given.n ? (size_t)length : given.n;
  if (good && rig.request->outcome != HSE_STATUS_ERROR && has_body)
    FUZZ_CHECK(end != FAKE_CUT && body.n == whole);
  if (end == FAKE_WHOLE && has_body)
    FUZZ_CHECK(body.n == whole || (length >= 0 && body.n == (size_t)length));
  pie_buf_free(&body);
  pie_buf_free(&given);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct fuzz_input input;
  struct plan plan;
  fuzz_begin(&input, bytes, n);
  read_plan(&plan, &input);
  rig_open(&rig, plan.kind, plan.request);
  rig.host.fail_at = plan.fail_at;
  bool good = respond(&plan);
  if (rig_finish(&rig, good && !(plan.writes & 8)))
    rig_finish(&rig, false);
  if (rig.host.breach)
    fuzz_failed(rig.host.breach, __FILE__, __LINE__);
  check_head(&plan);
  if (!rig.host.apache_page)
    check_body(&plan, good && !(plan.writes & 8));
  rig_close(&rig);
  fuzz_end();
  return 0;
}
