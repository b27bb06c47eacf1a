/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing buffer that states its maximum. Its content is always NUL-terminated.
 */
#ifndef PIE_BASE_BUF_H
#define PIE_BASE_BUF_H

#include "pyisapie/str.h"

#include <string.h>

struct pie_buf {
  char *p;
  size_t n, capacity, max;
};

void pie_buf_init(struct pie_buf *buf, size_t max);
void pie_buf_free(struct pie_buf *buf);
void pie_buf_clear(struct pie_buf *buf);                 /* keeps the memory */
void pie_buf_consume(struct pie_buf *buf, size_t bytes); /* drops the first ones */

/* All return 0, -PIE_ETOOBIG or -PIE_ENOMEM; the content is unchanged on failure. */
int pie_buf_reserve(struct pie_buf *buf, size_t more);
static inline int pie_buf_append(struct pie_buf *buf, const void *bytes, size_t n) {
  if (!buf->p || n > buf->capacity - buf->n) {
    int err = pie_buf_reserve(buf, n);
    if (err)
      return err;
  }
  if (n)
    memcpy(buf->p + buf->n, bytes, n);
  buf->n += n;
  buf->p[buf->n] = '\0';
  return 0;
}
static inline int pie_buf_add(struct pie_buf *buf, struct pie_str text) {
  return pie_buf_append(buf, text.p, text.n);
}
int pie_buf_add_number(struct pie_buf *buf, uint64_t number); /* decimal */
int pie_buf_adds(struct pie_buf *buf, const char *text);
__attribute__((format(printf, 2, 3))) int pie_buf_addf(struct pie_buf *buf, const char *format,
                                                       ...);

struct pie_str pie_buf_str(const struct pie_buf *buf);

#endif
