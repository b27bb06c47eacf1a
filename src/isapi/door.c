/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/door.h"

#include "base/error.h"
#include "base/status.h"
#include "isapi/files.h"
#include "isapi/response.h"
#include "isapi/startpage.h"
#include "isapi/statics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MAX = 256 * 1024, PARKED_MAX = 1024, ID_PREFIX = 9 };

static PIE_THREAD_LOCAL uint32_t own_group = PIE_NO_GROUP; /* of HttpExtensionIdle */

struct pie_quirks *pie_door_quirks(struct pie_door *door) {
  return &door->quirks;
}

void pie_door_log(struct pie_door *door, enum pie_log_level level, const char *text) {
  pie_log_text(&door->log, level, PIE_STR(""), pie_str_from(text));
}

void pie_request_log(const struct pie_request *request, enum pie_log_level level,
                     const char *text) {
  const struct pie_request_info *info = &request->info;
  struct pie_log_origin origin = {info->id, info->app, info->root, info->config};
  pie_log_text(pie_site_log_of(request->door, &origin), level, info->id, pie_str_from(text));
}

int pie_door_new(struct pie_door **out) {
  struct pie_door *door = calloc(1, sizeof *door);
  if (!door)
    return -PIE_ENOMEM;
  pie_mutex_init(&door->lock);
  pie_cond_init(&door->changed);
  pie_settings_init(&door->settings);
  pie_site_logs_init(&door->site_logs);
  pie_buf_init(&door->first_root, PIE_SETTING_VALUE_MAX);
  pie_buf_init(&door->first_config, PIE_SETTING_VALUE_MAX);
  pie_buf_init(&door->file_statics, PIE_SETTING_VALUE_MAX);
  pie_buf_init(&door->failure.summary, 1024);
  pie_buf_init(&door->failure.detail, PAGE_MAX / 4);
  pie_buf_init(&door->failure.advice, 4096);
  snprintf(door->id_prefix, sizeof door->id_prefix, "%08x-",
           (unsigned)(pie_clock_unix_us() / 1000) ^ (unsigned)pie_process_id() << 16);
  *out = door;
  return 0;
}

/* "1f2e3d4c-5": a prefix of this process and a number, both hexadecimal. */
static void make_id(struct pie_door *door, struct pie_request *request) {
  unsigned long long number = ++door->requests;
  int digits = (67 - __builtin_clzll(number)) / 4;
  char *out = request->id;
  memcpy(out, door->id_prefix, ID_PREFIX);
  request->id_length = (size_t)(ID_PREFIX + digits);
  out[request->id_length] = '\0';
  for (; digits; number >>= 4)
    out[ID_PREFIX + --digits] = "0123456789abcdef"[number & 15];
}

static struct pie_request *take_free(struct pie_door *door) {
  struct pie_request *request = atomic_exchange(&door->spare, NULL);
  if (request)
    return request;
  pie_mutex_lock(&door->lock);
  request = door->free;
  if (request) {
    door->free = request->next;
    door->free_count--;
  }
  pie_mutex_unlock(&door->lock);
  return request;
}

static bool keep_free(struct pie_door *door, struct pie_request *request) {
  struct pie_request *none = NULL;
  if (atomic_compare_exchange_strong(&door->spare, &none, request))
    return true;
  pie_mutex_lock(&door->lock);
  bool keep = door->free_count < PIE_DOOR_FREE_MAX;
  if (keep) {
    request->next = door->free;
    door->free = request;
    door->free_count++;
  }
  pie_mutex_unlock(&door->lock);
  return keep;
}

