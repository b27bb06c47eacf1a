/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <string.h>

/* Devices of Windows: each of them in every folder, with any extension. */
static bool is_device(struct pie_str name) {
  static const struct pie_str devices[] = {
      PIE_STR_INIT("CON"),    PIE_STR_INIT("PRN"),     PIE_STR_INIT("AUX"),   PIE_STR_INIT("NUL"),
      PIE_STR_INIT("CONIN$"), PIE_STR_INIT("CONOUT$"), PIE_STR_INIT("CLOCK$")};
  static const struct pie_str superscripts[] = {PIE_STR_INIT("\xc2\xb9"), PIE_STR_INIT("\xc2\xb2"),
                                                PIE_STR_INIT("\xc2\xb3")};
  name = pie_str_cut(&name, '.');
  while (name.n && name.p[name.n - 1] == ' ')
    name.n--;
  for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
    if (pie_str_equal_nocase(name, devices[i]))
      return true;
  }
  bool is_port =
      pie_str_starts_nocase(name, PIE_STR("COM")) || pie_str_starts_nocase(name, PIE_STR("LPT"));
  struct pie_str number = {name.p + 3, is_port ? name.n - 3 : 0};
  for (size_t i = 0; i < sizeof superscripts / sizeof superscripts[0]; i++) {
    if (is_port && pie_str_equal(number, superscripts[i]))
      return true;
  }
  return number.n == 1 && number.p[0] >= '0' && number.p[0] <= '9';
}

static bool is_plain_name(struct pie_str name, bool on_windows) {
  if (!name.n || name.n > PIE_PATH_NAME_MAX)
    return false;
  for (size_t i = 0; i < name.n; i++) {
    unsigned char c = (unsigned char)name.p[i];
    if (c < 0x20 || c == 0x7f || c == '\\' || (on_windows && strchr(":*?\"<>|", c)))
      return false;
  }
  /* That takes in "." and "..". Windows drops dots and spaces there, and so do its file systems
   * elsewhere. */
  char last = name.p[name.n - 1];
  return last != '.' && last != ' ' && !(on_windows && is_device(name));
}

bool pie_path_is_plain(struct pie_str path, bool on_windows) {
  bool more = true; /* also after a slash at the end */
  while (more) {
    size_t before = path.n;
    struct pie_str name = pie_str_cut(&path, '/');
    more = before > name.n;
    if (!is_plain_name(name, on_windows))
      return false;
  }
  return true;
}

struct pie_str pie_path_extension(struct pie_str path) {
  for (size_t i = path.n; i > 0 && path.p[i - 1] != '/'; i--) {
    if (path.p[i - 1] == '.')
      return (struct pie_str){path.p + i, path.n - i};
  }
  return PIE_STR("");
}
