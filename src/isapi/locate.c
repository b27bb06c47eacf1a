/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/locate.h"

#include "base/error.h"
#include "base/str.h"
#include "isapi/pyvenv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 6, CONFIG_MAX = 4096, TEXT_MAX = 1024 };

struct search {
  struct pie_python *python;
  char door[PIE_PATH_MAX]; /* the folder the door lies in */
  char env[PIE_PATH_MAX];  /* a virtual environment or an installation */
  char bin[PIE_PATH_MAX];  /* where the base installation's python lies */
  bool embedded;           /* env is a bundle with a ._pth file */
  char *why, *advice;
};

static int give_up(struct search *search, const char *advice) {
  snprintf(search->advice, TEXT_MAX, "%s", advice);
  return -PIE_ENOENT;
}

/* ---- which engine ---- */

/* "_engine.cpython-313t-x86_64-linux-gnu.so" or "_engine.cp313-win_amd64.pyd" */
static bool parse_tag(const char *name, int *major, int *minor, bool *threaded) {
  size_t prefix = strlen(pie_engine_tag);
  if (strncmp(name, pie_engine_tag, prefix) != 0)
    return false;
  const char *at = name + prefix;
  if (*at < '0' || *at > '9')
    return false;
  *major = *at - '0';
  char *end;
  *minor = (int)strtol(at + 1, &end, 10);
  *threaded = *end == 't';
  return end > at + 1;
}

struct engine_wanted {
  int major, minor; /* 0: any */
  bool threaded;
  struct pie_python *python;
  const char *folder;
  char found[256];
  char have[256]; /* versions seen, for the message */
};

static bool on_engine(void *context, const char *name) {
  struct engine_wanted *wanted = context;
  char path[PIE_PATH_MAX];
  int major, minor;
  bool threaded;
  if (!parse_tag(name, &major, &minor, &threaded) ||
      pie_path_join(path, sizeof path, wanted->folder, name) || !pie_path_is_file(path))
    return false;
  size_t used = strlen(wanted->have);
  snprintf(wanted->have + used, sizeof wanted->have - used, "%s%d.%d%s", used ? ", " : "", major,
           minor, threaded ? "t" : "");
  if (wanted->major &&
      (major != wanted->major || minor != wanted->minor || threaded != wanted->threaded))
    return false;
  wanted->python->major = major;
  wanted->python->minor = minor;
  wanted->python->threaded = threaded;
  snprintf(wanted->found, sizeof wanted->found, "%s", name);
  return true;
}

static int find_engine(struct search *search, int major, int minor, bool threaded) {
  struct engine_wanted wanted = {major, minor, threaded, search->python, search->door, "", ""};
  pie_path_list(search->door, pie_engine_tag, on_engine, &wanted);
  if (wanted.found[0])
    return pie_path_join(search->python->engine, PIE_PATH_MAX, search->door, wanted.found);
  if (!wanted.have[0]) {
    snprintf(search->why, TEXT_MAX, "There is no engine (%s...) beside the extension, in %s.",
             pie_engine_tag, search->door);
    return give_up(search, "Install the whole package: pip install pyisapie.");
  }
  snprintf(search->why, TEXT_MAX,
           "The Python found is %d.%d%s, but the extension in %s is built for Python %s.", major,
           minor, threaded && search->python->running ? "t" : "", /* pyvenv.cfg does not tell */
           search->door, wanted.have);
  return give_up(search, "Install pyisapie with the same Python that is to serve: "
                         "python -m pip install pyisapie.");
}

/* ---- a Python that runs already ---- */

static bool running_version(int *major, int *minor, bool *threaded) {
  int (*is_initialized)(void) = NULL;
  const char *(*version)(void) = NULL;
  void *symbol = pie_lib_symbol_any("Py_IsInitialized");
  memcpy(&is_initialized, &symbol, sizeof symbol);
  symbol = pie_lib_symbol_any("Py_GetVersion");
  memcpy(&version, &symbol, sizeof symbol);
  if (!is_initialized || !version || !is_initialized())
    return false;
  const char *text = version();
  *threaded = strstr(text, "free-threading") != NULL;
  return sscanf(text, "%d.%d", major, minor) == 2;
}

/* ---- which environment ---- */

static bool is_env(const char *folder) {
  char path[PIE_PATH_MAX];
  return pie_path_join(path, sizeof path, folder, "pyvenv.cfg") == 0 && pie_path_is_file(path);
}

static bool on_pth(void *context, const char *name) {
  size_t n = strlen(name);
  *(bool *)context = n > 5 && strcmp(name + n - 5, "._pth") == 0;
  return *(bool *)context;
}

static bool is_bundle(const char *folder) {
  bool found = false;
  pie_path_list(folder, "python", on_pth, &found);
  return found;
}

/* Upwards from the door: the nearest virtual environment or bundle; else the installation whose
 * site-packages it is, recognised by its python. */
static bool find_env(struct search *search) {
  snprintf(search->env, sizeof search->env, "%s", search->door);
  for (int level = 0; level < LEVELS_MAX; level++) {
    if (is_env(search->env))
      return true;
    if (is_bundle(search->env)) {
      search->embedded = true;
      return true;
    }
    if (pie_path_parent(search->env))
      break;
  }
  snprintf(search->env, sizeof search->env, "%s", search->door);
  for (int level = 0; level < LEVELS_MAX && !pie_path_parent(search->env); level++) {
    if (pie_python_find_executable(search->env, false, search->python->major, search->python->minor,
                                   search->python->executable))
      return true;
  }
  return false;
}

