/* SPDX-License-Identifier: Apache-2.0
 *
 * The start of Python: on a thread of its own, which the engine keeps, with a second one that
 * answers those who wait when the time is over.
 */
#include "base/error.h"
#include "base/folders.h"
#include "isapi/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct pie_door_ops pie_door_ops;

enum { TEXT_MAX = 1024, HELPER_STACK = 256 * 1024 };

/* With the door's lock held. */
static void fail_locked(struct pie_door *door, const char *summary, const char *detail,
                        const char *advice) {
  pie_door_failure_set(&door->failure, 500, summary, detail, advice);
}

static void fail(struct pie_door *door, const char *summary, const char *detail,
                 const char *advice) {
  pie_mutex_lock(&door->lock);
  fail_locked(door, summary, detail, advice);
  pie_mutex_unlock(&door->lock);
}

/* ---- settings ---- */

/* What each site has of its own: one that lacks it must not get that of the site whose request
 * came first. */
static bool is_of_site(enum pie_setting_id id) {
  return id == PIE_SET_APP || id == PIE_SET_ROOT || id == PIE_SET_CONFIG ||
         id == PIE_SET_SCRIPT_NAME || id == PIE_SET_STATIC;
}

static bool read_setting(struct pie_door *door, EXTENSION_CONTROL_BLOCK *ecb,
                         enum pie_setting_id id) {
  char name[64], value[PIE_SETTING_VALUE_MAX], why[256], text[TEXT_MAX];
  size_t size = sizeof value;
  pie_setting_variable(id, name);
  bool is_by_request = is_of_site(id) && !door->quirks.ours;
  int n = is_by_request ? 0 : pie_ecb_variable(ecb, name, value, &size);
  if (n == 0 || n == -PIE_ENOENT)
    n = pie_env_get(name, value, sizeof value);
  if (n == -PIE_ENOENT)
    return true;
  if (n < 0)
    snprintf(value, sizeof value, "(too long)");
  if (n < 0)
    snprintf(why, sizeof why, "must be a text of at most %d bytes", PIE_SETTING_VALUE_MAX - 1);
  else if (pie_settings_set(&door->settings, id, pie_str_from(value), why, sizeof why) == 0)
    return true;
  snprintf(text, sizeof text, "The setting %s is \"%.200s\", but it %s.", name, value, why);
  fail_locked(
      door, text, NULL,
      "Mend the variable where the web server sets it, or in the environment, and restart the "
      "server.");
  return false;
}

static struct pie_str setting_of(const char *variable) {
  return pie_str_from(variable + strlen(PIE_SETTING_PREFIX));
}

static bool on_variable(void *unknown, const char *name) {
  bool known = pie_setting_find(setting_of(name)) >= 0;
  if (!known)
    snprintf(unknown, TEXT_MAX, "%s", name);
  return !known;
}

/* A misspelled variable would have no effect, and nobody would know. Those that only the web server
 * has (SetEnv) cannot be listed. */
static bool check_environment(struct pie_door *door) {
  char unknown[TEXT_MAX] = "", meant[64], text[TEXT_MAX * 2], advice[256];
  pie_env_list(PIE_SETTING_PREFIX, on_variable, unknown);
  if (!*unknown)
    return true;
  int nearest = pie_setting_nearest(setting_of(unknown));
  snprintf(text, sizeof text, "The environment variable %s is no setting.", unknown);
  snprintf(advice, sizeof advice, "Mend it or take it out, and restart the server.");
  if (nearest >= 0) {
    pie_setting_variable((enum pie_setting_id)nearest, meant);
    snprintf(advice, sizeof advice, "Did you mean %s? Mend it, and restart the server.", meant);
  }
  fail_locked(door, text, NULL, advice);
  return false;
}

/* With our own server; elsewhere the folders may be another site's, and requests tell. */
static bool check_statics(struct pie_door *door) {
  char name[PIE_SETTING_VALUE_MAX], full[PIE_PATH_MAX], text[TEXT_MAX];
  struct pie_str rest = door->statics;
  struct pie_folder one;
  while (door->quirks.ours && pie_folders_next(&rest, &one)) {
    snprintf(name, sizeof name, "%.*s", (int)one.folder.n, one.folder.p);
    if (pie_path_join(full, sizeof full, pie_path_is_absolute(name) ? "" : door->root.p, name) ==
            0 &&
        pie_path_is_dir(full))
      continue;
    snprintf(text, sizeof text, "The setting static names the folder %.500s, and there is none.",
             name);
    fail_locked(door, text, NULL, "Make the folder, or mend the setting, and start again.");
    return false;
  }
  return true;
}

