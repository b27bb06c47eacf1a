/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent escapes and dot segments: nothing grows, and no path leaves the root.
 * Input: the path as in a request.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_segments(struct pie_str path) {
  FUZZ_CHECK(path.n > 0 && path.p[0] == '/');
  pie_str_cut(&path, '/');
  while (path.n) {
    struct pie_str segment = pie_str_cut(&path, '/');
    FUZZ_CHECK(!pie_str_equal(segment, PIE_STR(".")) && !pie_str_equal(segment, PIE_STR("..")));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct fuzz_input input;
  fuzz_begin(&input, bytes, n);
  struct pie_str text = fuzz_rest(&input);
  char *out = malloc(text.n ? text.n : 1); /* as much as is promised to be enough */
  if (!out)
    abort();
  size_t decoded = pie_str_percent_decode(text, out);
  FUZZ_CHECK(decoded <= text.n);
  FUZZ_CHECK(memchr(text.p, '%', text.n) || decoded == text.n);
  if (decoded && out[0] == '/') {
    size_t left = pie_str_remove_dots(out, decoded);
    FUZZ_CHECK(left <= decoded);
    check_segments((struct pie_str){out, left});
    FUZZ_CHECK(pie_str_remove_dots(out, left) == left);
  }
  free(out);
  fuzz_end();
  return 0;
}
