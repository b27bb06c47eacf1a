/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/served.h"

#include "host/host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHECK_FAILED = 77, WAIT_MS = 30000 };

static served_proc script;
static int served_count;
int served_warm_ms, served_send_buffer;

/* The extension modules ask for these. */
__attribute__((visibility("default"))) DWORD test_extension_proc(EXTENSION_CONTROL_BLOCK *ecb);
__attribute__((visibility("default"))) BOOL test_extension_warm(EXTENSION_CONTROL_BLOCK *ecb);

DWORD test_extension_proc(EXTENSION_CONTROL_BLOCK *ecb) { return script(ecb); }

BOOL test_extension_warm(EXTENSION_CONTROL_BLOCK *ecb) {
  char text[64];
  DWORD size = sizeof text;
  CHECK(ecb->GetServerVariable(ecb->ConnID, (LPSTR)(uintptr_t) "SERVER_SOFTWARE", text, &size));
  sleep_ms(served_warm_ms);
  return TRUE;
}

void sleep_ms(int ms) { usleep((useconds_t)ms * 1000); }

/* ---- the host's process ---- */

static void set(struct pie_host *host, const char *name, const char *value) {
  char why[256];
  int id = pie_setting_find(pie_str_from(name));
  REQUIRE(id >= 0);
  REQUIRE(pie_settings_set(&host->settings, (enum pie_setting_id)id, pie_str_from(value), why,
                           sizeof why) == 0);
}

static void set_up(struct pie_host *host, const struct served *served, enum served_as as,
                   const char *const *settings) {
  char why[256], door[64];
  pie_settings_init(&host->settings);
  set(host, "strict-isapi", "on");
  set(host, "server-header", "");
  set(host, "stack-size", "1M");
  set(host, "access-log-file", served->access);
  for (; settings && settings[0]; settings += 2)
    set(host, settings[0], settings[1]);
  host->log_file = pie_log_file_open(served->log, why, sizeof why);
  REQUIRE(host->log_file != NULL);
  host->log = (struct pie_log){
      .level = PIE_LOG_INFO, .write = pie_log_file_write, .context = host->log_file};
  snprintf(door, sizeof door, "extension_%s.so", as == SERVED_OURS ? "ours" : "plain");
  REQUIRE(pie_path_join(host->door, sizeof host->door, test_program_folder(), door) == 0);
}

static _Noreturn void run_host(const struct served *served, enum served_as as,
                               const char *const *settings, const struct pie_bound *bound) {
  struct pie_host *host = calloc(1, sizeof *host);
  REQUIRE(host != NULL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  test_forget_failures();
  set_up(host, served, as, settings);
  int code = pie_worker_run(host, bound, 1);
  pie_log_file_close(host->log_file);
  pie_settings_free(&host->settings);
  free(host);
  fflush(stdout);
  exit(test_has_failed() ? CHECK_FAILED : code);
}

void served_start(struct served *served, enum served_as as, served_proc proc,
                  const char *const *settings) {
  struct pie_bound bound;
  char why[256];
  int err = pie_listen_open("127.0.0.1:0", 64, &bound.socket, &bound.is_local, bound.url, why,
                            sizeof why);
  REQUIRE(err == 0);
  if (served_send_buffer) /* the connections get it from here */
    REQUIRE(setsockopt((int)bound.socket, SOL_SOCKET, SO_SNDBUF, &served_send_buffer,
                       sizeof served_send_buffer) == 0);
  script = proc;
  served->port = atoi(strrchr(bound.url, ':') + 1);
  snprintf(served->log, sizeof served->log, "%s/log-%d", test_folder(), ++served_count);
  snprintf(served->access, sizeof served->access, "%s/access-%d", test_folder(), served_count);
  fflush(stdout);
  served->pid = fork();
  REQUIRE(served->pid >= 0);
  if (!served->pid)
    run_host(served, as, settings, &bound);
  pie_socket_close(bound.socket);
}

int served_wait(struct served *served) {
  int status = 0;
  for (int i = 0; i < WAIT_MS; i++) {
    pid_t gone = waitpid(served->pid, &status, WNOHANG);
    if (gone == served->pid)
      return status;
    REQUIRE(gone == 0);
    sleep_ms(1);
  }
  printf("# the host does not end:\n%s\n", served_log(served));
  kill(served->pid, SIGKILL);
  waitpid(served->pid, &status, 0);
  return status;
}

void served_stop(struct served *served) {
  kill(served->pid, SIGTERM);
  int status = served_wait(served);
  bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!CHECK(good))
    printf("# it ended with status %#x; its log:\n%s\n", (unsigned)status, served_log(served));
}

static const char *read_file(const char *path) {
  enum { FILE_MAX = 1 << 22 };
  static char *text;
  if (!text)
    text = malloc(FILE_MAX);
  REQUIRE(text != NULL);
  if (pie_file_read_text(path, text, FILE_MAX) < 0)
    text[0] = '\0';
  return text;
}

const char *served_log(const struct served *served) { return read_file(served->log); }

const char *served_access_log(const struct served *served) { return read_file(served->access); }

long served_memory_kib(const struct served *served) {
  char path[64], text[8192];
  snprintf(path, sizeof path, "/proc/%d/status", (int)served->pid);
  REQUIRE(pie_file_read_text(path, text, sizeof text) > 0);
  const char *at = strstr(text, "VmHWM:");
  REQUIRE(at != NULL);
  return atol(at + 6);
}