static struct pie_request *request_new(struct pie_door *door, EXTENSION_CONTROL_BLOCK *ecb) {
  struct pie_request *request = take_free(door);
  if (!request) {
    request = calloc(1, sizeof *request);
    if (!request)
      return NULL;
    pie_arena_init(&request->arena, PIE_REQUEST_MEMORY_MAX);
    pie_response_init(&request->response);
    pie_io_init(&request->io);
  }
  request->door = door;
  request->ecb = ecb;
  request->info = (struct pie_request_info){0};
  pie_response_reset(&request->response);
  request->body_read = request->ahead_used = 0;
  request->early = (struct pie_str){NULL, 0};
  request->body_ended = request->body_broken = request->pended = false;
  request->is_static = false;
  request->statics = (struct pie_str){NULL, 0};
  request->outcome = HSE_STATUS_ERROR;
  make_id(door, request);
  return request;
}

static void request_release(struct pie_request *request) {
  pie_arena_reset(&request->arena);
  pie_buf_clear(&request->response.status_text);
  pie_buf_clear(&request->response.headers);
  pie_io_end(&request->io);
  if (keep_free(request->door, request))
    return;
  pie_arena_free(&request->arena);
  pie_response_free(&request->response);
  pie_io_free(&request->io);
  free(request);
}

void pie_door_failure_set(struct pie_door_failure *failure, int status, const char *summary,
                          const char *detail, const char *advice) {
  pie_buf_clear(&failure->summary);
  pie_buf_clear(&failure->detail);
  pie_buf_clear(&failure->advice);
  pie_buf_adds(&failure->summary, summary);
  if (detail && strlen(detail) < failure->detail.max)
    pie_buf_adds(&failure->detail, detail);
  if (advice)
    pie_buf_adds(&failure->advice, advice);
  failure->says = (struct pie_failure){
      .status = status,
      .summary = failure->summary.p ? failure->summary.p : "out of memory",
      .detail = failure->detail.p,
      .advice = failure->advice.p,
  };
}

void pie_request_end(struct pie_request *request) {
  EXTENSION_CONTROL_BLOCK *ecb = request->ecb;
  uint32_t outcome = request->outcome;
  request_release(request);
  pie_ecb_done(ecb, outcome);
}

/* ---- what the engine calls ---- */

static int64_t op_read(struct pie_request *request, void *buffer, size_t capacity) {
  return pie_request_read(request, buffer, capacity);
}

static const char *op_complaint(struct pie_request *request) { return request->response.complaint; }

static bool shows(struct pie_request *request, enum pie_setting_id id) {
  struct pie_settings *settings = &request->door->settings;
  if (pie_settings_is(settings, id, "always"))
    return true;
  bool develops =
      id == PIE_SET_SHOW_TRACEBACKS && !settings->text[id] && settings->number[PIE_SET_RELOAD];
  return (develops || pie_settings_is(settings, id, "local")) && pie_request_is_local(request);
}

static void render(struct pie_buf *page, struct pie_request *request,
                   const struct pie_failure *failure) {
  struct pie_failure shown = *failure;
  bool traceback = failure->in_request && shows(request, PIE_SET_SHOW_TRACEBACKS);
  if (traceback)
    shown.advice = NULL;
  else if (failure->in_request)
    shown.detail = NULL;
  pie_startpage_render(page, &shown, request->info.id,
                       traceback || shows(request, PIE_SET_SHOW_ERRORS));
}

static bool give_page(struct pie_request *request, const struct pie_failure *failure) {
  bool passing = failure->status == 503, expired = failure->status == 504;
  const struct pie_header headers[] = {
      {PIE_STR("Content-Type"), PIE_STR("text/html; charset=utf-8")},
      {PIE_STR("Cache-Control"), PIE_STR("no-store")},
      {passing ? PIE_STR("Retry-After") : PIE_STR("Connection"),
       passing ? PIE_STR("1") : PIE_STR("close")},
  };
  struct pie_buf page;
  pie_buf_init(&page, PAGE_MAX);
  render(&page, request, failure);
  struct pie_response_head head = {
      .status = failure->status,
      .reason = pie_status_reason(failure->status),
      .headers = headers,
      .header_count = passing || expired ? 3 : 2,
  };
  struct pie_str body = pie_buf_str(&page);
  bool good = pie_response_take(request, &head) == 0 &&
              pie_response_write(request, &body, 1, PIE_WRITE_FINAL) == 0;
  pie_buf_free(&page);
  return good;
}

