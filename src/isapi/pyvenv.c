/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/pyvenv.h"

#include "base/str.h"

#include <string.h>

enum { NUMBER_MAX = 999 };

static int number(struct pie_str text) {
  int64_t value;
  return pie_str_to_int64(text, &value) == 0 && value >= 0 && value <= NUMBER_MAX ? (int)value : -1;
}

/* "3.13.1", or "3.13.1.final.0". */
static void read_version(struct pie_str value, struct pie_pyvenv *out) {
  int major = number(pie_str_cut(&value, '.')), minor = number(pie_str_cut(&value, '.'));
  if (major < 0 || minor < 0)
    return;
  out->major = major;
  out->minor = minor;
}

static void read_home(struct pie_str value, struct pie_pyvenv *out) {
  if (value.n >= sizeof out->home || (value.n && memchr(value.p, '\0', value.n)))
    return;
  if (value.n)
    memcpy(out->home, value.p, value.n);
  out->home[value.n] = '\0';
}

/* The first of several lines with one key counts; venv writes version, others version_info. */
void pie_pyvenv_read(struct pie_str text, struct pie_pyvenv *out) {
  *out = (struct pie_pyvenv){0};
  while (text.n) {
    struct pie_str value = pie_str_cut(&text, '\n');
    if (value.n && value.p[value.n - 1] == '\r')
      value.n--;
    struct pie_str name = pie_str_trim(pie_str_cut(&value, '='));
    value = pie_str_trim(value);
    if (pie_str_equal_nocase(name, PIE_STR("home")) && !out->home[0])
      read_home(value, out);
    else if (!out->major && (pie_str_equal_nocase(name, PIE_STR("version")) ||
                             pie_str_equal_nocase(name, PIE_STR("version_info"))))
      read_version(value, out);
  }
}
