/* SPDX-License-Identifier: Apache-2.0
 *
 * The parent of the workers: starts them afresh (never by fork alone), replaces those that end,
 * and ends them by closing their control channel.
 */
#include "base/error.h"
#include "host/host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SHORT_LIFE_MS = 5000, /* who ends sooner is started again later and later */
  BACK_OFF_MIN_MS = 100,
  BACK_OFF_MAX_MS = 10000,
  KILL_GRACE_MS = 10000 /* beyond shutdown-timeout */
};

enum child_state { CHILD_STARTING, CHILD_READY, CHILD_STOPPING };

struct child {
  uv_process_t process;
  uv_pipe_t control;
  uv_timer_t kill_timer;
  struct supervisor *supervisor;
  struct child *next;
  struct child *replaces; /* told to stop when this one is ready */
  enum child_state state;
  int64_t started_ms;
  int handles; /* open ones: freed at 0 */
  bool exited;
  bool cold; /* it could not load the application */
  char said[sizeof PIE_WORKER_READY + sizeof PIE_WORKER_UNHEALTHY];
  size_t said_size;
};

/* A start that waits for its time. */
struct restart {
  uv_timer_t timer;
  struct supervisor *supervisor;
  struct child *replaces;
  struct restart *next;
};

struct supervisor {
  uv_loop_t loop;
  struct pie_host *host;
  const struct pie_bound *bound;
  size_t bound_count;
  struct child *children;
  struct restart *restarts;
  uv_signal_t signals[PIE_STOP_SIGNALS];
  uv_async_t asked; /* to stop, where no signal can be sent: */
  struct pie_stop_event *event;
  int64_t back_off_ms;
  bool stopping;
  int exit_code;
};

static struct pie_log *log_of(struct supervisor *s) { return &s->host->log; }

/* ---- a child's command ---- */

static char *join_argument(const char *name, const char *value) {
  size_t n = strlen(name) + strlen(value) + 2;
  char *out = malloc(n);
  if (out)
    snprintf(out, n, "%s=%s", name, value);
  return out;
}

static char *bind_argument(struct supervisor *s) {
  char text[PIE_LISTENERS_MAX * 24], spec[24];
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < s->bound_count && used < sizeof text; i++) {
    pie_listen_child_spec(i, spec, sizeof spec);
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? "," : "", spec);
  }
  return join_argument("bind", text);
}

static char **make_command(struct supervisor *s) {
  size_t given = 0, n = 0;
  while (s->host->worker_command[given])
    given++;
  char **command = calloc(given + PIE_SETTING_COUNT + 2, sizeof *command);
  if (!command)
    return NULL;
  for (; n < given; n++)
    command[n] = s->host->worker_command[n];
  for (int id = 0; id < PIE_SETTING_COUNT; id++) {
    const char *value = s->host->settings.text[id];
    if (id == PIE_SET_BIND)
      command[n++] = bind_argument(s);
    else if (value)
      command[n++] = join_argument(pie_setting_table[id].name, value);
  }
  return command;
}

static void free_command(struct supervisor *s, char **command) {
  size_t given = 0;
  while (s->host->worker_command[given])
    given++;
  for (size_t i = given; command && command[i]; i++)
    free(command[i]);
  free(command);
}

/* ---- children ---- */

static void start_child(struct supervisor *s, struct child *replaces);

static void on_child_handle_closed(uv_handle_t *handle) {
  struct child *child = handle->data;
  if (--child->handles == 0)
    free(child);
}

static void unlink_child(struct supervisor *s, struct child *gone) {
  struct child **at = &s->children;
  while (*at != gone)
    at = &(*at)->next;
  *at = gone->next;
  for (struct child *child = s->children; child; child = child->next) {
    if (child->replaces == gone)
      child->replaces = NULL;
  }
  for (struct restart *restart = s->restarts; restart; restart = restart->next) {
    if (restart->replaces == gone)
      restart->replaces = NULL;
  }
}

static bool is_being_replaced(struct supervisor *s, struct child *child) {
  for (struct child *other = s->children; other; other = other->next) {
    if (other->replaces == child && other->state == CHILD_STARTING)
      return true;
  }
  for (struct restart *restart = s->restarts; restart; restart = restart->next) {
    if (restart->replaces == child)
      return true;
  }
  return false;
}

