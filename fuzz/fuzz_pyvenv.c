/* SPDX-License-Identifier: Apache-2.0
 *
 * The pyvenv.cfg of a virtual environment. Input: its text.
 */
#include "fuzz.h"
#include "isapi/pyvenv.h"

#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct fuzz_input input;
  struct pie_pyvenv found;
  memset(&found, '#', sizeof found);
  fuzz_begin(&input, bytes, n);
  struct pie_str text = fuzz_rest(&input);
  pie_pyvenv_read(text, &found);
  FUZZ_CHECK(memchr(found.home, '\0', sizeof found.home));
  size_t length = strlen(found.home);
  FUZZ_CHECK(found.major >= 0 && found.major <= 999);
  FUZZ_CHECK(found.minor >= 0 && found.minor <= 999);
  if (length) {
    FUZZ_CHECK(memmem(text.p, text.n, found.home, length));
    FUZZ_CHECK(!strchr(found.home, '\n'));
    FUZZ_CHECK(!is_blank(found.home[0]) && !is_blank(found.home[length - 1]));
  }
  fuzz_end();
  return 0;
}
