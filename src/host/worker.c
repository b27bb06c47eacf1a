/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker process: the listening sockets, the extension, start and stop.
 */
#include "base/check.h"
#include "base/error.h"
#include "host/host.h"
#include "pyisapie/version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORCED_MS = 2000 /* for threads to notice that their sockets are gone */ };

static int64_t setting(const struct pie_worker *worker, enum pie_setting_id id) {
  return worker->settings->number[id];
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle) {
  struct pie_worker *worker = handle->data;
  worker->open_handles--;
}

static void close_handle(struct pie_worker *worker, void *handle) {
  uv_handle_t *h = handle;
  h->data = worker;
  if (!uv_is_closing(h))
    uv_close(h, on_closed);
}

static void run_terminate(uv_work_t *work) {
  struct pie_worker *worker = work->data;
  if (worker->extension.terminate)
    worker->extension.terminate(HSE_TERM_MUST_UNLOAD);
}

static void close_stop_event(struct pie_worker *worker) {
  pie_stop_event_close(worker->stop_event);
  worker->stop_event = NULL;
}

static void on_terminated(uv_work_t *work, int status) {
  struct pie_worker *worker = work->data;
  (void)status;
  close_stop_event(worker); /* before what it wakes */
  close_handle(worker, &worker->wake);
  close_handle(worker, &worker->stop_timer);
  for (size_t i = 0; i < sizeof worker->signals / sizeof worker->signals[0]; i++)
    close_handle(worker, &worker->signals[i]);
  if (worker->has_control)
    close_handle(worker, &worker->control);
}

/* No request runs any more: the extension may end, and what warms it up gives up. It can take its
 * time, so not on the loop. */
static void terminate(struct pie_worker *worker) {
  if (worker->terminating || atomic_load(&worker->running))
    return;
  worker->terminating = true;
  worker->terminate_work.data = worker;
  PIE_CHECK(uv_queue_work(&worker->loop, &worker->terminate_work, run_terminate, on_terminated) ==
            0);
}

static void stop_conns(struct pie_worker *worker) {
  for (struct pie_conn *conn = worker->conns, *next; conn; conn = next) {
    next = conn->next;
    pie_conn_stop(conn);
  }
}

/* The end of a loop that is not the first: it wakes the first one. */
static void end_loop(struct pie_worker *worker) {
  pie_mutex_lock(&worker->mail_lock);
  worker->over = true;
  pie_mutex_unlock(&worker->mail_lock);
  close_handle(worker, &worker->wake);
  close_handle(worker, &worker->stop_timer);
}

static void end_if_idle(struct pie_worker *worker) {
  if (!worker->stopping || worker->conn_count)
    return;
  if (worker == worker->first)
    terminate(worker);
  else
    end_loop(worker);
}

static void on_stop_timer(uv_timer_t *timer) {
  struct pie_worker *worker = timer->data;
  if (worker->forced) {
    pie_log(worker->log, PIE_LOG_ERROR, "the application still runs: the process ends without it");
    pie_process_exit(1);
  }
  if (worker->conn_count)
    pie_log(worker->log, PIE_LOG_WARNING,
            "%llu connections are open after the setting shutdown-timeout: closing them",
            (unsigned long long)worker->conn_count);
  else
    pie_log(worker->log, PIE_LOG_WARNING,
            "the application does not end within the setting shutdown-timeout: it may be in an "
            "import, or have threads or atexit functions that do not end");
  worker->forced = true;
  stop_conns(worker);
  uv_timer_start(timer, on_stop_timer, FORCED_MS, 0);
}

void pie_worker_force(struct pie_worker *worker) {
  uv_timer_start(&worker->stop_timer, on_stop_timer, 0, 0);
}

void pie_worker_stop(struct pie_worker *worker) {
  if (worker->stopping)
    return;
  worker->stopping = true;
  for (size_t i = 0; i < worker->listener_count; i++)
    close_handle(worker, &worker->listeners[i].uv.handle);
  uint64_t limit = (uint64_t)setting(worker, PIE_SET_SHUTDOWN_TIMEOUT);
  if (limit)
    uv_timer_start(&worker->stop_timer, on_stop_timer, limit, 0);
  if (worker == worker->first)
    pie_loops_ask_to_stop(worker, false);
  stop_conns(worker);
  end_if_idle(worker);
}

static bool is_full(struct pie_worker *first) {
  return pie_loops_conn_count(first) >= (size_t)setting(first, PIE_SET_CONNECTIONS);
}

