/* SPDX-License-Identifier: Apache-2.0
 *
 * The random numbers of misfortune (quirks = iis), which the threads of one request share.
 */
#include "harness/test.h"
#include "host/host.h"

#include <stdlib.h>

enum { THREADS = 4, EACH = 200000 };

static struct pie_exchange x;
static atomic_int begun;
static uint32_t drawn[THREADS * EACH];

static void draw(void *arg) {
  uint32_t *out = arg;
  for (atomic_fetch_add(&begun, 1); atomic_load(&begun) < THREADS;)
    pie_thread_yield();
  for (int i = 0; i < EACH; i++)
    out[i] = pie_fault_number(&x, UINT32_MAX);
}

static int compare(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

/* The generator's period is longer than that: who draws a number twice has lost a step. */
static void no_number_is_drawn_twice(void) {
  struct pie_thread threads[THREADS];
  atomic_store(&x.faults, 1);
  for (int i = 0; i < THREADS; i++)
    REQUIRE(pie_thread_start(&threads[i], 1 << 20, draw, drawn + i * EACH) == 0);
  for (int i = 0; i < THREADS; i++)
    pie_thread_join(&threads[i]);
  qsort(drawn, THREADS * EACH, sizeof drawn[0], compare);
  int twice = 0;
  for (int i = 1; i < THREADS * EACH; i++)
    twice += drawn[i] == drawn[i - 1];
  CHECK_INT(twice, 0);
}

static void without_a_seed_there_are_none(void) {
  atomic_store(&x.faults, 0);
  CHECK_INT(pie_fault_number(&x, 100), 0);
  CHECK(!pie_fault(&x, 1));
}

static const struct test_case cases[] = {
    CASE(no_number_is_drawn_twice),
    CASE(without_a_seed_there_are_none),
};
TEST_MAIN(cases)
