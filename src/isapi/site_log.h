/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs that sites of one process have of their own, by what their settings files say. Nothing is
 * looked up before something is to be logged.
 */
#ifndef PIE_ISAPI_SITE_LOG_H
#define PIE_ISAPI_SITE_LOG_H

#include "base/log.h"
#include "platform/platform.h"
#include "pyisapie/engine.h"

#include <stdatomic.h>

struct pie_door;
struct pie_site_log;
struct pie_log_writer;

/* All of them stay until the process ends: others may just write there. */
struct pie_site_logs {
  _Atomic(struct pie_site_log *) first; /* the latest choice; read without the lock */
  struct pie_mutex lock;
  struct pie_log_writer *writers; /* one for each file */
};

void pie_site_logs_init(struct pie_site_logs *logs);
void pie_site_logs_free(struct pie_site_logs *logs);

/* The log of the site that has this key: its own, or the door's. */
const struct pie_log *pie_site_log_of(struct pie_door *door, const struct pie_log_origin *site);

/* As choose_log of the door's table. */
int pie_site_log_choose(struct pie_door *door, const struct pie_log_origin *site,
                        const struct pie_log_choice *choice, char *why, size_t why_size);

#endif
