/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

const int pie_stop_signals[PIE_STOP_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

bool pie_signal_renews(int number) { return number == SIGHUP; }

const char *pie_signal_text(int number) { return strsignal(number); }

struct pie_stop_event *pie_stop_event_open(void (*asked)(void *), void *context) {
  (void)asked, (void)context;
  return NULL; /* there is SIGTERM */
}

void pie_stop_event_close(struct pie_stop_event *event) { (void)event; }

int pie_process_ask_to_stop(int pid) {
  return pid > 0 && kill(pid, SIGTERM) == 0 ? 0 : -PIE_ENOENT; /* others are groups, or all */
}