static const struct pie_failure no_body = {
    .status = 500,
    .summary = "The application sent less than its Content-Length: nothing at all.",
    .advice = "Send as many bytes as the header Content-Length says, or leave the header out.",
};

static void op_finish(struct pie_request *request, bool whole) {
  if (pie_response_finish(request, whole)) {
    pie_request_log(request, PIE_LOG_ERROR, no_body.summary);
    pie_response_finish(request, give_page(request, &no_body));
  }
  if (request->pended && !pie_io_finishes(request))
    pie_request_end(request);
  /* else pie_door_handle returns the outcome */
}

static void op_fail(struct pie_request *request, const struct pie_failure *failure) {
  if (!failure->in_request)
    pie_request_log(request, PIE_LOG_ERROR, failure->summary);
  bool whole = request->response.state <= PIE_RESPONSE_HELD && give_page(request, failure);
  op_finish(request, whole);
}

static void op_pend(struct pie_request *request) { request->pended = true; }

static bool op_head_sent(const struct pie_request *request) {
  return request->response.state > PIE_RESPONSE_HELD;
}

static int op_variable(struct pie_request *request, const char *name, char *out, size_t size) {
  return pie_ecb_variable(request->ecb, name, out, &size);
}

/* Whether b may be what the server has made of a. */
static bool is_child(const struct pie_request *a, const struct pie_request *b) {
  const struct pie_request_info *x = &a->info, *y = &b->info;
  return x->remote_port.n && pie_str_equal(x->remote_port, y->remote_port) &&
         pie_str_equal(x->remote_addr, y->remote_addr) &&
         (pie_str_starts(y->protocol, PIE_STR("HTTP/1.")) || pie_str_equal(x->target, y->target));
}

/* A connection of HTTP/1 has one request at a time, others may have several that are alike. */
static int alike_max(const struct pie_request *request) {
  bool single = pie_str_starts(request->info.protocol, PIE_STR("HTTP/1."));
  return single ? 0 : (int)(request->door->settings.number[PIE_SET_THREADS] / 4);
}

/* A server that does not leave out the script map brings the request back here, and so on until
 * all threads wait. False: that is what happens. */
static bool begin_passing(struct pie_request *request) {
  struct pie_door *door = request->door;
  int alike = 0;
  pie_mutex_lock(&door->lock);
  for (const struct pie_request *other = door->passing; other; other = other->next)
    alike += is_child(other, request);
  bool comes_back = alike > alike_max(request);
  if (!comes_back) {
    request->next = door->passing;
    door->passing = request;
  }
  pie_mutex_unlock(&door->lock);
  return !comes_back;
}

static void end_passing(struct pie_request *request) {
  struct pie_door *door = request->door;
  pie_mutex_lock(&door->lock);
  struct pie_request **at = &door->passing;
  while (*at != request)
    at = &(*at)->next;
  *at = request->next;
  pie_mutex_unlock(&door->lock);
}

static int op_pass_on(struct pie_request *request, const char *url, int *status) {
  struct pie_response *response = &request->response;
  if (response->state > PIE_RESPONSE_HELD)
    return -PIE_ESTATE;
  if (!begin_passing(request)) {
    pie_request_log(request, PIE_LOG_ERROR,
                    "the server has brought back a request that was passed on to it");
    return -PIE_ENOTSUP;
  }
  int err = pie_io_pass_on(request, url, status);
  end_passing(request);
  if (err == -PIE_EGONE)
    response->state = PIE_RESPONSE_BROKEN;
  if (err)
    return err;
  response->keep = true;
  response->state = PIE_RESPONSE_DONE;
  return 0;
}

static int op_serve_file(struct pie_request *request, const char *root, struct pie_str path,
                         bool of_pages) {
  return pie_files_serve(request, root, path, of_pages ? PIE_FILES_OF_PAGES : 0);
}

