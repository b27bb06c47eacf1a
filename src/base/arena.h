/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of one request: taken piece by piece, given back at once. It has a stated maximum.
 */
#ifndef PIE_BASE_ARENA_H
#define PIE_BASE_ARENA_H

#include "pyisapie/str.h"

struct pie_arena_block;

struct pie_arena {
  struct pie_arena_block *blocks; /* newest first; the oldest one is kept by reset */
  size_t taken;                   /* bytes in all blocks */
  size_t max;                     /* bytes that all blocks together may have */
};

void pie_arena_init(struct pie_arena *arena, size_t max);
void pie_arena_reset(struct pie_arena *arena);
void pie_arena_free(struct pie_arena *arena);

/* Aligned for any type. NULL when memory or the maximum is exhausted. */
void *pie_arena_alloc(struct pie_arena *arena, size_t size);

/* A NUL-terminated copy; p is NULL when there is no room. */
struct pie_str pie_arena_copy(struct pie_arena *arena, struct pie_str text);

#endif
