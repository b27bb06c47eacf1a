/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/check.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pie_buf_init(struct pie_buf *buf, size_t max) { *buf = (struct pie_buf){.max = max}; }

void pie_buf_free(struct pie_buf *buf) {
  free(buf->p);
  *buf = (struct pie_buf){.max = buf->max};
}

void pie_buf_clear(struct pie_buf *buf) {
  buf->n = 0;
  if (buf->p)
    buf->p[0] = '\0';
}

void pie_buf_consume(struct pie_buf *buf, size_t bytes) {
  PIE_CHECK(bytes <= buf->n);
  if (!bytes)
    return;
  buf->n -= bytes;
  memmove(buf->p, buf->p + bytes, buf->n + 1);
}

int pie_buf_reserve(struct pie_buf *buf, size_t more) {
  if (more > buf->max - buf->n)
    return -PIE_ETOOBIG;
  size_t needed = buf->n + more;
  if (buf->p && needed <= buf->capacity)
    return 0;
  size_t capacity = buf->capacity ? buf->capacity : 256;
  while (capacity < needed)
    capacity *= 2;
  if (capacity > buf->max)
    capacity = buf->max;
  char *p = realloc(buf->p, capacity + 1);
  if (!p)
    return -PIE_ENOMEM;
  buf->p = p;
  buf->p[buf->n] = '\0';
  buf->capacity = capacity;
  return 0;
}

int pie_buf_add_number(struct pie_buf *buf, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do
    digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  return pie_buf_append(buf, digits + at, sizeof digits - at);
}

int pie_buf_adds(struct pie_buf *buf, const char *text) {
  return pie_buf_append(buf, text, strlen(text));
}

int pie_buf_addf(struct pie_buf *buf, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  int err = length < 0 ? -PIE_EINVAL : pie_buf_reserve(buf, (size_t)length);
  if (!err) {
    vsnprintf(buf->p + buf->n, (size_t)length + 1, format, again);
    buf->n += (size_t)length;
  }
  va_end(again);
  return err;
}

struct pie_str pie_buf_str(const struct pie_buf *buf) {
  return (struct pie_str){buf->p ? buf->p : "", buf->n};
}
