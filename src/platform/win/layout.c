/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/platform.h"

#include <stdio.h>

const char pie_door_file_name[] = "pyisapie.dll";
const char pie_engine_tag[] = "_engine.cp";

const char pie_python_library_hint[] =
    "Reinstall this Python with the installer from python.org, or name another one in the setting "
    "home (environment variable PYISAPIE_HOME).";

/* An installation holds one version; its library tells which. */
bool pie_python_find_executable(const char *folder, bool is_env, int major, int minor, char *out) {
  const char *name = is_env ? "Scripts\\python.exe" : "python.exe";
  (void)major, (void)minor;
  return pie_path_join(out, PIE_PATH_MAX, folder, name) == 0 && pie_path_is_file(out);
}

bool pie_python_find_library(const char *bin, int major, int minor, bool threaded, char *out) {
  char name[64];
  snprintf(name, sizeof name, "python%d%d%s.dll", major, minor, threaded ? "t" : "");
  return pie_path_join(out, PIE_PATH_MAX, bin, name) == 0 && pie_path_is_file(out);
}
