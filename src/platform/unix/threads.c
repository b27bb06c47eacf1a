/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/error.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void pie_mutex_init(struct pie_mutex *mutex) {
  PIE_CHECK(pthread_mutex_init(&mutex->lock, NULL) == 0);
}

void pie_mutex_destroy(struct pie_mutex *mutex) { pthread_mutex_destroy(&mutex->lock); }

void pie_mutex_lock(struct pie_mutex *mutex) { PIE_CHECK(pthread_mutex_lock(&mutex->lock) == 0); }

void pie_mutex_unlock(struct pie_mutex *mutex) {
  PIE_CHECK(pthread_mutex_unlock(&mutex->lock) == 0);
}

void pie_cond_init(struct pie_cond *cond) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  PIE_CHECK(pthread_cond_init(&cond->cond, &attr) == 0);
  pthread_condattr_destroy(&attr);
}

void pie_cond_destroy(struct pie_cond *cond) { pthread_cond_destroy(&cond->cond); }

void pie_cond_signal(struct pie_cond *cond) { pthread_cond_signal(&cond->cond); }

void pie_cond_broadcast(struct pie_cond *cond) { pthread_cond_broadcast(&cond->cond); }

void pie_cond_wait(struct pie_cond *cond, struct pie_mutex *mutex) {
  PIE_CHECK(pthread_cond_wait(&cond->cond, &mutex->lock) == 0);
}

static bool wait_until_us(struct pie_cond *cond, struct pie_mutex *mutex, int64_t deadline) {
  struct timespec until = {.tv_sec = deadline / 1000000, .tv_nsec = deadline % 1000000 * 1000};
  return pthread_cond_timedwait(&cond->cond, &mutex->lock, &until) != ETIMEDOUT;
}

bool pie_cond_wait_until(struct pie_cond *cond, struct pie_mutex *mutex, int64_t deadline) {
  return wait_until_us(cond, mutex, deadline * 1000);
}

bool pie_cond_wait_us(struct pie_cond *cond, struct pie_mutex *mutex, int64_t timeout_us) {
  return wait_until_us(cond, mutex, pie_clock_us() + timeout_us);
}

struct start {
  void (*run)(void *);
  void *arg;
};

static void *thread_main(void *raw) {
  struct start start = *(struct start *)raw;
  free(raw);
  start.run(start.arg);
  return NULL;
}

static int start_thread(struct pie_thread *thread, size_t stack, void (*run)(void *), void *arg) {
  struct start *start = malloc(sizeof *start);
  if (!start)
    return -PIE_ENOMEM;
  *start = (struct start){run, arg};
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, stack);
  int err = pthread_create(&thread->handle, &attr, thread_main, start);
  pthread_attr_destroy(&attr);
  if (!err)
    return 0;
  free(start);
  return -PIE_ESTART;
}

/* What a thread's own mistakes raise is never blocked: it would end the process without a word. */
int pie_thread_start(struct pie_thread *thread, size_t stack, void (*run)(void *), void *arg) {
  static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  sigset_t all, before;
  sigfillset(&all);
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    sigdelset(&all, own[i]);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int err = start_thread(thread, stack, run, arg);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return err;
}

int pie_thread_start_open(struct pie_thread *thread, size_t stack, void (*run)(void *), void *arg) {
  sigset_t none, before;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &before);
  int err = start_thread(thread, stack, run, arg);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return err;
}

void pie_thread_join(struct pie_thread *thread) { pthread_join(thread->handle, NULL); }

void pie_thread_detach(struct pie_thread *thread) { pthread_detach(thread->handle); }

void pie_thread_yield(void) { sched_yield(); }

void pie_thread_sleep_ms(int milliseconds) {
  struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
  nanosleep(&time, NULL);
}

int pie_waker_open(struct pie_waker *waker) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
    return -PIE_ENOTSUP;
  *waker = (struct pie_waker){ends[0], ends[1]};
  return 0;
}

void pie_waker_wake(struct pie_waker *waker) {
  ssize_t written = write(waker->write_end, "", 1);
  (void)written; /* a full pipe wakes as well */
}

void pie_waker_wait(struct pie_waker *waker) {
  struct pollfd entry = {.fd = waker->read_end, .events = POLLIN};
  char bytes[64];
  poll(&entry, 1, -1);
  while (read(waker->read_end, bytes, sizeof bytes) == sizeof bytes)
    ;
}
