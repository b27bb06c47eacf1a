/* SPDX-License-Identifier: Apache-2.0 */
#include "http/chunks.h"

enum { DIGITS_MAX = 15 };

static int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_size(struct pie_chunks *chunks, char c) {
  int digit = hex(c);
  if (digit >= 0 && chunks->digits++ < DIGITS_MAX)
    chunks->left = chunks->left * 16 + (uint64_t)digit;
  else if (digit >= 0 || !chunks->digits)
    chunks->state = PIE_CHUNKS_BAD;
  else if (c == '\r')
    chunks->state = PIE_CHUNKS_SIZE_LF;
  else
    chunks->state = c == ';' ? PIE_CHUNKS_EXTENSION : PIE_CHUNKS_BAD;
}

static void step(struct pie_chunks *chunks, char c) {
  switch (chunks->state) {
  case PIE_CHUNKS_SIZE:
    take_size(chunks, c);
    break;
  case PIE_CHUNKS_EXTENSION:
    if (c == '\r')
      chunks->state = PIE_CHUNKS_SIZE_LF;
    break;
  case PIE_CHUNKS_SIZE_LF:
    chunks->digits = 0;
    chunks->state = c != '\n'      ? PIE_CHUNKS_BAD
                    : chunks->left ? PIE_CHUNKS_DATA
                                   : PIE_CHUNKS_TRAILER;
    break;
  case PIE_CHUNKS_DATA_CR:
    chunks->state = c == '\r' ? PIE_CHUNKS_DATA_LF : PIE_CHUNKS_BAD;
    break;
  case PIE_CHUNKS_DATA_LF:
    chunks->state = c == '\n' ? PIE_CHUNKS_SIZE : PIE_CHUNKS_BAD;
    break;
  case PIE_CHUNKS_TRAILER:
    chunks->state = c == '\r' ? PIE_CHUNKS_END_LF : PIE_CHUNKS_TRAILER_LINE;
    break;
  case PIE_CHUNKS_TRAILER_LINE:
    if (c == '\n')
      chunks->state = PIE_CHUNKS_TRAILER;
    break;
  case PIE_CHUNKS_END_LF:
    chunks->state = c == '\n' ? PIE_CHUNKS_DONE : PIE_CHUNKS_BAD;
    break;
  case PIE_CHUNKS_DATA: /* taken as a whole */
  case PIE_CHUNKS_DONE: /* nothing may follow */
  case PIE_CHUNKS_BAD:
    chunks->state = PIE_CHUNKS_BAD;
  }
}

bool pie_chunks_feed(struct pie_chunks *chunks, const char *bytes, uint64_t n) {
  uint64_t at = 0;
  while (at < n && chunks->state != PIE_CHUNKS_BAD) {
    if (chunks->state == PIE_CHUNKS_DATA) {
      uint64_t part = chunks->left < n - at ? chunks->left : n - at;
      chunks->left -= part;
      at += part;
      if (!chunks->left)
        chunks->state = PIE_CHUNKS_DATA_CR;
    } else if (bytes) {
      step(chunks, bytes[at++]);
    } else {
      chunks->state = PIE_CHUNKS_BAD;
    }
  }
  return chunks->state != PIE_CHUNKS_BAD;
}