/* On the first one's loop: there may be room for connections that wait. */
static void accept_waiting(struct pie_worker *first) {
  for (size_t i = 0; i < first->listener_count && !first->stopping; i++) {
    struct pie_listener *listener = &first->listeners[i];
    if (!listener->waiting)
      continue;
    atomic_store(&first->full, true); /* before the look: who closes one looks after it */
    if (is_full(first))
      return;
    listener->waiting = false;
    pie_conn_accept(listener); /* libuv comes back for the next ones */
  }
  atomic_store(&first->full, false);
}

void pie_worker_conn_gone(struct pie_worker *worker) {
  struct pie_worker *first = worker->first;
  end_if_idle(worker);
  if (worker == first && !worker->stopping)
    accept_waiting(first);
  else if (atomic_load(&first->full))
    uv_async_send(&first->wake);
}

/* ---- what wakes the loop ---- */

static void on_told(uv_write_t *write, int status) {
  (void)status;
  free(write);
}

/* Not uv_try_write: libuv has none for the pipes of Windows. */
static void say(struct pie_worker *worker, const char *text) {
  uv_buf_t buf = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
  uv_write_t *write = worker->has_control ? malloc(sizeof *write) : NULL;
  if (write && uv_write(write, (uv_stream_t *)&worker->control, &buf, 1, on_told))
    free(write);
}

static void on_wake(uv_async_t *wake) {
  struct pie_worker *worker = wake->data;
  pie_mutex_lock(&worker->mail_lock);
  struct pie_conn *mail = worker->mail;
  worker->mail = NULL;
  pie_mutex_unlock(&worker->mail_lock);
  while (mail) {
    struct pie_conn *conn = mail;
    mail = conn->next_mail;
    pie_exchange_end(&conn->exchange);
  }
  pie_loops_on_wake(worker);
  if (worker == worker->first)
    accept_waiting(worker);
  if (atomic_load(&worker->stop_asked))
    pie_worker_stop(worker);
  if (atomic_load(&worker->unhealthy) && !worker->stopping) {
    worker->exit_code = 1;
    say(worker, PIE_WORKER_UNHEALTHY);
    pie_worker_stop(worker);
  }
  end_if_idle(worker);
}

static void on_signal(uv_signal_t *handle, int number) {
  struct pie_worker *worker = handle->data;
  if (pie_signal_renews(number))
    return;                                       /* the supervisor's business */
  if (worker->stopping && !worker->has_control) { /* asked twice, by a person */
    pie_worker_force(worker);
    pie_loops_ask_to_stop(worker, true);
    return;
  }
  pie_worker_stop(worker);
}

static void on_control_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  struct pie_worker *worker = handle->data;
  (void)suggested;
  *out = uv_buf_init(worker->read_buffer, PIE_READ_SIZE);
}

static void on_control(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  if (n < 0)
    pie_worker_stop(stream->data); /* the supervisor wants it, or is gone */
}

/* ---- listening ---- */

static void on_connection(uv_stream_t *server, int status) {
  struct pie_listener *listener = server->data;
  struct pie_worker *worker = listener->worker;
  if (status < 0) {
    pie_log(worker->log, PIE_LOG_ERROR, "accept failed: %s", uv_strerror(status));
    return;
  }
  if (worker->stopping)
    return;
  listener->waiting = true; /* libuv keeps it until it is accepted */
  accept_waiting(worker);
}

static int listen_on(struct pie_worker *worker, const struct pie_bound *bound) {
  struct pie_listener *listener = &worker->listeners[worker->listener_count];
  int backlog = (int)setting(worker, PIE_SET_BACKLOG);
  int err;
  listener->worker = worker;
  listener->is_local = bound->is_local;
  if (bound->is_local) {
    uv_pipe_init(&worker->loop, &listener->uv.pipe, 0);
    err = uv_pipe_open(&listener->uv.pipe, (uv_file)bound->socket);
  } else {
    uv_tcp_init(&worker->loop, &listener->uv.tcp);
    err = uv_tcp_open(&listener->uv.tcp, (uv_os_sock_t)bound->socket);
  }
  worker->open_handles++;
  worker->listener_count++;
  listener->uv.handle.data = listener;
  err = err ? err : uv_listen(&listener->uv.stream, backlog, on_connection);
  if (err)
    pie_log(worker->log, PIE_LOG_ERROR, "cannot accept on %s: %s", bound->url, uv_strerror(err));
  return err;
}

/* ---- the start of the extension ---- */

static void *symbol(struct pie_lib *lib, const char *name) { return pie_lib_symbol(lib, name); }

