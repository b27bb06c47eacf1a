/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of its own, so that only programs need shell32.dll.
 */
#include "platform/win/wide.h"

#include <shellapi.h>
#include <stdlib.h>

char **pie_arguments(int count, char **args) {
  int wide_count = 0;
  wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &wide_count);
  char **out = wide_count == count ? calloc((size_t)count + 1, sizeof *out) : NULL;
  for (int i = 0; out && i < count; i++) {
    size_t size = wcslen(wide[i]) * 3 + 1;
    out[i] = malloc(size);
    if (!out[i] || pie_wide_to_utf8(wide[i], out[i], size))
      out[i] = args[i];
  }
  return out ? out : args;
}
