/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"

#include <process.h>
#include <stdlib.h>

void pie_mutex_init(struct pie_mutex *mutex) { InitializeSRWLock(&mutex->lock); }
void pie_mutex_destroy(struct pie_mutex *mutex) { (void)mutex; }
void pie_mutex_lock(struct pie_mutex *mutex) { AcquireSRWLockExclusive(&mutex->lock); }
void pie_mutex_unlock(struct pie_mutex *mutex) { ReleaseSRWLockExclusive(&mutex->lock); }
void pie_cond_init(struct pie_cond *cond) { InitializeConditionVariable(&cond->cond); }
void pie_cond_destroy(struct pie_cond *cond) { (void)cond; }
void pie_cond_signal(struct pie_cond *cond) { WakeConditionVariable(&cond->cond); }
void pie_cond_broadcast(struct pie_cond *cond) { WakeAllConditionVariable(&cond->cond); }

void pie_cond_wait(struct pie_cond *cond, struct pie_mutex *mutex) {
  SleepConditionVariableSRW(&cond->cond, &mutex->lock, INFINITE, 0);
}

bool pie_cond_wait_until(struct pie_cond *cond, struct pie_mutex *mutex, int64_t deadline) {
  int64_t left = deadline - pie_clock_ms();
  if (left <= 0)
    return false;
  DWORD wait = left > 0x7fffffff ? 0x7fffffff : (DWORD)left;
  return SleepConditionVariableSRW(&cond->cond, &mutex->lock, wait, 0) != 0;
}

bool pie_cond_wait_us(struct pie_cond *cond, struct pie_mutex *mutex, int64_t timeout_us) {
  return pie_cond_wait_until(cond, mutex, pie_clock_ms() + (timeout_us + 999) / 1000);
}

struct start {
  void (*run)(void *);
  void *arg;
};

static unsigned __stdcall thread_main(void *raw) {
  struct start start = *(struct start *)raw;
  free(raw);
  start.run(start.arg);
  return 0;
}

int pie_thread_start(struct pie_thread *thread, size_t stack, void (*run)(void *), void *arg) {
  struct start *start = malloc(sizeof *start);
  if (!start)
    return -PIE_ENOMEM;
  *start = (struct start){run, arg};
  uintptr_t handle = _beginthreadex(NULL, (unsigned)stack, thread_main, start,
                                    STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  if (!handle) {
    free(start);
    return -PIE_ESTART;
  }
  thread->handle = (HANDLE)handle;
  return 0;
}

void pie_thread_join(struct pie_thread *thread) {
  WaitForSingleObject(thread->handle, INFINITE);
  CloseHandle(thread->handle);
}

void pie_thread_detach(struct pie_thread *thread) { CloseHandle(thread->handle); }

void pie_thread_yield(void) { SwitchToThread(); }

void pie_thread_sleep_ms(int milliseconds) { Sleep((DWORD)milliseconds); }

/* Signals of Windows come on threads of their own. */
int pie_waker_open(struct pie_waker *waker) {
  (void)waker;
  return -PIE_ENOTSUP;
}

void pie_waker_wake(struct pie_waker *waker) { (void)waker; }

void pie_waker_wait(struct pie_waker *waker) { (void)waker; }

int pie_thread_start_open(struct pie_thread *thread, size_t stack, void (*run)(void *), void *arg) {
  return pie_thread_start(thread, stack, run, arg);
}