static void close_child(struct child *child) {
  uv_handle_t *handles[] = {(uv_handle_t *)&child->process, (uv_handle_t *)&child->control,
                            (uv_handle_t *)&child->kill_timer};
  for (size_t i = 0; i < 3; i++) {
    handles[i]->data = child;
    if (!uv_is_closing(handles[i]))
      uv_close(handles[i], on_child_handle_closed);
  }
}

static void on_kill_timer(uv_timer_t *timer) {
  struct child *child = timer->data;
  pie_log(log_of(child->supervisor), PIE_LOG_ERROR, "worker %d does not end: killed",
          child->process.pid);
  uv_process_kill(&child->process, SIGKILL);
}

/* The end of the control channel is the request to stop. */
static void stop_child(struct child *child) {
  if (child->state == CHILD_STOPPING)
    return;
  child->state = CHILD_STOPPING;
  if (!uv_is_closing((uv_handle_t *)&child->control))
    uv_close((uv_handle_t *)&child->control, on_child_handle_closed);
  int64_t limit = child->supervisor->host->settings.number[PIE_SET_SHUTDOWN_TIMEOUT];
  if (limit)
    uv_timer_start(&child->kill_timer, on_kill_timer, (uint64_t)limit + KILL_GRACE_MS, 0);
}

static void close_signals(struct supervisor *s) {
  pie_stop_event_close(s->event); /* before what it wakes */
  s->event = NULL;
  if (!uv_is_closing((uv_handle_t *)&s->asked))
    uv_close((uv_handle_t *)&s->asked, NULL);
  for (size_t i = 0; i < sizeof s->signals / sizeof s->signals[0]; i++) {
    if (!uv_is_closing((uv_handle_t *)&s->signals[i]))
      uv_close((uv_handle_t *)&s->signals[i], NULL);
  }
}

static void on_restart_closed(uv_handle_t *handle) { free(handle->data); }

static void unlink_restart(struct restart *restart) {
  struct restart **at = &restart->supervisor->restarts;
  while (*at != restart)
    at = &(*at)->next;
  *at = restart->next;
  uv_close((uv_handle_t *)&restart->timer, on_restart_closed);
}

static void on_restart(uv_timer_t *timer) {
  struct restart *restart = timer->data;
  struct supervisor *s = restart->supervisor;
  struct child *replaces = restart->replaces;
  unlink_restart(restart);
  if (!s->stopping)
    start_child(s, replaces);
}

static void start_later(struct supervisor *s, struct child *replaces, int64_t delay_ms) {
  struct restart *restart = calloc(1, sizeof *restart);
  if (!restart)
    return;
  restart->supervisor = s;
  restart->replaces = replaces;
  restart->next = s->restarts;
  s->restarts = restart;
  uv_timer_init(&s->loop, &restart->timer);
  restart->timer.data = restart;
  uv_timer_start(&restart->timer, on_restart, (uint64_t)delay_ms, 0);
}

/* How long to wait before a worker is started again. */
static int64_t next_delay(struct supervisor *s, int64_t lived_ms, bool failed) {
  if (!failed)
    return 0;
  if (lived_ms > SHORT_LIFE_MS)
    s->back_off_ms = 0;
  int64_t delay = s->back_off_ms;
  s->back_off_ms = delay ? delay * 2 : BACK_OFF_MIN_MS;
  if (s->back_off_ms > BACK_OFF_MAX_MS)
    s->back_off_ms = BACK_OFF_MAX_MS;
  return delay;
}

static void replace(struct supervisor *s, struct child *gone, int64_t status, int signal) {
  bool failed = status || signal;
  int64_t delay = next_delay(s, pie_clock_ms() - gone->started_ms, failed);
  if (signal)
    pie_log(log_of(s), PIE_LOG_ERROR,
            "worker %d was ended by signal %d (%s): another one starts in %.1f s",
            gone->process.pid, signal, pie_signal_text(signal), (double)delay / 1000);
  else
    pie_log(log_of(s), failed ? PIE_LOG_ERROR : PIE_LOG_INFO,
            "worker %d ended with code %lld: another one starts in %.1f s", gone->process.pid,
            (long long)status, (double)delay / 1000);
  start_later(s, gone->replaces, delay);
}

/* Whatever has led to it: somebody must serve. */
static bool is_last(const struct supervisor *s, const struct child *child) {
  return s->children == child && !child->next && !s->restarts;
}