static int load_extension(struct pie_worker *worker) {
  char why[1024];
  struct pie_lib *lib = pie_lib_open(worker->door_path, false, why, sizeof why);
  if (!lib) {
    pie_log(worker->log, PIE_LOG_ERROR, "the ISAPI extension %s cannot be loaded: %s",
            worker->door_path, why);
    return -PIE_ESTART;
  }
  pie_get_extension_version_fn version = NULL;
  struct pie_extension *extension = &worker->extension;
  void *found = symbol(lib, "GetExtensionVersion");
  memcpy(&version, &found, sizeof found);
  found = symbol(lib, "HttpExtensionProc");
  memcpy(&extension->proc, &found, sizeof found);
  found = symbol(lib, "TerminateExtension");
  memcpy(&extension->terminate, &found, sizeof found);
  found = worker->iis ? NULL : symbol(lib, "HttpExtensionWarm");
  memcpy(&extension->warm, &found, sizeof found);
  found = worker->iis ? NULL : symbol(lib, "HttpExtensionIdle");
  memcpy(&extension->idle, &found, sizeof found);
  HSE_VERSION_INFO info = {0};
  if (extension->proc && version && version(&info)) {
    pie_log(worker->log, PIE_LOG_DEBUG, "loaded %s: %.*s", worker->door_path,
            (int)sizeof info.lpszExtensionDesc, info.lpszExtensionDesc);
    return 0;
  }
  pie_log(worker->log, PIE_LOG_ERROR, "%s is no ISAPI extension, or refuses to serve",
          worker->door_path);
  return -PIE_ESTART;
}

/* Connections are accepted when the application is loaded, or has failed and can say so. */
static void accept_now(struct pie_worker *worker, const struct pie_bound *bound, size_t count) {
  for (size_t i = 0; i < count && !worker->stopping; i++) {
    if (listen_on(worker, &bound[i])) {
      worker->exit_code = 1;
      pie_worker_stop(worker);
      return;
    }
  }
  if (!worker->stopping)
    say(worker, worker->cold ? PIE_WORKER_COLD : PIE_WORKER_READY);
}

struct warm_up {
  struct pie_worker *worker;
  const struct pie_bound *bound;
  size_t count;
};

static void run_warm(uv_work_t *work) {
  struct warm_up *warm_up = work->data;
  struct pie_worker *worker = warm_up->worker;
  worker->cold = !worker->extension.warm(&worker->warming->exchange.ecb);
}

static void on_warm(uv_work_t *work, int status) {
  struct warm_up *warm_up = work->data;
  struct pie_worker *worker = warm_up->worker;
  (void)status;
  pie_conn_free(worker->warming);
  worker->warming = NULL;
  if (!worker->stopping) /* else the extension is told to end already */
    accept_now(worker, warm_up->bound, warm_up->count);
}

/* A request that never came, for its server variables. */
static struct pie_conn *make_warming(struct pie_worker *worker) {
  struct pie_conn *conn = pie_conn_new(worker);
  if (!conn)
    return NULL;
  pie_buf_adds(&conn->parser.method, "GET");
  pie_buf_adds(&conn->parser.target, "/");
  conn->parser.path = conn->exchange.path = PIE_STR("/");
  conn->parser.query = PIE_STR("");
  conn->parser.minor = 1;
  pie_ecb_fill(&conn->exchange);
  atomic_store(&conn->exchange.state, PIE_X_RUNNING);
  return conn;
}

static void start_extension(struct pie_worker *worker, struct warm_up *warm_up) {
  worker->warming = worker->extension.warm ? make_warming(worker) : NULL;
  worker->warm_work.data = warm_up;
  if (worker->warming && uv_queue_work(&worker->loop, &worker->warm_work, run_warm, on_warm) == 0)
    return;
  if (worker->warming)
    pie_conn_free(worker->warming);
  worker->warming = NULL;
  accept_now(worker, warm_up->bound, warm_up->count);
}

/* ---- a worker's life ---- */

static int open_access_log(struct pie_worker *worker) {
  char why[512];
  const char *path = pie_settings_text(worker->settings, PIE_SET_ACCESS_LOG_FILE);
  if (pie_settings_is(worker->settings, PIE_SET_ACCESS_LOG, "off"))
    return 0;
  worker->access = pie_log_file_open(*path ? path : "-", why, sizeof why);
  if (worker->access) {
    pie_log_file_limit(worker->access, setting(worker, PIE_SET_LOG_SIZE),
                       (int)setting(worker, PIE_SET_LOG_KEEP));
    return 0;
  }
  pie_log(worker->log, PIE_LOG_ERROR, "%s (setting access-log-file)", why);
  return -PIE_ESTART;
}

