/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks that the bytes of a body are framed as chunks (RFC 9112, 7.1), without keeping any.
 */
#ifndef PIE_HTTP_CHUNKS_H
#define PIE_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pie_chunks {
  enum {
    PIE_CHUNKS_SIZE, /* the beginning */
    PIE_CHUNKS_EXTENSION,
    PIE_CHUNKS_SIZE_LF,
    PIE_CHUNKS_DATA,
    PIE_CHUNKS_DATA_CR,
    PIE_CHUNKS_DATA_LF,
    PIE_CHUNKS_TRAILER, /* at the beginning of a line */
    PIE_CHUNKS_TRAILER_LINE,
    PIE_CHUNKS_END_LF,
    PIE_CHUNKS_DONE,
    PIE_CHUNKS_BAD
  } state;
  uint64_t left; /* bytes of this chunk's data, or its size so far */
  int digits;
};

/* bytes may be NULL for n bytes that are known to be data (of a file). False once it is wrong. */
bool pie_chunks_feed(struct pie_chunks *chunks, const char *bytes, uint64_t n);

#endif