static void on_exit_of_child(uv_process_t *process, int64_t status, int signal) {
  struct child *child = process->data;
  struct supervisor *s = child->supervisor;
  bool wanted =
      (child->state == CHILD_STOPPING || is_being_replaced(s, child)) && !is_last(s, child);
  child->exited = true;
  unlink_child(s, child);
  close_child(child);
  if (s->stopping) {
    if (!s->children)
      close_signals(s);
  } else if (!wanted) {
    replace(s, child, status, signal);
  }
}

static void on_said_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  struct child *child = handle->data;
  (void)suggested;
  *out = uv_buf_init(child->said + child->said_size,
                     (unsigned)(sizeof child->said - 1 - child->said_size));
}

static void log_ready(struct child *child, bool cold) {
  if (cold)
    pie_log(log_of(child->supervisor), PIE_LOG_WARNING,
            "worker %d is up, but the application could not be loaded: the reason is logged above, "
            "and it is tried again with the next request",
            child->process.pid);
  else
    pie_log(log_of(child->supervisor), PIE_LOG_INFO, "worker %d is ready", child->process.pid);
}

static void is_ready(struct child *child, bool cold) {
  struct child *old = child->replaces;
  child->state = CHILD_READY;
  child->cold = cold;
  child->replaces = NULL;
  if (old && old->state == CHILD_READY && cold && !old->cold) {
    pie_log(log_of(child->supervisor), PIE_LOG_ERROR,
            "worker %d could not load the application: the old worker %d stays", child->process.pid,
            old->process.pid);
    stop_child(child);
    return;
  }
  log_ready(child, cold);
  if (old)
    stop_child(old);
}

/* It accepts no more, and ends when its other requests have; another one need not wait for that. */
static void is_unhealthy(struct child *child) {
  struct supervisor *s = child->supervisor;
  bool replaced = is_being_replaced(s, child) || s->stopping;
  int64_t delay = replaced ? 0 : next_delay(s, pie_clock_ms() - child->started_ms, true);
  stop_child(child);
  if (replaced) {
    pie_log(log_of(s), PIE_LOG_ERROR, "worker %d is unhealthy", child->process.pid);
    return;
  }
  pie_log(log_of(s), PIE_LOG_ERROR, "worker %d is unhealthy: another one starts in %.1f s",
          child->process.pid, (double)delay / 1000);
  start_later(s, NULL, delay);
}

static void on_said(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  struct child *child = stream->data;
  (void)buf;
  if (n < 0) {
    uv_read_stop(stream);
    return;
  }
  child->said_size += (size_t)n;
  child->said[child->said_size] = '\0';
  bool cold = strstr(child->said, PIE_WORKER_COLD) != NULL;
  if (child->state == CHILD_STARTING && (cold || strstr(child->said, PIE_WORKER_READY)))
    is_ready(child, cold);
  if (child->state == CHILD_READY && strstr(child->said, PIE_WORKER_UNHEALTHY))
    is_unhealthy(child);
}

static int spawn(struct supervisor *s, struct child *child, char **command) {
  uv_stdio_container_t stdio[3 + PIE_LISTENERS_MAX];
  int count = 3;
  stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE;
  stdio[0].data.stream = (uv_stream_t *)&child->control;
  for (int i = 1; i < 3; i++) {
    stdio[i].flags = UV_INHERIT_FD;
    stdio[i].data.fd = i;
  }
  for (size_t i = 0; i < s->bound_count && pie_listen_inherits; i++) {
    stdio[count].flags = UV_INHERIT_FD;
    stdio[count++].data.fd = (int)s->bound[i].socket;
  }
  const uv_process_options_t options = {
      .file = command[0],
      .args = command,
      .exit_cb = on_exit_of_child,
      .stdio = stdio,
      .stdio_count = count,
  };
  return uv_spawn(&s->loop, &child->process, &options);
}

struct shared {
  uv_write_t write;
  char bytes[PIE_SHARE_MAX];
};

static void on_shared(uv_write_t *write, int status) {
  (void)status;
  free(write->data);
}

/* Where sockets are not inherited. */
static void share_sockets(struct supervisor *s, struct child *child) {
  for (size_t i = 0; i < s->bound_count; i++) {
    struct shared *shared = malloc(sizeof *shared);
    size_t n = shared ? pie_listen_share(s->bound[i].socket, child->process.pid, shared->bytes) : 0;
    uv_buf_t buf = uv_buf_init(n ? shared->bytes : NULL, (unsigned)n);
    if (n)
      shared->write.data = shared;
    if (n && uv_write(&shared->write, (uv_stream_t *)&child->control, &buf, 1, on_shared) == 0)
      continue;
    free(shared);
    uv_process_kill(&child->process, SIGKILL); /* it would wait for the socket */
    break;
  }
}

