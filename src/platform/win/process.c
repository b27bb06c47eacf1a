/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"
#include "platform/win/wide.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONSOLE_CLOSES = 1 /* libuv's SIGHUP */, NAME_SIZE = 64 };

/* Ctrl+Break is what a program can send to others that share its console. */
const int pie_stop_signals[PIE_STOP_SIGNALS] = {SIGBREAK, SIGINT, CONSOLE_CLOSES};

bool pie_signal_renews(int number) {
  (void)number;
  return false;
}

const char *pie_signal_text(int number) {
  (void)number;
  return "terminated"; /* nothing else can end a process by signal here */
}

struct pie_stop_event {
  HANDLE event, wait;
  void (*asked)(void *);
  void *context;
};

static void name_of(int pid, wchar_t *out) {
  swprintf(out, NAME_SIZE, L"Local\\pyisapie-stop-%d", pid);
}

static void CALLBACK on_event(void *raw, BOOLEAN timed_out) {
  struct pie_stop_event *event = raw;
  (void)timed_out;
  event->asked(event->context);
}

struct pie_stop_event *pie_stop_event_open(void (*asked)(void *), void *context) {
  wchar_t name[NAME_SIZE];
  struct pie_stop_event *event = calloc(1, sizeof *event);
  if (!event)
    return NULL;
  name_of(pie_process_id(), name);
  event->asked = asked;
  event->context = context;
  event->event = CreateEventW(NULL, FALSE, FALSE, name);
  if (event->event && RegisterWaitForSingleObject(&event->wait, event->event, on_event, event,
                                                  INFINITE, WT_EXECUTEDEFAULT))
    return event;
  if (event->event)
    CloseHandle(event->event);
  free(event);
  return NULL;
}

void pie_stop_event_close(struct pie_stop_event *event) {
  if (!event)
    return;
  UnregisterWaitEx(event->wait, INVALID_HANDLE_VALUE); /* waits for on_event */
  CloseHandle(event->event);
  free(event);
}

int pie_process_ask_to_stop(int pid) {
  wchar_t name[NAME_SIZE];
  name_of(pid, name);
  HANDLE event = OpenEventW(EVENT_MODIFY_STATE, FALSE, name);
  BOOL good = event && SetEvent(event);
  if (event)
    CloseHandle(event);
  return good ? 0 : -PIE_ENOENT;
}
