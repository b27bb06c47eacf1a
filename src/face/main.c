/* SPDX-License-Identifier: Apache-2.0
 *
 * pyisapie-host: our host as a program of its own. Settings come from PYISAPIE_* variables and
 * from arguments; pyisapie.toml is read by Python, and so by the extension only.
 */
#include "base/error.h"
#include "base/str.h"
#include "host/host.h"
#include "pyisapie/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_ARGUMENT "--worker"
#define SUPERVISE_ARGUMENT                                                                         \
  "--supervise" /* N, then N words that start a worker: of the command                             \
                   pyisapie, which has read all settings already */

#define SERVICE_ARGUMENT "--service" /* NAME, then as without it: of Windows' service manager */

enum { USAGE_ERROR = 2 };

static int wrong(const char *where, const char *name, const char *why) {
  fprintf(stderr, "pyisapie-host: %s %s %s\n", where, name, why);
  return USAGE_ERROR;
}

/* shown: the setting's name as it stands where it was read. */
static int set(struct pie_settings *settings, const char *where, const char *shown,
               struct pie_str name, struct pie_str value) {
  char why[256];
  int id = pie_setting_find(name), nearest = pie_setting_nearest(name);
  if (id < 0 && nearest >= 0)
    snprintf(why, sizeof why, "is not known: is %s meant?", pie_setting_table[nearest].name);
  else if (id < 0)
    snprintf(why, sizeof why, "is not known; --help lists all settings");
  else if (pie_settings_set(settings, (enum pie_setting_id)id, value, why, sizeof why) == 0)
    return 0;
  return wrong(where, shown, why);
}

static int set_argument(struct pie_settings *settings, struct pie_str name, struct pie_str value) {
  char shown[128];
  snprintf(shown, sizeof shown, "%.*s", (int)name.n, name.p);
  return set(settings, "argument", shown, name, value);
}

struct reading {
  struct pie_settings *settings;
  int err;
};

static bool on_variable(void *context, const char *variable) {
  struct reading *reading = context;
  char value[PIE_SETTING_VALUE_MAX];
  struct pie_str name = pie_str_from(variable + strlen(PIE_SETTING_PREFIX));
  reading->err =
      pie_env_get(variable, value, sizeof value)
          ? wrong("environment variable", variable, "is too long")
          : set(reading->settings, "environment variable", variable, name, pie_str_from(value));
  return reading->err != 0;
}

static int read_environment(struct pie_settings *settings) {
  struct reading reading = {settings, 0};
  pie_env_list(PIE_SETTING_PREFIX, on_variable, &reading);
  return reading.err;
}

static bool takes_value(struct pie_str name) {
  int id = pie_setting_find(name);
  return id < 0 || pie_setting_table[id].type != PIE_SETTING_SWITCH;
}

/* "--name value", "--name=value", "--switch", "name=value" of a supervisor, or the application. */
static int read_argument(struct pie_settings *settings, char **args, int count, int *at) {
  struct pie_str rest = pie_str_from(args[*at]);
  bool flag = pie_str_starts(rest, PIE_STR("--"));
  const char *equals = strchr(args[*at], '=');
  if (!flag && (!equals || args[*at][0] == '/'))
    return set_argument(settings, PIE_STR("app"), rest);
  rest.p += flag ? 2 : 0;
  rest.n -= flag ? 2 : 0;
  struct pie_str name = pie_str_cut(&rest, '=');
  if (equals)
    return set_argument(settings, name, rest);
  if (!takes_value(name))
    return set_argument(settings, name, PIE_STR("on"));
  if (++*at >= count)
    return wrong("argument", args[*at - 1], "needs a value");
  return set_argument(settings, name, pie_str_from(args[*at]));
}

static void print_help(void) {
  printf("usage: pyisapie-host [MODULE:APP] [--SETTING VALUE]...\n\n"
         "Serves a Python application, or any ISAPI extension (--door), over HTTP.\n"
         "Every setting is also an environment variable: PYISAPIE_LOG_LEVEL for --log-level.\n\n");
  for (int id = 0; id < PIE_SETTING_COUNT; id++)
    printf("  --%-22s %s [%s]\n", pie_setting_table[id].name, pie_setting_table[id].help,
           pie_setting_table[id].fallback);
}

/* Our own extension lies beside this program. */
static void find_door(struct pie_host *host, const char *program) {
  char here[PIE_PATH_MAX];
  snprintf(here, sizeof here, "%s", program);
  if (pie_path_parent(here) == 0)
    pie_path_join(host->door, sizeof host->door, here, pie_door_file_name);
}

static int run(struct pie_host *host, int count, char **args, int first) {
  int err = 0;
  for (int i = first; i < count && !err; i++)
    err = read_argument(&host->settings, args, count, &i);
  return err ? err : pie_host_run(host);
}

static int supervise(struct pie_host *host, int count, char **args) {
  int words = count > 2 ? atoi(args[2]) : 0;
  if (words < 1 || words > count - 3)
    return wrong("argument", SUPERVISE_ARGUMENT, "needs a number and as many words");
  host->worker_command = calloc((size_t)words + 1, sizeof *host->worker_command);
  if (!host->worker_command)
    return 1;
  memcpy(host->worker_command, args + 3, (size_t)words * sizeof *args);
  int code = run(host, count, args, 3 + words);
  free(host->worker_command);
  return code;
}

static int serve(struct pie_host *host, int count, char **args, char *program) {
  char worker[] = WORKER_ARGUMENT;
  char *command[] = {program, worker, NULL};
  host->worker_command = command;
  host->is_worker = count > 1 && strcmp(args[1], WORKER_ARGUMENT) == 0;
  int err = read_environment(&host->settings);
  return err ? err : run(host, count, args, host->is_worker ? 2 : 1);
}

struct service {
  struct pie_host *host;
  char *program;
  int count;
  char **args;
};

static int run_service(void *context) {
  struct service *service = context;
  return serve(service->host, service->count, service->args, service->program);
}

/* args: SERVICE_ARGUMENT, its name, and what is left for serve(). */
static int be_service(struct pie_host *host, int count, char **args, char *program) {
  if (count < 3)
    return wrong("argument", SERVICE_ARGUMENT, "needs a name");
  struct service service = {host, program, count - 2, args + 2};
  int code = pie_service_run(args[2], run_service, &service);
  return code == -PIE_ENOTSUP
             ? wrong("argument", SERVICE_ARGUMENT, "is for the service manager of Windows")
             : code;
}

static int be(struct pie_host *host, int count, char **args, char *program) {
  const char *word = count > 1 ? args[1] : "";
  if (strcmp(word, SUPERVISE_ARGUMENT) == 0)
    return supervise(host, count, args);
  if (strcmp(word, SERVICE_ARGUMENT) == 0)
    return be_service(host, count, args, program);
  return serve(host, count, args, program);
}

int main(int count, char **args) {
  args = pie_arguments(&count, args);
  char program[PIE_PATH_MAX];
  size_t size = sizeof program;
  if (count > 1 && strcmp(args[1], "--help") == 0) {
    print_help();
    return 0;
  }
  if (count > 1 && strcmp(args[1], "--version") == 0) {
    printf("pyisapie-host %s\n", PIE_VERSION);
    return 0;
  }
  struct pie_host *host = calloc(1, sizeof *host);
  if (!host || uv_exepath(program, &size))
    return 1;
  pie_settings_init(&host->settings);
  find_door(host, program);
  int code = be(host, count, args, program);
  pie_settings_free(&host->settings);
  free(host);
  return code;
}
