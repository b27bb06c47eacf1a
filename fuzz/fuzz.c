/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COPIES_MAX = 64 };

static char *copies[COPIES_MAX];
static size_t copy_count;

void fuzz_failed(const char *fact, const char *file, int line) {
  fprintf(stderr, "%s:%d: not true: %s\n", file, line, fact);
  abort();
}

void fuzz_begin(struct fuzz_input *input, const uint8_t *bytes, size_t n) {
  input->rest = (struct pie_str){(const char *)bytes, n};
  copy_count = 0;
}

void fuzz_end(void) {
  while (copy_count)
    free(copies[--copy_count]);
}

uint8_t fuzz_byte(struct fuzz_input *input) {
  if (!input->rest.n)
    return 0;
  input->rest.n--;
  return (uint8_t)*input->rest.p++;
}

static struct pie_str keep(struct pie_str text, bool terminated) {
  size_t size = text.n + terminated;
  char *copy = copy_count < COPIES_MAX ? malloc(size ? size : 1) : NULL;
  if (!copy)
    abort();
  if (text.n)
    memcpy(copy, text.p, text.n);
  if (terminated)
    copy[text.n] = '\0';
  copies[copy_count++] = copy;
  return (struct pie_str){copy, text.n};
}

struct pie_str fuzz_part(struct fuzz_input *input) {
  struct pie_str *rest = &input->rest;
  const char *end = rest->n ? memmem(rest->p, rest->n, "\xff\xfe", 2) : NULL;
  struct pie_str part = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
  size_t used = part.n + (end ? 2 : 0);
  rest->p += used;
  rest->n -= used;
  return keep(part, true);
}

const char *fuzz_text(struct fuzz_input *input) { return fuzz_part(input).p; }

struct pie_str fuzz_rest(struct fuzz_input *input) {
  struct pie_str part = input->rest;
  input->rest.p += part.n;
  input->rest.n = 0;
  return keep(part, false);
}

bool fuzz_is_one_line(struct pie_str text) {
  return !text.n || (!memchr(text.p, '\r', text.n) && !memchr(text.p, '\n', text.n) &&
                     !memchr(text.p, '\0', text.n));
}

uint64_t fuzz_touch(struct pie_str text) {
  uint64_t sum = 0;
  for (size_t i = 0; i < text.n; i++)
    sum = sum * 31 + (unsigned char)text.p[i];
  return sum;
}
