/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets by their specification, and sockets that never block.
 */
#include "base/error.h"
#include "harness/test.h"
#include "platform/platform.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char url[256], why[512];
static bool is_local;

static int open_spec(const char *spec, pie_socket *out) {
  url[0] = why[0] = '\0';
  return pie_listen_open(spec, 8, out, &is_local, url, why, sizeof why);
}

static void tcp_addresses(void) {
  pie_socket fd, again;
  REQUIRE(open_spec("127.0.0.1:0", &fd) == 0);
  CHECK(!is_local);
  CHECK(strncmp(url, "http://127.0.0.1:", 17) == 0 && atoi(url + 17) > 0);
  CHECK(fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
  char taken[64];
  snprintf(taken, sizeof taken, "127.0.0.1:%d", atoi(url + 17));
  CHECK(open_spec(taken, &again) < 0);
  CHECK_HAS(why, "cannot listen on 127.0.0.1:");
  CHECK_HAS(why, "in use");
  pie_socket_close(fd);
  if (open_spec("[::1]:0", &fd) == 0) {
    CHECK(strncmp(url, "http://[::1]:", 13) == 0);
    pie_socket_close(fd);
  } else {
    printf("# skipped: no IPv6 here (%s)\n", why);
  }
}

static void a_port_alone(void) {
  pie_socket fd;
  REQUIRE(open_spec("0", &fd) == 0);
  CHECK(strncmp(url, "http://127.0.0.1:", 17) == 0);
  pie_socket_close(fd);
  static const char *const all[] = {":0", "*:0", "0.0.0.0:0"};
  for (size_t i = 0; i < 3; i++) {
    REQUIRE(open_spec(all[i], &fd) == 0);
    CHECK(strncmp(url, "http://0.0.0.0:", 15) == 0);
    pie_socket_close(fd);
  }
}

static void what_is_no_address_is_told(void) {
  static const char *const specs[] = {"",
                                      "x",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "1.2.3.4:x",
                                      "localhost:70000",
                                      "localhost:-1",
                                      "70000",
                                      ":",
                                      ":x",
                                      "-1",
                                      "fd:",
                                      "fd:x",
                                      "fd:99999",
                                      "unix:",
                                      "[::1:80",
                                      "no host:80"};
  pie_socket fd;
  for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
    test_context("%s", specs[i]);
    CHECK(open_spec(specs[i], &fd) < 0);
    CHECK_HAS(why, "cannot listen on ");
    CHECK_HAS(why, specs[i]);
  }
}

static void unix_sockets(void) {
  char spec[600], path[600];
  pie_socket fd, again;
  snprintf(path, sizeof path, "%s/s", test_folder());
  snprintf(spec, sizeof spec, "unix:%s", path);
  REQUIRE(open_spec(spec, &fd) == 0);
  CHECK(is_local);
  CHECK_TEXT(url, spec);
  CHECK(open_spec(spec, &again) < 0); /* somebody listens */
  pie_socket_close(fd);
  CHECK(access(path, F_OK) == 0);
  REQUIRE(open_spec(spec, &fd) == 0); /* nobody does: a leftover makes room */
  pie_socket_close(fd);
  pie_listen_remove(spec);
  CHECK(access(path, F_OK) != 0);
  FILE *file = fopen(path, "w");
  REQUIRE(file != NULL);
  fclose(file);
  CHECK(open_spec(spec, &fd) < 0); /* a file of somebody's own stays */
  CHECK(access(path, F_OK) == 0);
}

static void inherited_sockets(void) {
  char spec[64], pid[32];
  pie_socket fd, same, first;
  REQUIRE(open_spec("127.0.0.1:0", &fd) == 0);
  snprintf(spec, sizeof spec, "fd:%d", (int)fd);
  CHECK_INT(open_spec(spec, &same), 0);
  CHECK_INT(same, fd);
  CHECK(strncmp(url, "http://127.0.0.1:", 17) == 0);
  pie_socket_close(fd);
  snprintf(pid, sizeof pid, "%d", pie_process_id());
  setenv("LISTEN_FDS", "2", 1);
  setenv("LISTEN_PID", pid, 1);
  CHECK_INT(pie_listen_inherited(&first), 2);
  CHECK_INT(first, 3);
  setenv("LISTEN_PID", "1", 1); /* meant for another process */
  CHECK_INT(pie_listen_inherited(&first), 0);
  setenv("LISTEN_PID", pid, 1);
  setenv("LISTEN_FDS", "-1", 1);
  CHECK_INT(pie_listen_inherited(&first), 0);
  setenv("LISTEN_FDS", "100000", 1);
  CHECK_INT(pie_listen_inherited(&first), 0);
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_PID");
}

static void sockets_do_not_block(void) {
  static char big[1 << 20];
  int pair[2];
  char out[16];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK_INT(pie_socket_recv(pair[0], out, sizeof out), -PIE_EAGAIN);
  CHECK_INT(pie_socket_wait(pair[0], false, 10), -PIE_ETIMEOUT);
  struct pie_span spans[] = {{"hel", 3}, {"lo", 2}};
  CHECK_INT(pie_socket_send(pair[1], spans, 2), 5);
  CHECK_INT(pie_socket_wait(pair[0], false, 1000), 0);
  CHECK(pie_socket_is_connected(pair[0])); /* looks without reading */
  CHECK_INT(pie_socket_recv(pair[0], out, sizeof out), 5);
  struct pie_span span = {big, sizeof big};
  int64_t sent;
  while ((sent = pie_socket_send(pair[1], &span, 1)) > 0)
    ;
  CHECK_INT(sent, -PIE_EAGAIN);
  CHECK_INT(pie_socket_wait(pair[1], true, 10), -PIE_ETIMEOUT);
  close(pair[0]);
  CHECK_INT(pie_socket_send(pair[1], &span, 1), -PIE_EGONE);
  CHECK(!pie_socket_is_connected(pair[1]));
  CHECK_INT(pie_socket_wait(pair[1], true, 10), -PIE_EGONE);
  close(pair[1]);
}

static void files_are_sent_by_range(void) {
  char path[600], out[16];
  int pair[2];
  snprintf(path, sizeof path, "%s/file", test_folder());
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0 && write(fd, "0123456789", 10) == 10);
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK_INT(pie_file_size(fd), 10);
  CHECK_INT(pie_file_size(pair[0]), -PIE_ENOTSUP);
  CHECK_INT(pie_socket_send_file(pair[0], fd, 3, 4), 4);
  CHECK_INT(pie_socket_recv(pair[1], out, sizeof out), 4);
  CHECK(memcmp(out, "3456", 4) == 0);
  CHECK(pie_socket_send_file(pair[0], fd, 10, 4) < 0); /* shorter than it was said to be */
  CHECK_INT(pie_file_read_at(fd, 8, out, sizeof out), 2);
  CHECK_INT(pie_file_read_at(fd, 10, out, sizeof out), 0);
  CHECK_INT(pie_file_read_at(pair[0], 0, out, sizeof out), -PIE_EIO);
  close(pair[0]);
  close(pair[1]);
  close(fd);
}

static const struct test_case cases[] = {
    CASE(tcp_addresses),
    CASE(a_port_alone),
    CASE(what_is_no_address_is_told),
    CASE(unix_sockets),
    CASE(inherited_sockets),
    CASE(sockets_do_not_block),
    CASE(files_are_sent_by_range),
};
TEST_MAIN(cases)
