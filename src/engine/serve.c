/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to its application.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/call.h"
#include "engine/guest.h"
#include "engine/interp.h"
#include "engine/limit.h"
#include "engine/page.h"
#include "engine/server.h"
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

/* Inside the interpreter that is to serve it. */
static void serve_mounted(struct pie_call *call, const struct pie_mount *mount) {
  PyObject *context = enter_context();
  if (pie_server_begin(call)) {
    pie_limit_begin(call);
    if (mount->pages)
      pie_page_serve(call, mount);
    else
      pie_wsgi_serve(call, mount->app, mount->length);
    pie_limit_end(call);
  }
  pie_server_end(call);
  leave_context(context);
}

/* The mount that takes the request in this world, or NULL when it has been answered. */
static const struct pie_mount *find_mount(struct pie_call *call, struct pie_world *world) {
  struct pie_failure failure = {0};
  struct pie_site *site = pie_site_get(world, call->info, &failure);
  call->site = site;
  const struct pie_mount *mount = site ? pie_site_route(site, call->info->path_info) : NULL;
  if (!site) {
    pie_call_fail(call, &failure);
    pie_failure_free(&failure);
  } else if (!mount) {
    answer_404(call);
  }
  return mount;
}

/* In the interpreter of its own that the site's InterpreterMap has named. */
static void serve_in_guest(struct pie_call *call, struct pie_world *guest) {
  struct pie_world *home = call->world;
  if (pie_interp_enter(guest->interp)) {
    pie_call_fail(call, &(struct pie_failure){.status = 503, .summary = "Out of memory."});
    return;
  }
  call->world = guest;
  call->state = guest->state;
  const struct pie_mount *mount = find_mount(call, guest);
  if (mount)
    serve_mounted(call, mount);
  PIE_CHECK(pie_interp_enter(home->interp) == 0); /* this thread has been there already */
}

static void serve_by_map(struct pie_call *call, const struct pie_mount *mount) {
  struct pie_failure failure = {0};
  PyObject *name = pie_page_interpreter(call, mount);
  if (!name) {
    pie_call_end_failed(call);
    return;
  }
  struct pie_world *guest = call->world;
  bool found = pie_guest_get(call->world, name, mount->interpreter_limit, &guest, &failure);
  Py_DECREF(name);
  if (!found)
    pie_call_fail(call, &failure);
  else if (guest == call->world)
    serve_mounted(call, mount);
  else
    serve_in_guest(call, guest);
}

void pie_serve(struct pie_call *call) {
  if (is_in_vain(call)) {
    pie_call_log(call, PIE_LOG_INFO, "the client went away while the request waited for its turn");
    pie_call_finish(call, false);
    return;
  }
  call->state = call->world->state;
  pie_call_set_current(call);
  const struct pie_mount *mount = find_mount(call, call->world);
  if (mount && mount->interpreter_map)
    serve_by_map(call, mount);
  else if (mount)
    serve_mounted(call, mount);
  pie_call_set_current(NULL);
}
