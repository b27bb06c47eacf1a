/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share. A target is one function that must survive any bytes and hold what
 * it checks; libFuzzer calls it (./dev fuzz), and replay.c does with the kept inputs in ./dev test.
 */
#ifndef PIE_FUZZ_H
#define PIE_FUZZ_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Ends the program with a message; stays in builds without asserts. */
#define FUZZ_CHECK(fact)                                                                           \
  do {                                                                                             \
    if (!(fact))                                                                                   \
      fuzz_failed(#fact, __FILE__, __LINE__);                                                      \
  } while (0)

_Noreturn void fuzz_failed(const char *fact, const char *file, int line);

/* An input is parts, each ended by FF FE or the input's end. They are copied into memory of exactly
 * their size (so that a sanitizer sees what is read beyond them), which lives until fuzz_end. */
struct fuzz_input {
  struct pie_str rest;
};

void fuzz_begin(struct fuzz_input *input, const uint8_t *bytes, size_t n);
uint8_t fuzz_byte(struct fuzz_input *input);        /* 0 at the end */
struct pie_str fuzz_part(struct fuzz_input *input); /* NUL-terminated */
const char *fuzz_text(struct fuzz_input *input);    /* a part up to its first NUL */
struct pie_str fuzz_rest(struct fuzz_input *input); /* not NUL-terminated */
void fuzz_end(void);

/* Whether it can stand in one line of a header block: no CR, LF or NUL. */
bool fuzz_is_one_line(struct pie_str text);
uint64_t fuzz_touch(struct pie_str text); /* reads each byte */

#endif