static void set_up(struct pie_worker *worker, struct pie_host *host) {
  const struct pie_settings *settings = &host->settings;
  worker->settings = settings;
  worker->log = &host->log;
  worker->limits = (struct pie_http_limits){
      .line = (size_t)settings->number[PIE_SET_REQUEST_LINE_LIMIT],
      .fields = (size_t)settings->number[PIE_SET_HEADER_LIMIT],
      .count = (size_t)settings->number[PIE_SET_HEADER_COUNT_LIMIT],
      .body = settings->number[PIE_SET_BODY_LIMIT],
  };
  worker->strict = settings->number[PIE_SET_STRICT_ISAPI] != 0;
  worker->apache = pie_settings_is(settings, PIE_SET_QUIRKS, "apache");
  worker->iis = pie_settings_is(settings, PIE_SET_QUIRKS, "iis");
  snprintf(worker->door_path, sizeof worker->door_path, "%s", host->door);
  snprintf(worker->software, sizeof worker->software, "pyisapie/%s", PIE_VERSION);
  const char *server = pie_settings_text(settings, PIE_SET_SERVER_HEADER);
  if (*server)
    snprintf(worker->server_line, sizeof worker->server_line, "Server: %s\r\n", server);
  worker->server_header = pie_str_from(worker->server_line);
  pie_mutex_init(&worker->mail_lock);
  worker->first = worker;
  worker->group = HSE_NO_GROUP;
}

/* Extensions that are not ours block the thread they run on; so does ours under mod_isapi. */
static void choose_threads(struct pie_worker *worker) {
  char count[24];
  worker->in_threads = !worker->extension.warm || worker->apache;
  if (!worker->in_threads)
    return;
  worker->extension.idle = NULL; /* those threads are libuv's: we cannot promise it for them */
  snprintf(count, sizeof count, "%lld", (long long)setting(worker, PIE_SET_THREADS));
  uv_os_setenv("UV_THREADPOOL_SIZE", count);
}

static void open_handles(struct pie_worker *worker) {
  uv_async_init(&worker->loop, &worker->wake, on_wake);
  uv_timer_init(&worker->loop, &worker->stop_timer);
  worker->wake.data = worker->stop_timer.data = worker;
  worker->open_handles += 2;
}

/* What the process has once. */
static void open_first_handles(struct pie_worker *worker, const struct pie_host *host) {
  for (size_t i = 0; i < PIE_STOP_SIGNALS; i++) {
    uv_signal_init(&worker->loop, &worker->signals[i]);
    worker->signals[i].data = worker;
    uv_signal_start(&worker->signals[i], on_signal, pie_stop_signals[i]);
    worker->open_handles++;
  }
  if (!host->is_worker)
    return;
  worker->has_control = true;
  uv_pipe_init(&worker->loop, &worker->control, 0);
  worker->control.data = worker;
  worker->open_handles++;
  if (uv_pipe_open(&worker->control, 0) == 0)
    uv_read_start((uv_stream_t *)&worker->control, on_control_alloc, on_control);
}

struct pie_worker *pie_worker_new(struct pie_host *host) {
  struct pie_worker *worker = calloc(1, sizeof *worker);
  if (worker)
    set_up(worker, host);
  return worker;
}

int pie_worker_open_loop(struct pie_worker *worker) {
  if (uv_loop_init(&worker->loop))
    return -PIE_ENOMEM;
  open_handles(worker);
  return 0;
}

void pie_worker_free(struct pie_worker *worker) {
  pie_mutex_destroy(&worker->mail_lock);
  free(worker);
}

static void on_stop_asked(void *raw) {
  struct pie_worker *worker = raw;
  atomic_store(&worker->stop_asked, true);
  uv_async_send(&worker->wake);
}

static int run(struct pie_worker *worker, struct pie_host *host, struct warm_up *warm_up) {
  choose_threads(worker);
  open_first_handles(worker, host);
  worker->stop_event = pie_stop_event_open(on_stop_asked, worker);
  int err = pie_loops_open(worker, host);
  if (!err) {
    start_extension(worker, warm_up);
    err = pie_loop_start(worker);
  }
  if (err) {
    pie_log(worker->log, PIE_LOG_ERROR, "no thread could be started (setting stack-size?)");
    pie_process_exit(1);
  }
  pie_loop_join(worker);
  pie_loops_free(worker);
  close_stop_event(worker);
  PIE_CHECK(worker->open_handles == 0);
  uv_loop_close(&worker->loop);
  return worker->exit_code;
}

int pie_worker_run(struct pie_host *host, const struct pie_bound *bound, size_t count) {
  struct pie_worker *worker = pie_worker_new(host);
  struct warm_up warm_up = {worker, bound, count};
  if (!worker)
    return 1;
  bool good = !load_extension(worker) && !open_access_log(worker) && !pie_worker_open_loop(worker);
  int code = good ? run(worker, host, &warm_up) : 1;
  pie_log_file_close(worker->access);
  pie_worker_free(worker);
  return code;
}
