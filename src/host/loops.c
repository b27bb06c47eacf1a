/* SPDX-License-Identifier: Apache-2.0
 *
 * Several loops in one process, where Python can run at once on several threads: each has threads
 * and connections of its own. The first one accepts for all.
 */
#include "base/error.h"
#include "host/host.h"

#include <stdlib.h>

static size_t loop_count(const struct pie_worker *first) {
  const struct pie_settings *settings = first->settings;
  size_t wanted = (size_t)settings->number[PIE_SET_PARALLEL];
  bool one = first->in_threads || !first->extension.idle || !pie_socket_can_move ||
             pie_settings_is(settings, PIE_SET_MODE, "main");
  size_t count = one ? 1 : wanted ? wanted : pie_processor_count();
  return count < PIE_LOOPS_MAX ? count : PIE_LOOPS_MAX;
}

static struct pie_worker *open_other(struct pie_worker *first, struct pie_host *host) {
  struct pie_worker *worker = pie_worker_new(host);
  if (!worker)
    return NULL;
  worker->first = first;
  worker->group = (uint32_t)first->other_count + 1;
  worker->extension = first->extension;
  worker->access = first->access;
  if (pie_worker_open_loop(worker) || pie_loop_start(worker))
    return NULL; /* the process ends */
  return worker;
}

int pie_loops_open(struct pie_worker *first, struct pie_host *host) {
  size_t count = loop_count(first);
  if (count == 1)
    return 0;
  first->others = calloc(count - 1, sizeof(struct pie_worker *));
  first->group = 0;
  while (first->others && first->other_count < count - 1) {
    atomic_fetch_add(&first->running, 1);
    struct pie_worker *other = open_other(first, host);
    if (!other)
      return -PIE_ENOMEM;
    first->others[first->other_count++] = other;
  }
  return first->others ? 0 : -PIE_ENOMEM;
}

void pie_loops_free(struct pie_worker *first) {
  for (size_t i = 0; i < first->other_count; i++) {
    struct pie_worker *other = first->others[i];
    pie_loop_join(other);
    uv_loop_close(&other->loop);
    pie_worker_free(other);
  }
  free(first->others);
}

struct pie_worker *pie_loops_choose(struct pie_worker *first) {
  struct pie_worker *best = first;
  for (size_t i = 0; i < first->other_count; i++) {
    if (atomic_load(&first->others[i]->conn_count) < atomic_load(&best->conn_count))
      best = first->others[i];
  }
  return best;
}

size_t pie_loops_conn_count(struct pie_worker *first) {
  size_t sum = atomic_load(&first->conn_count);
  for (size_t i = 0; i < first->other_count; i++)
    sum += atomic_load(&first->others[i]->conn_count);
  return sum;
}

int pie_loops_pass(struct pie_worker *worker, struct pie_arrival arrival) {
  struct pie_arrival *copy = malloc(sizeof *copy);
  if (!copy)
    return -PIE_ENOMEM;
  *copy = arrival;
  pie_mutex_lock(&worker->mail_lock);
  copy->next = worker->arrivals;
  worker->arrivals = copy;
  atomic_fetch_add(&worker->conn_count, 1); /* from now on: the next one goes elsewhere */
  uv_async_send(&worker->wake);
  pie_mutex_unlock(&worker->mail_lock);
  return 0;
}

void pie_loops_ask_to_stop(struct pie_worker *first, bool force) {
  for (size_t i = 0; i < first->other_count; i++) {
    struct pie_worker *other = first->others[i];
    pie_mutex_lock(&other->mail_lock);
    other->asked_to_stop = true;
    other->asked_to_force = force;
    if (!other->over)
      uv_async_send(&other->wake);
    pie_mutex_unlock(&other->mail_lock);
  }
}

void pie_loops_on_wake(struct pie_worker *worker) {
  pie_mutex_lock(&worker->mail_lock);
  struct pie_arrival *arrivals = worker->arrivals;
  worker->arrivals = NULL;
  bool stop = worker->asked_to_stop, force = worker->asked_to_force;
  worker->asked_to_force = false;
  pie_mutex_unlock(&worker->mail_lock);
  while (arrivals) {
    struct pie_arrival *arrival = arrivals;
    arrivals = arrival->next;
    pie_conn_arrive(worker, arrival);
    free(arrival);
  }
  if (stop)
    pie_worker_stop(worker);
  if (force)
    pie_worker_force(worker);
}

void pie_loops_ended(struct pie_worker *worker) {
  if (worker == worker->first)
    return;
  atomic_fetch_sub(&worker->first->running, 1);
  uv_async_send(&worker->first->wake);
}
