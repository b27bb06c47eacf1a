/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of its own, so that only programs need shell32.dll.
 */
#include "platform/win/wide.h"

#include <shellapi.h>
#include <stdlib.h>

static char *to_utf8(const wchar_t *wide) {
  size_t size = wcslen(wide) * 3 + 1;
  char *text = malloc(size);
  if (text && pie_wide_to_utf8(wide, text, size)) {
    free(text);
    return NULL;
  }
  return text;
}

/* The C library gives them in the code page of the system, which lacks most characters. */
char **pie_arguments(int *count, char **args) {
  int n = 0;
  wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &n);
  char **out = wide ? calloc((size_t)n + 1, sizeof *out) : NULL;
  bool good = out != NULL;
  for (int i = 0; good && i < n; i++)
    good = (out[i] = to_utf8(wide[i])) != NULL;
  LocalFree(wide);
  if (!good)
    return args;
  *count = n;
  return out;
}