static intptr_t op_token(struct pie_request *request) {
  return pie_door_quirks(request->door)->async ? pie_ecb_token(request->ecb) : 0;
}

/* Elsewhere the answer is worth nothing: mod_isapi knows of failed writes only, and in our own host
 * a client that has sent its half may still read. */
static bool op_connected(struct pie_request *request) {
  return !pie_door_quirks(request->door)->async || pie_ecb_is_connected(request->ecb);
}

static void op_abort(struct pie_request *request) { pie_ecb_close(request->ecb); }

static void op_expire(struct pie_request *request, const struct pie_failure *failure) {
  pie_request_log(request, PIE_LOG_ERROR, failure->summary);
  if (request->response.state == PIE_RESPONSE_DONE)
    return; /* the client has it, or gets it by a send that is pending */
  if (request->response.state <= PIE_RESPONSE_HELD && give_page(request, failure))
    return; /* the response is done: all that comes is refused, and finish() finds it so */
  pie_response_break_off(request);
}

static bool op_unhealthy(struct pie_request *request, const char *why) {
  return pie_ecb_unhealthy(request->ecb, why);
}

static void op_log(struct pie_door *door, const struct pie_log_origin *origin, int level,
                   struct pie_str text) {
  pie_log_text(pie_site_log_of(door, origin), (enum pie_log_level)level, origin->id, text);
}

const struct pie_door_ops pie_door_ops = {
    .abi = PIE_ENGINE_ABI,
    .read = op_read,
    .respond = pie_response_take,
    .complaint = op_complaint,
    .write = pie_response_write,
    .send_file = pie_response_send_file,
    .finish = op_finish,
    .fail = op_fail,
    .pend = op_pend,
    .head_sent = op_head_sent,
    .variable = op_variable,
    .pass_on = op_pass_on,
    .serve_file = op_serve_file,
    .token = op_token,
    .connected = op_connected,
    .abort = op_abort,
    .expire = op_expire,
    .unhealthy = op_unhealthy,
    .log = op_log,
    .choose_log = pie_site_log_choose,
};

/* ---- the way of a request ---- */

static const struct pie_failure busy = {
    .status = 503,
    .summary = "Too many requests are waiting.",
    .advice = "If this happens often: more threads or workers (settings: threads, workers), a "
              "longer queue (setting: queue), or faster requests.",
};

static const struct pie_failure slow_start = {
    .status = 503,
    .summary = "Python or the application is still starting.",
    .advice = "Wait. If it never ends, the application's import does not end: see what it waits "
              "for. The time limit is the setting start-timeout.",
};

static const char static_advice[] = "See that the folder exists, and that the account that serves "
                                    "may read it and the folders above "
                                    "it (setting: static).";

/* Ends here what op_finish leaves to the bringing thread. */
static uint32_t settle(struct pie_request *request, bool pended) {
  if (pended)
    return HSE_STATUS_PENDING;
  uint32_t outcome = request->outcome;
  request_release(request);
  return outcome;
}

static uint32_t refuse(struct pie_request *request, const struct pie_failure *failure) {
  bool pended = request->pended;
  op_fail(request, failure);
  return settle(request, pended);
}

/* The start has failed. Another one may be about to write its own failure: hence the copy. */
static uint32_t refuse_failed(struct pie_request *request) {
  struct pie_door *door = request->door;
  struct pie_failure copy = {0};
  pie_mutex_lock(&door->lock);
  const struct pie_failure *says = &door->failure.says;
  copy.status = says->status;
  copy.summary = pie_arena_copy(&request->arena, pie_str_from(says->summary)).p;
  copy.detail = pie_arena_copy(&request->arena, pie_str_from(says->detail)).p;
  copy.advice = pie_arena_copy(&request->arena, pie_str_from(says->advice)).p;
  pie_mutex_unlock(&door->lock);
  if (!copy.summary)
    copy.summary = "Out of memory.";
  return refuse(request, &copy);
}