static void limit_log(struct pie_door *door, struct pie_log_file *file) {
  pie_log_file_limit(file, door->settings.number[PIE_SET_LOG_SIZE],
                     (int)door->settings.number[PIE_SET_LOG_KEEP]);
}

/* NULL: the failure says why. */
static struct pie_log_file *open_log_file(struct pie_door *door) {
  char why[512];
  const char *path = pie_settings_text(&door->settings, PIE_SET_LOG);
  struct pie_log_file *file = pie_log_file_open(path, why, sizeof why);
  if (file)
    limit_log(door, file);
  else
    fail_locked(door, why, NULL,
                door->log_given /* by what is read once */
                    ? "Choose a folder that the server's account may write to (setting: log), and "
                      "restart the server."
                    : "Choose a folder that the server's account may write to (setting: log).");
  return file;
}

static void use_log_file(struct pie_door *door, struct pie_log_file *file) {
  door->log_file = file;
  __atomic_store_n(&door->log.level, pie_settings_log_level(&door->settings), __ATOMIC_RELAXED);
  door->log.write = pie_log_file_write;
  door->log.stamp = pie_log_stamp;
  __atomic_store_n(&door->log.context, file, __ATOMIC_RELEASE);
}

static bool open_log(struct pie_door *door) {
  char why[512];
  struct pie_log_file *file = open_log_file(door);
  use_log_file(door, file ? file : pie_log_file_open(NULL, why, sizeof why));
  return file != NULL;
}

/* To the one that the settings file names. The other one stays open: others may just write to it.
 */
static bool switch_log(struct pie_door *door) {
  pie_mutex_lock(&door->lock);
  struct pie_log_file *file = open_log_file(door);
  if (file) {
    door->early_log_file = door->log_file;
    use_log_file(door, file);
  } else { /* the file is read again, and may name another one then */
    free(door->settings.text[PIE_SET_LOG]);
    door->settings.text[PIE_SET_LOG] = NULL;
  }
  pie_mutex_unlock(&door->lock);
  return file != NULL;
}

bool pie_door_configure(struct pie_door *door, EXTENSION_CONTROL_BLOCK *ecb) {
  if (door->configuration != PIE_UNCONFIGURED)
    return door->configuration == PIE_CONFIGURED;
  pie_quirks_find(&door->quirks, ecb);
  bool good = check_environment(door);
  for (int id = 0; id < PIE_SETTING_COUNT; id++) {
    if (pie_setting_table[id].scope == PIE_SCOPE_DOOR)
      good = read_setting(door, ecb, (enum pie_setting_id)id) && good;
  }
  door->app = pie_str_from(pie_settings_text(&door->settings, PIE_SET_APP));
  door->root = pie_str_from(pie_settings_text(&door->settings, PIE_SET_ROOT));
  door->script_name = pie_str_from(pie_settings_text(&door->settings, PIE_SET_SCRIPT_NAME));
  door->config = pie_str_from(pie_settings_text(&door->settings, PIE_SET_CONFIG));
  door->statics = pie_str_from(pie_settings_text(&door->settings, PIE_SET_STATIC));
  /* httpd may run several children; our host tells how many workers it has. */
  char workers[16];
  size_t size = sizeof workers;
  bool several = pie_ecb_variable(ecb, "PYISAPIE_WORKERS", workers, &size) > 0 &&
                 !pie_str_equal(pie_str_from(workers), PIE_STR("1"));
  door->multiprocess = door->quirks.mod_isapi || several;
  good = good && check_statics(door);
  door->log_given = door->settings.text[PIE_SET_LOG] != NULL;
  bool logs = open_log(door);
  door->configuration = good && logs ? PIE_CONFIGURED : PIE_MISCONFIGURED;
  return door->configuration == PIE_CONFIGURED;
}

/* ---- loading ---- */

static bool load_python(struct pie_door *door) {
  char why[TEXT_MAX], text[TEXT_MAX * 2];
  struct pie_python *python = &door->python;
  if (python->running || pie_lib_open(python->library, true, why, sizeof why))
    return true;
  char user[128];
  pie_user_name(user, sizeof user);
  snprintf(text, sizeof text, "Python's library %s cannot be loaded.", python->library);
  char advice[512];
  snprintf(advice, sizeof advice,
           "Check that the account that serves (%s) may read it and the folders above it, and that "
           "it fits this machine and server (64-bit or 32-bit).",
           user);
  fail(door, text, why, advice);
  return false;
}