static int read_venv(struct search *search) {
  char path[PIE_PATH_MAX], text[CONFIG_MAX];
  struct pie_pyvenv config;
  struct pie_python *python = search->python;
  pie_path_join(path, sizeof path, search->env, "pyvenv.cfg");
  if (pie_file_read_text(path, text, sizeof text) < 0) {
    char user[128];
    pie_user_name(user, sizeof user);
    snprintf(search->why, TEXT_MAX, "The account %s may not read %s.", user, path);
    return give_up(search, "Give it the right to read the virtual environment and its base Python, "
                           "or move both where it may.");
  }
  pie_pyvenv_read(pie_str_from(text), &config);
  if (!config.home[0]) {
    snprintf(search->why, TEXT_MAX, "%s names no home.", path);
    return give_up(search, "Make the virtual environment anew: python -m venv --clear FOLDER.");
  }
  snprintf(search->bin, sizeof search->bin, "%s", config.home);
  if (!config.major)
    return 0; /* that of the engine, which has been found already */
  return find_engine(search, config.major, config.minor, python->threaded);
}

static int find_executable(struct search *search) {
  struct pie_python *python = search->python;
  if (search->embedded) {
    /* Python passes the ._pth file over when it is given a home. */
    if (!pie_python_find_executable(search->env, false, python->major, python->minor,
                                    python->executable)) {
      python->executable[0] = '\0';
      snprintf(python->home, sizeof python->home, "%s", search->env);
    }
    snprintf(search->bin, sizeof search->bin, "%s", search->env);
    return 0;
  }
  if (!pie_python_find_executable(search->env, is_env(search->env), python->major, python->minor,
                                  python->executable)) {
    snprintf(search->why, TEXT_MAX,
             "There is no Python %d.%d in %s, or this account may not read it.", python->major,
             python->minor, search->env);
    return give_up(search, "Make the environment with a Python that the server's account may read, "
                           "such as /usr/bin/python3, or name another one in the setting home "
                           "(environment variable PYISAPIE_HOME).");
  }
  if (!search->bin[0]) {
    snprintf(search->bin, sizeof search->bin, "%s", python->executable);
    pie_path_parent(search->bin);
  }
  return 0;
}

static int find_library(struct search *search) {
  struct pie_python *python = search->python;
  if (pie_python_find_library(search->bin, python->major, python->minor, python->threaded,
                              python->library))
    return 0;
  snprintf(search->why, TEXT_MAX, "The Python in %s has no shared library for version %d.%d%s.",
           search->bin, python->major, python->minor, python->threaded ? "t" : "");
  return give_up(search, pie_python_library_hint);
}

/* PyISAPIe-NAME.dll */
static struct pie_str name_in(const char *path) {
  static const struct pie_str before = PIE_STR_INIT("pyisapie-");
  struct pie_str name = pie_str_from(path);
  for (const char *at = path; *at; at++) {
    if (*at == '/' || *at == '\\')
      name = pie_str_from(at + 1);
  }
  if (!pie_str_starts_nocase(name, before))
    return PIE_STR("");
  name = (struct pie_str){name.p + before.n, name.n - before.n};
  return pie_str_cut(&name, '.');
}

static int find_self(struct search *search) {
  char path[PIE_PATH_MAX];
  if (pie_lib_path_of((const void *)(uintptr_t)find_self, path, sizeof path)) {
    snprintf(search->why, TEXT_MAX, "The extension's own path cannot be found.");
    return give_up(search, "Use a shorter path.");
  }
  struct pie_str name = name_in(path);
  snprintf(search->python->package, sizeof search->python->package, "%.*s", (int)name.n, name.p);
  pie_path_parent(path);
  snprintf(search->door, sizeof search->door, "%s", path);
  pie_path_parent(path);
  snprintf(search->python->package_dir, sizeof search->python->package_dir, "%s", path);
  return 0;
}

int pie_locate(struct pie_python *python, const char *home, char *why, char *advice) {
  struct search search = {.python = python, .why = why, .advice = advice};
  int major = 0, minor = 0;
  bool threaded = false;
  memset(python, 0, sizeof *python);
  int err = find_self(&search);
  if (err)
    return err;
  python->running = running_version(&major, &minor, &threaded);
  err = find_engine(&search, major, minor, threaded);
  if (err || python->running)
    return err;
  if (home && *home) {
    snprintf(search.env, sizeof search.env, "%s", home);
    search.embedded = is_bundle(home);
    if (!pie_path_is_dir(home)) {
      snprintf(why, TEXT_MAX, "The setting home names %s, which is not a folder.", home);
      return give_up(&search, "Name a virtual environment or a Python installation.");
    }
  } else if (!find_env(&search)) {
    snprintf(why, TEXT_MAX, "No Python was found at or above %s.", search.door);
    return give_up(&search, "Install pyisapie into the virtual environment that is to serve, or "
                            "name one in the setting home (environment variable PYISAPIE_HOME).");
  }
  if (is_env(search.env))
    err = read_venv(&search);
  err = err ? err : find_executable(&search);
  return err ? err : find_library(&search);
}
