/* SPDX-License-Identifier: Apache-2.0
 *
 * pyisapie-host as a program: its arguments, its sockets, and how its supervisor keeps workers.
 */
#include "harness/served.h"
#include "platform/platform.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 24 };

#define GET "GET / HTTP/1.0\r\n\r\n"

static struct served program;
static char output[600];

/* Runs it with these arguments, a log of its own and our extension; NULL ends them. */
static void start(const char *const *arguments) {
  static char door[PIE_PATH_MAX], log[700];
  static int count;
  const char *args[ARGS_MAX] = {getenv("TEST_HOST_PROGRAM"), "--door", door, log};
  size_t n = 4;
  REQUIRE(args[0] != NULL);
  REQUIRE(pie_path_join(door, sizeof door, test_program_folder(), "extension_ours.so") == 0);
  snprintf(program.log, sizeof program.log, "%s/program-%d", test_folder(), ++count);
  snprintf(log, sizeof log, "--log=%s", program.log);
  snprintf(output, sizeof output, "%s/output-%d", test_folder(), count);
  for (; *arguments && n < ARGS_MAX - 1; n++)
    args[n] = *arguments++;
  program.pid = fork();
  REQUIRE(program.pid >= 0);
  if (program.pid)
    return;
  int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(fd, 1);
  dup2(fd, 2);
  execv(args[0], (char **)(uintptr_t)args);
  _exit(99);
}

static const char *read_output(void) {
  static char text[65536];
  if (pie_file_read_text(output, text, sizeof text) < 0)
    text[0] = '\0';
  return text;
}

static bool wait_for_log(const char *part) {
  for (int i = 0; i < 20000; i++) {
    if (strstr(served_log(&program), part))
      return true;
    sleep_ms(1);
  }
  return CHECK_HAS(served_log(&program), part);
}

static void find_port(void) {
  REQUIRE(wait_for_log("listening on http://127.0.0.1:"));
  program.port = atoi(strstr(served_log(&program), "127.0.0.1:") + 10);
  REQUIRE(wait_for_log(" is ready"));
}

static int ask(void) {
  const char *got = served_ask(&program, GET);
  const char *body = strstr(got, "\r\n\r\n");
  CHECK_HAS(got, "HTTP/1.1 200 OK\r\n");
  return body ? atoi(body + 4) : 0;
}

static void stop(int want) {
  kill(program.pid, SIGTERM);
  int status = served_wait(&program);
  CHECK(WIFEXITED(status));
  CHECK_INT(WEXITSTATUS(status), want);
}

/* ---- arguments ---- */

static void check_usage(const char *const *arguments, int code, const char *says) {
  start(arguments);
  int status = served_wait(&program);
  test_context("%s", arguments[0]);
  CHECK(WIFEXITED(status));
  CHECK_INT(WEXITSTATUS(status), code);
  CHECK_HAS(read_output(), says);
  test_context(NULL);
}

static void wrong_arguments_are_told(void) {
  check_usage((const char *[]){"--no-such", "1", NULL}, 2,
              "pyisapie-host: argument no-such is not known; --help lists all settings");
  check_usage((const char *[]){"--thread=2", NULL}, 2, "thread is not known: is threads meant?");
  check_usage((const char *[]){"--threads", "many", NULL}, 2,
              "argument threads must be a whole number from 1 to 1024");
  check_usage((const char *[]){"--threads=0", NULL}, 2, "argument threads must be");
  check_usage((const char *[]){"--threads", NULL}, 2, "argument --threads needs a value");
  setenv("PYISAPIE_BACKLOG", "-1", 1);
  check_usage((const char *[]){"--bind=127.0.0.1:0", NULL}, 2,
              "environment variable PYISAPIE_BACKLOG must be a whole number");
  unsetenv("PYISAPIE_BACKLOG");
  setenv("PYISAPIE_WORKRES", "2", 1);
  check_usage((const char *[]){"--bind=127.0.0.1:0", NULL}, 2,
              "environment variable PYISAPIE_WORKRES is not known: is workers meant?");
  unsetenv("PYISAPIE_WORKRES");
}