static bool load_engine(struct pie_door *door) {
  char why[TEXT_MAX], text[TEXT_MAX * 5];
  struct pie_lib *lib = pie_lib_open(door->python.engine, false, why, sizeof why);
  pie_engine_open_fn open = NULL;
  if (lib) {
    void *symbol = pie_lib_symbol(lib, PIE_ENGINE_OPEN_NAME);
    memcpy(&open, &symbol, sizeof open);
    snprintf(why, sizeof why, "it has no %s of ABI %d", PIE_ENGINE_OPEN_NAME, PIE_ENGINE_ABI);
  }
  door->engine = open ? open(PIE_ENGINE_ABI, door, &pie_door_ops, &door->ops) : NULL;
  if (door->engine)
    return true;
  snprintf(text, sizeof text, "The engine %s cannot be loaded.", door->python.engine);
  fail(door, text, why,
       "Install pyisapie again into this environment: door and engine must be of "
       "one version.");
  return false;
}

static bool find_python(struct pie_door *door) {
  char why[TEXT_MAX], advice[TEXT_MAX];
  const char *home = pie_settings_text(&door->settings, PIE_SET_HOME);
  if (pie_locate(&door->python, home, why, advice) == 0)
    return true;
  fail(door, why, NULL, advice);
  return false;
}

static struct pie_engine_config config_of(struct pie_door *door) {
  const struct pie_settings *settings = &door->settings;
  const char *package = pie_settings_text(settings, PIE_SET_PACKAGE);
  return (struct pie_engine_config){
      .executable = door->python.executable,
      .home = door->python.home,
      .package_dir = door->python.package_dir,
      .mode = (enum pie_mode)settings->number[PIE_SET_MODE],
      .parallel = (int)settings->number[PIE_SET_PARALLEL],
      .threads = (int)settings->number[PIE_SET_THREADS],
      .queue = (int)settings->number[PIE_SET_QUEUE],
      .switch_interval_us = (int)settings->number[PIE_SET_SWITCH_INTERVAL],
      .request_timeout_ms = settings->number[PIE_SET_REQUEST_TIMEOUT],
      .recycle_timeout_ms = settings->number[PIE_SET_RECYCLE_TIMEOUT],
      .start_timeout_ms = (int)settings->number[PIE_SET_START_TIMEOUT],
      .stack_size = (size_t)settings->number[PIE_SET_STACK_SIZE],
      .multiprocess = door->multiprocess,
      .impersonate = settings->number[PIE_SET_IMPERSONATE] != 0,
      .tokens = door->quirks.async,
      .crash_log = pie_settings_text(settings, PIE_SET_CRASH_LOG),
      .package = package && *package ? package : door->python.package,
      .reload = settings->number[PIE_SET_RELOAD] != 0,
      .log_level = (int)door->log.level,
  };
}

static bool boot(struct pie_door *door) {
  const struct pie_failure *failure = NULL;
  struct pie_engine_config config = config_of(door);
  if (door->ops->boot(door->engine, &config, &failure) == 0)
    return true;
  fail(door, failure->summary, failure->detail, failure->advice);
  return false;
}

/* One of pyisapie.toml. What the server or the environment says goes first; what each site has of
 * its own is read when it is loaded. */
static void on_file_setting(void *context, const char *name, const char *text) {
  struct pie_door *door = context;
  char why[256];
  int id = pie_setting_find(pie_str_from(name));
  if (id == PIE_SET_STATIC && pie_folders_check(pie_str_from(text)) == NULL)
    pie_buf_adds(&door->file_statics, text);
  if (id < 0 || is_of_site((enum pie_setting_id)id) ||
      pie_setting_table[id].scope != PIE_SCOPE_DOOR || door->settings.text[id])
    return;
  if (id == PIE_SET_HOME)
    pie_door_log(door, PIE_LOG_WARNING,
                 "home in pyisapie.toml has no effect: Python must be found before the file can be "
                 "read. Set PYISAPIE_HOME where the server sets the environment");
  else
    pie_settings_set(&door->settings, (enum pie_setting_id)id, pie_str_from(text), why, sizeof why);
}

