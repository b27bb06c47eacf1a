/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 8192 - 64 };

struct pie_arena_block {
  struct pie_arena_block *next;
  size_t size, used;
  alignas(max_align_t) unsigned char bytes[];
};

void pie_arena_init(struct pie_arena *arena, size_t max) {
  *arena = (struct pie_arena){.max = max};
}

void pie_arena_reset(struct pie_arena *arena) {
  while (arena->blocks && arena->blocks->next) {
    struct pie_arena_block *block = arena->blocks;
    arena->blocks = block->next;
    free(block);
  }
  arena->taken = 0;
  if (arena->blocks) {
    arena->blocks->used = 0;
    arena->taken = arena->blocks->size;
  }
}

void pie_arena_free(struct pie_arena *arena) {
  pie_arena_reset(arena);
  free(arena->blocks);
  arena->blocks = NULL;
  arena->taken = 0;
}

static struct pie_arena_block *grow(struct pie_arena *arena, size_t size) {
  size_t wanted = size > BLOCK_SIZE ? size : BLOCK_SIZE;
  if (wanted > arena->max - arena->taken)
    wanted = size;
  if (size > arena->max - arena->taken)
    return NULL;
  struct pie_arena_block *block = malloc(sizeof *block + wanted);
  if (!block)
    return NULL;
  *block = (struct pie_arena_block){.next = arena->blocks, .size = wanted};
  arena->blocks = block;
  arena->taken += wanted;
  return block;
}

void *pie_arena_alloc(struct pie_arena *arena, size_t size) {
  const size_t mask = alignof(max_align_t) - 1;
  if (size > arena->max)
    return NULL;
  size = (size + mask) & ~mask;
  struct pie_arena_block *block = arena->blocks;
  if (!block || size > block->size - block->used)
    block = grow(arena, size);
  if (!block)
    return NULL;
  void *memory = block->bytes + block->used;
  block->used += size;
  return memory;
}

struct pie_str pie_arena_copy(struct pie_arena *arena, struct pie_str text) {
  char *copy = pie_arena_alloc(arena, text.n + 1);
  if (!copy)
    return (struct pie_str){NULL, 0};
  if (text.n)
    memcpy(copy, text.p, text.n);
  copy[text.n] = '\0';
  return (struct pie_str){copy, text.n};
}