/* Clients repeat such a request without waiting (RFC 9110, 10.1.1). */
static uint32_t refuse_expectation(struct pie_request *request) {
  const struct pie_header headers[] = {{PIE_STR("Content-Type"), PIE_STR("text/plain")},
                                       {PIE_STR("Connection"), PIE_STR("close")}};
  const struct pie_response_head head = {.status = 417,
                                         .reason = PIE_STR("Expectation Failed"),
                                         .headers = headers,
                                         .header_count = 2};
  struct pie_str text = PIE_STR("100-continue needs \"ISAPIReadAheadBuffer 0\" in httpd.\n");
  bool whole = pie_response_take(request, &head) == 0 &&
               pie_response_write(request, &text, 1, PIE_WRITE_FINAL) == 0;
  pie_request_log(request, PIE_LOG_INFO,
                  "answered 417 to Expect: 100-continue; with ISAPIReadAheadBuffer 0 httpd could "
                  "have served it");
  op_finish(request, whole);
  return settle(request, false);
}

static bool is_ready(struct pie_door *door) {
  return __atomic_load_n(&door->state, __ATOMIC_ACQUIRE) == PIE_DOOR_READY;
}

static int flags_of(struct pie_door *door) {
  return (door->quirks.can_pend ? PIE_MAY_PEND : 0) |
         (atomic_load_explicit(&door->host_idles, memory_order_relaxed) ? PIE_WILL_IDLE : 0);
}

/* Answers from a file. A small one, or one for a client that takes it at once, is sent by this very
 * thread. In our host and on IIS, the rest of others is sent when it has left. */
static uint32_t serve_static(struct pie_door *door, struct pie_request *request,
                             const struct pie_static *found) {
  char summary[PIE_STATIC_TEXT_MAX];
  bool was_parked = request->pended;
  if (is_ready(door))
    door->ops->idle(door->engine); /* files may block, and this thread may have kept the GIL */
  request->is_static = true;
  request->pended = was_parked || door->quirks.can_pend;
  int err = pie_static_serve(request, found, was_parked, summary);
  bool stays = door->quirks.ours && !was_parked && !pie_io_is_pending(request);
  if (stays)
    request->pended = false; /* it is done already, and costs less so */
  if (err == -PIE_EIO) {
    const struct pie_failure failure = {.status = 500, .summary = summary, .advice = static_advice};
    return refuse(request, &failure);
  }
  bool pended = request->pended;
  op_finish(request, err == 0);
  return settle(request, pended);
}

static uint32_t pass(struct pie_door *door, struct pie_request *request, int flags) {
  struct pie_static found;
  if (pie_static_find(request, &found))
    return serve_static(door, request, &found);
  bool pended = request->pended; /* then it is gone when handle() is back */
  int code = door->ops->handle(door->engine, request, &request->info, flags, own_group);
  if (code < 0)
    return refuse(request, &busy);
  return settle(request, pended || code == PIE_HANDLE_PENDING);
}

static void park(struct pie_door *door, struct pie_request *request) {
  request->pended = true;
  request->next = NULL;
  struct pie_request **end = &door->parked;
  while (*end)
    end = &(*end)->next;
  *end = request;
  door->parked_count++;
}

void pie_door_release_parked(struct pie_door *door) {
  pie_mutex_lock(&door->lock);
  struct pie_request *parked = door->parked;
  door->parked = NULL;
  door->parked_count = 0;
  enum pie_door_state state = door->state;
  pie_mutex_unlock(&door->lock);
  while (parked) {
    struct pie_request *request = parked;
    parked = request->next;
    if (state == PIE_DOOR_READY)
      pass(door, request, PIE_MAY_PEND);
    else if (state == PIE_DOOR_FAILED)
      refuse_failed(request);
    else
      refuse(request, &slow_start);
  }
}

enum wait_result { START_READY, START_PARKED, START_FAILED, START_SLOW, START_BUSY };