static void start_child(struct supervisor *s, struct child *replaces) {
  struct child *child = calloc(1, sizeof *child);
  char **command = child ? make_command(s) : NULL;
  if (!command) {
    free(child);
    start_later(s, replaces, BACK_OFF_MAX_MS);
    return;
  }
  child->supervisor = s;
  child->replaces = replaces;
  child->started_ms = pie_clock_ms();
  child->handles = 3;
  uv_pipe_init(&s->loop, &child->control, 0);
  uv_timer_init(&s->loop, &child->kill_timer);
  int err = spawn(s, child, command);
  child->process.data = child->control.data = child->kill_timer.data = child;
  if (err) {
    pie_log(log_of(s), PIE_LOG_ERROR, "cannot start a worker (%s): %s", command[0],
            uv_strerror(err));
    close_child(child);
    start_later(s, replaces, BACK_OFF_MAX_MS);
  } else {
    child->next = s->children;
    s->children = child;
    if (!pie_listen_inherits)
      share_sockets(s, child);
    uv_read_start((uv_stream_t *)&child->control, on_said_alloc, on_said);
  }
  free_command(s, command);
}

/* ---- signals ---- */

static void stop_all(struct supervisor *s) {
  s->stopping = true;
  while (s->restarts)
    unlink_restart(s->restarts);
  for (struct child *child = s->children; child; child = child->next)
    stop_child(child);
  if (!s->children)
    close_signals(s);
}

static void kill_all(struct supervisor *s) {
  for (struct child *child = s->children; child; child = child->next)
    uv_process_kill(&child->process, SIGKILL);
}

/* A new worker for each old one; the old one goes when the new one is ready. A new one that is
 * not ready yet holds old code already: it makes room, too. */
static void replace_all(struct supervisor *s) {
  pie_log_file_reopen(s->host->log_file);
  pie_log(log_of(s), PIE_LOG_INFO, "replacing the workers");
  for (struct child *child = s->children; child; child = child->next) {
    if (child->state == CHILD_STOPPING || is_being_replaced(s, child))
      continue;
    struct child *old = child;
    if (child->state == CHILD_STARTING && child->replaces) {
      old = child->replaces;
      child->replaces = NULL;
      stop_child(child);
    }
    start_later(s, old, 0);
  }
}

static void on_signal(uv_signal_t *handle, int number) {
  struct supervisor *s = handle->data;
  bool renews = pie_signal_renews(number);
  if (renews && !s->stopping) {
    replace_all(s);
  } else if (!renews && s->stopping) {
    kill_all(s); /* asked twice */
  } else if (!renews) {
    pie_log(log_of(s), PIE_LOG_INFO, "stopping: running requests may end (signal %d)", number);
    stop_all(s);
  }
}

static void on_asked(uv_async_t *handle) {
  struct supervisor *s = handle->data;
  if (s->stopping)
    return;
  pie_log(log_of(s), PIE_LOG_INFO, "stopping: running requests may end (asked by a program)");
  stop_all(s);
}

static void wake(void *asked) { uv_async_send(asked); }

static void listen_to_signals(struct supervisor *s) {
  for (size_t i = 0; i < PIE_STOP_SIGNALS; i++) {
    uv_signal_init(&s->loop, &s->signals[i]);
    s->signals[i].data = s;
    uv_signal_start(&s->signals[i], on_signal, pie_stop_signals[i]);
  }
  uv_async_init(&s->loop, &s->asked, on_asked);
  s->asked.data = s;
}

int pie_supervisor_run(struct pie_host *host, const struct pie_bound *bound, size_t count) {
  struct supervisor s = {.host = host, .bound = bound, .bound_count = count};
  if (uv_loop_init(&s.loop))
    return 1;
  listen_to_signals(&s);
  s.event = pie_stop_event_open(wake, &s.asked);
  for (int64_t i = 0; i < host->settings.number[PIE_SET_WORKERS]; i++)
    start_child(&s, NULL);
  uv_run(&s.loop, UV_RUN_DEFAULT);
  pie_stop_event_close(s.event);
  uv_loop_close(&s.loop);
  return s.exit_code;
}
