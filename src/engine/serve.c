/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to its application.
 */
#include "base/error.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/limit.h"
#include "engine/server.h"
#include "engine/site.h"
#include "engine/wsgi.h"

enum { PATIENCE_US = 1000000 /* of a client, before it is looked for */ };

/* No mount takes the path. */
static void answer_404(struct pie_call *call) {
  static const char text[] = "404 Not Found: no application is mounted here.\n";
  const struct pie_header headers[] = {
      {PIE_STR("Content-Type"), PIE_STR("text/plain; charset=utf-8")},
  };
  const struct pie_response_head head = {
      .status = 404, .reason = PIE_STR("Not Found"), .headers = headers, .header_count = 1};
  struct pie_str body = PIE_STR(text);
  bool good = pie_call_respond(call, &head) == 0 && pie_call_write_last(call, &body, 1) == 0;
  PyErr_Clear();
  pie_call_finish(call, good);
}

/* Each request has a context of its own, as it would have in an asyncio server. */
static PyObject *enter_context(void) {
  PyObject *context = PyContext_New();
  if (context && PyContext_Enter(context) == 0)
    return context;
  PyErr_Clear();
  Py_XDECREF(context);
  return NULL;
}

static void leave_context(PyObject *context) {
  if (context && PyContext_Exit(context))
    PyErr_Clear();
  Py_XDECREF(context);
}

/* It has waited long, and the client has given up meanwhile. */
static bool is_in_vain(struct pie_call *call) {
  return call->queued_us && call->began_us - call->queued_us > PATIENCE_US &&
         !call->engine->ops->connected(call->request);
}

void pie_serve(struct pie_call *call) {
  struct pie_failure failure = {0};
  if (is_in_vain(call)) {
    pie_call_log(call, PIE_LOG_INFO, "the client went away while the request waited for its turn");
    pie_call_finish(call, false);
    return;
  }
  call->state = call->world->state;
  pie_call_set_current(call);
  struct pie_site *site = pie_site_get(call->world, call->info, &failure);
  call->site = site;
  const struct pie_mount *mount = site ? pie_site_route(site, call->info->path_info) : NULL;
  if (!site) {
    pie_call_fail(call, &failure);
    pie_failure_free(&failure);
  } else if (!mount) {
    answer_404(call);
  } else {
    PyObject *context = enter_context();
    if (pie_server_begin(call)) {
      pie_limit_begin(call);
      pie_wsgi_serve(call, mount->app, mount->length);
      pie_limit_end(call);
    }
    pie_server_end(call);
    leave_context(context);
  }
  pie_call_set_current(NULL);
}