/* Called with the lock held. request may be NULL (warm-up): then it waits here. */
static enum wait_result wait_for_start(struct pie_door *door, struct pie_request *request) {
  if (door->state == PIE_DOOR_IDLE ||
      (door->state == PIE_DOOR_FAILED && pie_clock_ms() >= door->retry_at))
    pie_door_begin_start(door, request);
  if (door->state == PIE_DOOR_STARTING && request && door->quirks.can_pend) {
    if (pie_clock_ms() >= door->start_deadline)
      return START_SLOW;
    if (door->parked_count >= PARKED_MAX)
      return START_BUSY;
    park(door, request);
    return START_PARKED;
  }
  while (door->state == PIE_DOOR_STARTING && !door->stopping) {
    if (!pie_cond_wait_until(&door->changed, &door->lock, door->start_deadline) &&
        door->state == PIE_DOOR_STARTING)
      return START_SLOW;
  }
  return door->state == PIE_DOOR_READY      ? START_READY
         : door->state == PIE_DOOR_STARTING ? START_SLOW
                                            : START_FAILED;
}

/* So that a line of IIS's log leads to those of ours. */
static void log_id(struct pie_request *request) {
  char text[64];
  snprintf(text, sizeof text, "pyisapie=%s", request->id);
  pie_ecb_append_log(request->ecb, text);
}

uint32_t pie_door_handle(struct pie_door *door, EXTENSION_CONTROL_BLOCK *ecb) {
  bool configured = is_ready(door);
  if (!configured) {
    pie_mutex_lock(&door->lock);
    configured = pie_door_configure(door, ecb);
    pie_mutex_unlock(&door->lock);
  }
  struct pie_request *request = request_new(door, ecb);
  if (!request || pie_request_parse(request, &door->quirks, &door->settings)) {
    if (request)
      request_release(request);
    return HSE_STATUS_ERROR;
  }
  if (door->quirks.async)
    log_id(request);
  if (pie_request_lost_body(request))
    return refuse_expectation(request);
  if (is_ready(door))
    return pass(door, request, flags_of(door));
  if (!configured)
    return refuse_failed(request);
  struct pie_static found;
  if (pie_static_find(request, &found)) /* that does not start Python */
    return serve_static(door, request, &found);
  pie_mutex_lock(&door->lock);
  enum wait_result result = wait_for_start(door, request);
  pie_mutex_unlock(&door->lock);
  switch (result) {
  case START_READY:
    return pass(door, request, flags_of(door));
  case START_PARKED:
    return HSE_STATUS_PENDING;
  case START_FAILED:
    return refuse_failed(request);
  case START_BUSY:
    return refuse(request, &busy);
  case START_SLOW:
    break;
  }
  return refuse(request, &slow_start);
}

bool pie_door_warm(struct pie_door *door, EXTENSION_CONTROL_BLOCK *ecb) {
  pie_mutex_lock(&door->lock);
  bool ready = pie_door_configure(door, ecb) && wait_for_start(door, NULL) == START_READY;
  pie_mutex_unlock(&door->lock);
  struct pie_request *request = ready ? request_new(door, ecb) : NULL;
  if (!request)
    return false;
  bool warm = pie_request_parse(request, &door->quirks, &door->settings) == 0 &&
              door->ops->warm(door->engine, &request->info);
  request_release(request);
  return warm;
}

void pie_door_idle(struct pie_door *door, uint32_t group) {
  atomic_store_explicit(&door->host_idles, true, memory_order_relaxed);
  own_group = group;
  if (is_ready(door))
    door->ops->idle(door->engine);
}

void pie_door_stop(struct pie_door *door, int timeout_ms) {
  pie_mutex_lock(&door->lock);
  door->stopping = true;
  pie_cond_broadcast(&door->changed);
  pie_mutex_unlock(&door->lock);
  if (is_ready(door))
    door->ops->stop(door->engine, timeout_ms);
}