/* The settings of the process that the first application's file has. Our own host has read it. */
static bool read_settings_file(struct pie_door *door) {
  const struct pie_failure *failure = NULL;
  if (door->quirks.ours || door->file_read)
    return true;
  pie_buf_clear(&door->file_statics); /* of a start that failed after that */
  if (door->ops->read_settings(door->engine, pie_buf_str(&door->first_root),
                               pie_buf_str(&door->first_config), on_file_setting, door, &failure)) {
    fail(door, failure->summary, failure->detail, failure->advice);
    return false;
  }
  door->file_read = door->log_given || !door->settings.text[PIE_SET_LOG] || switch_log(door);
  if (!door->file_read)
    return false;
  __atomic_store_n(&door->log.level, pie_settings_log_level(&door->settings), __ATOMIC_RELAXED);
  if (door->log_file)
    limit_log(door, door->log_file);
  return true;
}

static bool start_engine(struct pie_door *door) {
  const struct pie_failure *failure = NULL;
  struct pie_engine_config config = config_of(door);
  if (door->ops->start(door->engine, &config, &failure) == 0)
    return true;
  fail(door, failure->summary, failure->detail, failure->advice);
  return false;
}

static void log_failure(struct pie_door *door) {
  const struct pie_failure *says = &door->failure.says;
  char text[TEXT_MAX];
  snprintf(text, sizeof text, "Python was not started: %s\n%s", says->summary,
           says->advice ? says->advice : "");
  pie_system_log(text);
  pie_log(&door->log, PIE_LOG_ERROR, "Python was not started: %s%s%s%s%s", says->summary,
          says->detail ? "\n" : "", says->detail ? says->detail : "", says->advice ? "\n" : "",
          says->advice ? says->advice : "");
}

static void set_state(struct pie_door *door, enum pie_door_state state) {
  pie_mutex_lock(&door->lock);
  __atomic_store_n(&door->state, state, __ATOMIC_RELEASE);
  door->retry_at = pie_clock_ms() + PIE_DOOR_RETRY_MS;
  pie_cond_broadcast(&door->changed);
  pie_mutex_unlock(&door->lock);
}

static void start_main(void *arg) {
  struct pie_door *door = arg;
  pie_lib_pin((const void *)(uintptr_t)start_main);
  bool good = find_python(door) && load_python(door) && (door->engine || load_engine(door)) &&
              boot(door) && read_settings_file(door) && start_engine(door);
  if (!good)
    log_failure(door);
  set_state(door, good ? PIE_DOOR_READY : PIE_DOOR_FAILED);
  pie_door_release_parked(door);
  if (good)
    door->ops->run(door->engine);
}

/* Answers the parked when the start takes too long; the start itself goes on. */
static void watch_main(void *arg) {
  struct pie_door *door = arg;
  bool late = false;
  pie_mutex_lock(&door->lock);
  while (door->state == PIE_DOOR_STARTING && !late)
    late = !pie_cond_wait_until(&door->changed, &door->lock, door->start_deadline) &&
           pie_clock_ms() >= door->start_deadline;
  late = late && door->state == PIE_DOOR_STARTING;
  pie_mutex_unlock(&door->lock);
  if (!late)
    return;
  pie_door_log(door, PIE_LOG_ERROR,
               "Python has not started within the setting start-timeout; it may still do so");
  pie_door_release_parked(door);
}

static bool start_thread(void (*run)(void *), struct pie_door *door, size_t stack) {
  struct pie_thread thread;
  if (pie_thread_start(&thread, stack, run, door))
    return false;
  pie_thread_detach(&thread);
  return true;
}

void pie_door_begin_start(struct pie_door *door, const struct pie_request *request) {
  if (request && !door->file_read) {
    pie_buf_clear(&door->first_root);
    pie_buf_clear(&door->first_config);
    if (pie_buf_add(&door->first_root, request->info.root) ||
        pie_buf_add(&door->first_config, request->info.config))
      pie_buf_clear(&door->first_root);
  }
  size_t stack = (size_t)door->settings.number[PIE_SET_STACK_SIZE];
  door->start_deadline = pie_clock_ms() + door->settings.number[PIE_SET_START_TIMEOUT];
  __atomic_store_n(&door->state, PIE_DOOR_STARTING, __ATOMIC_RELEASE);
  if (start_thread(watch_main, door, HELPER_STACK) && start_thread(start_main, door, stack))
    return;
  fail_locked(door, "No thread could be started.", NULL,
              "The process is out of memory or threads: look at its limits (ulimit -u, -v).");
  __atomic_store_n(&door->state, PIE_DOOR_FAILED, __ATOMIC_RELEASE);
  door->retry_at = pie_clock_ms() + PIE_DOOR_RETRY_MS;
}
