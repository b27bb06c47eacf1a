/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/platform.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

const char pie_door_file_name[] = "pyisapie.so";
const char pie_engine_tag[] = "_engine.cpython-";

const char pie_python_library_hint[] =
    "A web server needs the Python that has a shared library: on Debian and Ubuntu install "
    "libpython3-dev; a self-built Python needs --enable-shared. `pyisapie serve` works without.";

static bool look_in(const char *top, const char *folder, const char *name, char *out) {
  char path[PIE_PATH_MAX];
  return pie_path_join(path, sizeof path, top, folder) == 0 &&
         pie_path_join(out, PIE_PATH_MAX, path, name) == 0 && pie_path_is_file(out);
}

bool pie_python_find_executable(const char *folder, bool is_env, int major, int minor, char *out) {
  char name[64];
  snprintf(name, sizeof name, "python%d.%d", major, minor);
  if (is_env && look_in(folder, "bin", "python", out))
    return true;
  return look_in(folder, "bin", name, out) || (is_env && look_in(folder, "bin", "python3", out));
}

bool pie_python_find_library(const char *bin, int major, int minor, bool threaded, char *out) {
  static const char *const folders[] = {"../lib", "../lib64", "../lib/x86_64-linux-gnu",
                                        "../lib/aarch64-linux-gnu", "."};
  char names[2][64], real[PATH_MAX], why[512];
  const char *suffix = threaded ? "t" : "";
  snprintf(names[0], sizeof names[0], "libpython%d.%d%s.so.1.0", major, minor, suffix);
  snprintf(names[1], sizeof names[1], "libpython%d.%d%s.so", major, minor, suffix);
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    for (int n = 0; n < 2; n++) {
      if (look_in(bin, folders[i], names[n], out)) {
        if (realpath(out, real))
          snprintf(out, PIE_PATH_MAX, "%s", real);
        return true;
      }
    }
  }
  if (!pie_lib_open(names[0], true, why, sizeof why)) /* as the loader would find it */
    return false;
  snprintf(out, PIE_PATH_MAX, "%s", names[0]);
  return true;
}
