/* SPDX-License-Identifier: Apache-2.0
 *
 * From settings to listening sockets, and on to the supervisor or a worker.
 */
#include "base/error.h"
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_error_log(struct pie_host *host) {
  char why[512];
  host->log_file =
      pie_log_file_open(pie_settings_text(&host->settings, PIE_SET_LOG), why, sizeof why);
  if (!host->log_file) {
    fprintf(stderr, "pyisapie: %s (setting log)\n", why);
    return -PIE_ESTART;
  }
  pie_log_file_limit(host->log_file, host->settings.number[PIE_SET_LOG_SIZE],
                     (int)host->settings.number[PIE_SET_LOG_KEEP]);
  host->log.level = pie_settings_log_level(&host->settings);
  host->log.write = pie_log_file_write;
  host->log.stamp = pie_log_stamp;
  host->log.context = host->log_file;
  return 0;
}

static int add_bound(struct pie_host *host, struct pie_bound *bound, size_t *count,
                     const char *spec) {
  char why[512];
  if (*count == PIE_LISTENERS_MAX) {
    pie_log(&host->log, PIE_LOG_ERROR, "more than %d sockets to listen on", PIE_LISTENERS_MAX);
    return -PIE_ETOOBIG;
  }
  struct pie_bound *b = &bound[*count];
  int backlog = (int)host->settings.number[PIE_SET_BACKLOG];
  int err = pie_listen_open(spec, backlog, &b->socket, &b->is_local, b->url, why, sizeof why);
  if (err)
    pie_log(&host->log, PIE_LOG_ERROR, "%s (setting bind)", why);
  else
    ++*count;
  return err;
}

/* Those that a service manager hands over, and those of the setting bind. */
static int open_sockets(struct pie_host *host, struct pie_bound *bound, size_t *count) {
  char spec[PIE_SETTING_VALUE_MAX];
  pie_socket first;
  int err = 0;
  int inherited = host->is_worker ? 0 : pie_listen_inherited(&first);
  for (int i = 0; i < inherited && !err; i++) {
    snprintf(spec, sizeof spec, "fd:%lld", (long long)first + i);
    err = add_bound(host, bound, count, spec);
  }
  if (err || (inherited && !host->settings.text[PIE_SET_BIND]))
    return err;
  struct pie_str rest = pie_str_from(pie_settings_text(&host->settings, PIE_SET_BIND));
  while (rest.n && !err) {
    struct pie_str one = pie_str_trim(pie_str_cut(&rest, ','));
    snprintf(spec, sizeof spec, "%.*s", (int)one.n, one.p);
    if (one.n)
      err = add_bound(host, bound, count, spec);
  }
  if (!err && !*count) {
    pie_log(&host->log, PIE_LOG_ERROR, "the setting bind names nothing to listen on");
    err = -PIE_EINVAL;
  }
  return err;
}

static int choose_door(struct pie_host *host) {
  const char *wanted = pie_settings_text(&host->settings, PIE_SET_DOOR);
  if (!*wanted)
    return 0;
  if (!pie_path_is_file(wanted)) {
    pie_log(&host->log, PIE_LOG_ERROR, "there is no ISAPI extension %s (setting door)", wanted);
    return -PIE_ESTART;
  }
  snprintf(host->door, sizeof host->door, "%s", wanted);
  return 0;
}

int pie_host_run(struct pie_host *host) {
  struct pie_bound bound[PIE_LISTENERS_MAX];
  size_t count = 0;
  if (open_error_log(host))
    return 1;
  int code = choose_door(host) || open_sockets(host, bound, &count) ? 1 : 0;
  if (!code && host->is_worker) {
    code = pie_worker_run(host, bound, count);
  } else if (!code) {
    for (size_t i = 0; i < count; i++)
      pie_log(&host->log, PIE_LOG_INFO, "listening on %s", bound[i].url);
    code = pie_supervisor_run(host, bound, count);
    pie_log(&host->log, PIE_LOG_INFO, "stopped");
  }
  for (size_t i = 0; i < count && !host->is_worker; i++)
    pie_listen_remove(bound[i].url);
  pie_log_file_close(host->log_file);
  host->log_file = NULL;
  return code;
}
