/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "harness/test.h"

#include <stdalign.h>
#include <string.h>

static bool is_aligned(const void *memory) { return (uintptr_t)memory % alignof(max_align_t) == 0; }

static void memory_is_aligned_and_apart(void) {
  struct pie_arena arena;
  pie_arena_init(&arena, 1 << 20);
  char *previous = NULL;
  size_t previous_size = 0;
  for (size_t size = 0; size < 300; size++) {
    char *memory = pie_arena_alloc(&arena, size);
    REQUIRE(memory != NULL);
    CHECK(is_aligned(memory));
    memset(memory, (int)size, size);
    if (previous && previous_size)
      CHECK_INT((unsigned char)previous[previous_size - 1], (unsigned char)previous_size);
    previous = memory;
    previous_size = size;
  }
  pie_arena_free(&arena);
}

static void a_large_piece_has_a_block_of_its_own(void) {
  struct pie_arena arena;
  pie_arena_init(&arena, 1 << 20);
  char *large = pie_arena_alloc(&arena, 100000);
  REQUIRE(large != NULL);
  memset(large, 1, 100000);
  CHECK(arena.taken >= 100000);
  char *small = pie_arena_alloc(&arena, 16);
  REQUIRE(small != NULL);
  memset(small, 2, 16);
  CHECK_INT(large[99999], 1);
  pie_arena_free(&arena);
}

static void the_maximum_is_kept(void) {
  struct pie_arena arena;
  pie_arena_init(&arena, 20000);
  size_t got = 0;
  for (int i = 0; i < 10000 && pie_arena_alloc(&arena, 64); i++)
    got += 64;
  CHECK(got <= 20000);
  CHECK(got >= 10000);
  CHECK(arena.taken <= 20000);
  CHECK(pie_arena_alloc(&arena, 64) == NULL);
  pie_arena_reset(&arena);
  CHECK(pie_arena_alloc(&arena, 64) != NULL);
  pie_arena_free(&arena);
}

static void exactly_the_maximum_fits(void) {
  struct pie_arena arena;
  pie_arena_init(&arena, 4096);
  CHECK(pie_arena_alloc(&arena, 4096) != NULL);
  CHECK(pie_arena_alloc(&arena, 1) == NULL);
  pie_arena_free(&arena);
}

static void sizes_that_overflow_are_refused(void) {
  struct pie_arena arena;
  pie_arena_init(&arena, 4096);
  static const size_t sizes[] = {4097,          1 << 20,       SIZE_MAX / 2,
                                 SIZE_MAX - 64, SIZE_MAX - 15, SIZE_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    CHECK(pie_arena_alloc(&arena, sizes[i]) == NULL);
  CHECK_INT(arena.taken, 0);
  pie_arena_free(&arena);
}

static void reset_gives_all_back_but_one_block(void) {
  struct pie_arena arena;
  pie_arena_init(&arena, 1 << 20);
  void *first = pie_arena_alloc(&arena, 32);
  for (int i = 0; i < 20; i++)
    pie_arena_alloc(&arena, 8000);
  size_t before = arena.taken;
  pie_arena_reset(&arena);
  CHECK(arena.taken < before / 10);
  CHECK(pie_arena_alloc(&arena, 32) == first);
  pie_arena_free(&arena);
  CHECK_INT(arena.taken, 0);
  CHECK(pie_arena_alloc(&arena, 1) != NULL); /* an arena can be used on */
  pie_arena_free(&arena);
}

static void many_rounds_take_no_more(void) {
  struct pie_arena arena;
  pie_arena_init(&arena, 1 << 20);
  size_t taken = 0;
  for (int round = 0; round < 100; round++) {
    for (int i = 0; i < 50; i++)
      REQUIRE(pie_arena_alloc(&arena, 1000) != NULL);
    if (round == 0)
      taken = arena.taken;
    CHECK_INT(arena.taken, taken);
    pie_arena_reset(&arena);
  }
  pie_arena_free(&arena);
}

static void copies_are_terminated(void) {
  struct pie_arena arena;
  char bytes[] = {'a', 'b', 'c', 'd'};
  pie_arena_init(&arena, 9000);
  struct pie_str copy = pie_arena_copy(&arena, (struct pie_str){bytes, 3});
  bytes[0] = 'x';
  CHECK_STR(copy, "abc");
  CHECK_INT(copy.p[3], 0);
  copy = pie_arena_copy(&arena, (struct pie_str){NULL, 0});
  CHECK_STR(copy, "");
  CHECK_INT(copy.p[0], 0);
  copy = pie_arena_copy(&arena, (struct pie_str){bytes, 1 << 30}); /* never read: no room for it */
  CHECK(copy.p == NULL);
  CHECK_INT(copy.n, 0);
  pie_arena_free(&arena);
}

static const struct test_case cases[] = {
    CASE(memory_is_aligned_and_apart),
    CASE(a_large_piece_has_a_block_of_its_own),
    CASE(the_maximum_is_kept),
    CASE(exactly_the_maximum_fits),
    CASE(sizes_that_overflow_are_refused),
    CASE(reset_gives_all_back_but_one_block),
    CASE(many_rounds_take_no_more),
    CASE(copies_are_terminated),
};
TEST_MAIN(cases)