static void sockets_that_cannot_be_had_are_told(void) {
  static const char *const binds[] = {"--bind=127.0.0.1:70000", "--bind=nonsense", "--bind=fd:77",
                                      "--bind=,"};
  for (size_t i = 0; i < 4; i++) {
    start((const char *[]){binds[i], NULL});
    int status = served_wait(&program);
    test_context("%s", binds[i]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    CHECK_HAS(served_log(&program), "bind");
  }
  test_context(NULL);
}

/* ---- a supervisor and its workers ---- */

static void it_serves_and_stops(void) {
  start((const char *[]){"--bind=127.0.0.1:0", NULL});
  find_port();
  int worker = ask();
  CHECK(worker > 0 && worker != program.pid);
  stop(0);
  CHECK_HAS(served_log(&program), "stopped");
  CHECK(kill(worker, 0) != 0);
}

static void a_worker_that_dies_is_replaced(void) {
  start((const char *[]){"--bind=127.0.0.1:0", NULL});
  find_port();
  int first = ask();
  kill(first, SIGKILL);
  int second = ask(); /* it waits in the backlog */
  CHECK(second != first);
  CHECK_HAS(served_log(&program), "was ended by signal 9");
  CHECK_HAS(served_log(&program), "another one starts in 0.0 s");
  kill(second, SIGKILL);
  int64_t began = pie_clock_ms();
  int third = ask(); /* with back-off */
  CHECK(third != second);
  CHECK(pie_clock_ms() - began >= 90);
  stop(0);
}

static void workers_are_replaced_at_sighup(void) {
  start((const char *[]){"--bind=127.0.0.1:0", "--workers=2", NULL});
  find_port();
  int before = ask(), now = before;
  kill(program.pid, SIGHUP);
  for (int i = 0; i < 2000 && now == before; i++)
    now = ask(); /* none of these fails */
  CHECK(now != before);
  CHECK_HAS(served_log(&program), "replacing the workers");
  for (int i = 0; i < 10000 && kill(before, 0) == 0; i++)
    sleep_ms(1);
  CHECK(kill(before, 0) != 0);
  stop(0);
}

static void an_extension_that_cannot_be_loaded_is_told(void) {
  char path[600], argument[700], text[700];
  snprintf(path, sizeof path, "%s/door.so", test_folder());
  snprintf(argument, sizeof argument, "--door=%s", path);
  snprintf(text, sizeof text, "the ISAPI extension %s cannot be loaded: ", path);
  FILE *file = fopen(path, "w");
  REQUIRE(file && fputs("no library\n", file) >= 0 && fclose(file) == 0);
  start((const char *[]){"--bind=127.0.0.1:0", argument, NULL});
  REQUIRE(wait_for_log(text));
  REQUIRE(wait_for_log("another one starts in 0.1 s")); /* and so on, later and later */
  stop(0);
}

static void a_module_that_is_no_extension_is_told(void) {
  char argument[PIE_PATH_MAX + 16];
  snprintf(argument, sizeof argument, "--door=%s/empty_library.so", test_program_folder());
  start((const char *[]){"--bind=127.0.0.1:0", argument, NULL});
  REQUIRE(wait_for_log("is no ISAPI extension, or refuses to serve"));
  stop(0);
}

static void a_supervisor_that_is_killed_takes_its_workers_along(void) {
  start((const char *[]){"--bind=127.0.0.1:0", NULL});
  find_port();
  int worker = ask();
  kill(program.pid, SIGKILL);
  served_wait(&program);
  for (int i = 0; i < 10000 && kill(worker, 0) == 0; i++)
    sleep_ms(1); /* its control channel ends */
  CHECK(kill(worker, 0) != 0);
}

/* ---- sockets ---- */

static void it_serves_a_unix_socket(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char argument[200];
  snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", test_folder());
  snprintf(argument, sizeof argument, "--bind=127.0.0.1:0,unix:%s", address.sun_path);
  start((const char *[]){argument, NULL});
  find_port();
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  client_send(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n" GET);
  CHECK_HAS(client_read(fd, "GET"), "HTTP/1.1 200 OK\r\n");
  CHECK_HAS(client_read(fd, "GET"), "Connection: close\r\n");
  close(fd);
  CHECK(ask() > 0);
  stop(0);
  CHECK(access(address.sun_path, F_OK) != 0); /* it is tidied up */
}

static void it_serves_a_socket_that_it_inherits(void) {
  pie_socket fd;
  bool is_local;
  char url[256], why[256], argument[32];
  REQUIRE(pie_listen_open("127.0.0.1:0", 8, &fd, &is_local, url, why, sizeof why) == 0);
  fcntl((int)fd, F_SETFD, 0);
  snprintf(argument, sizeof argument, "--bind=fd:%d", (int)fd);
  start((const char *[]){argument, NULL});
  find_port();
  CHECK_INT(program.port, atoi(strrchr(url, ':') + 1));
  CHECK(ask() > 0);
  stop(0);
  pie_socket_close(fd);
}

static const struct test_case cases[] = {
    CASE(wrong_arguments_are_told),
    CASE(sockets_that_cannot_be_had_are_told),
    CASE(it_serves_and_stops),
    CASE(a_worker_that_dies_is_replaced),
    CASE(workers_are_replaced_at_sighup),
    CASE(an_extension_that_cannot_be_loaded_is_told),
    CASE(a_module_that_is_no_extension_is_told),
    CASE(a_supervisor_that_is_killed_takes_its_workers_along),
    CASE(it_serves_a_unix_socket),
    CASE(it_serves_a_socket_that_it_inherits),
};
TEST_MAIN(cases)
