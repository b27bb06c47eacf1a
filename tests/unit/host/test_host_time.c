/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines of our host, the number of its connections, and its end. Times are short here, and the
 * bounds wide: a loaded machine must not fail them.
 */
#include "harness/served.h"
#include "platform/platform.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_CLOSE "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct served served;
static int64_t began;

static DWORD hello(EXTENSION_CONTROL_BLOCK *ecb) { return ext_answer(ecb, "hello"); }

static char big[1 << 20]; /* what floods */

static void start(served_proc proc, const char *const *settings) {
  memset(big, 'x', sizeof big - 1);
  served_start(&served, SERVED_OURS, proc, settings);
  CHECK_HAS(served_ask(&served, GET_CLOSE), "HTTP/1.1 "); /* it is up */
}

static void begin_timing(void) { began = pie_clock_ms(); }

static void check_took(int64_t least, int64_t most) {
  int64_t took = pie_clock_ms() - began;
  if (!CHECK(took >= least && took <= most))
    CHECK_INT(took, least);
}

/* ---- requests that do not come ---- */

static void headers_that_do_not_come_are_answered_408(void) {
  static const char *const settings[] = {"header-timeout", "0.4", NULL};
  start(hello, settings);
  int fd = served_connect(&served);
  begin_timing();
  client_send(fd, "GET / HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 3; i++) { /* bytes in between do not put it off */
    sleep_ms(80);
    client_send(fd, "X: y\r\n");
  }
  const char *got = client_read_all(fd);
  check_took(350, 5000);
  CHECK_HAS(got, "HTTP/1.1 408 Request Timeout\r\n");
  CHECK_HAS(got, "setting header-timeout");
  close(fd);
  served_stop(&served);
}

static void a_connection_without_a_request_ends_quietly(void) {
  static const char *const settings[] = {"header-timeout", "0.3", NULL};
  start(hello, settings);
  int fd = served_connect(&served);
  begin_timing();
  CHECK_TEXT(client_read_all(fd), "");
  check_took(250, 5000);
  close(fd);
  served_stop(&served);
}

/* Shorter than header-timeout, whose timer runs already when the connection becomes idle. */
static void an_idle_connection_ends_in_time(void) {
  static const char *const settings[] = {"header-timeout", "8", "keepalive-timeout", "0.3", NULL};
  start(hello, settings);
  int fd = served_connect(&served);
  client_send(fd, GET);
  client_expect(fd, "GET", HELLO);
  begin_timing();
  CHECK(client_is_closed(fd, 6000));
  check_took(200, 5000);
  close(fd);
  served_stop(&served);
}

static void a_used_connection_is_not_idle(void) {
  static const char *const settings[] = {"keepalive-timeout", "0.5", NULL};
  start(hello, settings);
  int fd = served_connect(&served);
  for (int i = 0; i < 8; i++) {
    client_send(fd, GET);
    client_expect(fd, "GET", HELLO);
    sleep_ms(150);
  }
  close(fd);
  served_stop(&served);
}

static void no_limit_is_no_limit(void) {
  static const char *const settings[] = {"keepalive-timeout", "0", "header-timeout", "0", NULL};
  start(hello, settings);
  int fd = served_connect(&served);
  client_send(fd, GET);
  client_expect(fd, "GET", HELLO);
  sleep_ms(300);
  client_send(fd, GET);
  client_expect(fd, "GET", HELLO);
  close(fd);
  served_stop(&served);
}

/* ---- bodies and answers that stand still ---- */

static DWORD read_body(EXTENSION_CONTROL_BLOCK *ecb) {
  char piece[1000];
  DWORD size = sizeof piece, total = ecb->cbAvailable;
  while (total < ecb->cbTotalBytes && ecb->ReadClient(ecb->ConnID, piece, &size) && size) {
    total += size;
    size = sizeof piece;
  }
  if (total == ecb->cbTotalBytes)
    return ext_answer(ecb, "hello");
  return ext_head(ecb, "299 Cut", "Content-Length: 0\r\n\r\n", true) ? HSE_STATUS_SUCCESS
                                                                     : HSE_STATUS_ERROR;
}

static DWORD read_body_later(EXTENSION_CONTROL_BLOCK *ecb) { return ext_pend(ecb, read_body); }

static void check_body_timeout(served_proc proc) {
  static const char *const settings[] = {"body-timeout", "0.4", NULL};
  start(proc, settings);
  int fd = served_connect(&served);
  client_send(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
  for (int i = 0; i < 5; i++) {
    client_send(fd, "x");
    sleep_ms(150);
  }
  begin_timing();
  CHECK_HAS(served_ask(&served, GET_CLOSE), "hello"); /* others are served meanwhile */
  CHECK_HAS(client_read_all(fd), "HTTP/1.1 299 Cut\r\n");
  check_took(50, 5000);
  close(fd);
  served_stop(&served);
}

static void a_body_that_stands_still_is_given_up(void) {
  check_body_timeout(read_body);
  check_body_timeout(read_body_later);
}

/* As much as the client takes. */
static DWORD flood(EXTENSION_CONTROL_BLOCK *ecb) {
  if (ext_path_is(ecb, "/"))
    return ext_answer(ecb, "hello");
  BOOL good = ext_head(ecb, "200 OK", "Content-Length: 1000000000\r\n\r\n", true);
  for (int i = 0; i < 1000 && good; i++)
    good = ext_write(ecb, big);
  CHECK(!good);
  return HSE_STATUS_ERROR;
}

static DWORD flood_later(EXTENSION_CONTROL_BLOCK *ecb) {
  return ext_path_is(ecb, "/") ? flood(ecb) : ext_pend(ecb, flood);
}

static void check_write_timeout(served_proc proc) {
  static const char *const settings[] = {"write-timeout", "0.4", NULL};
  start(proc, settings);
  int fd = served_connect(&served);
  begin_timing();
  client_send(fd, "GET /flood HTTP/1.1\r\nHost: h\r\n\r\n");
  sleep_ms(100);
  CHECK_HAS(served_ask(&served, GET_CLOSE), "hello");
  sleep_ms(1500); /* reads nothing */
  CHECK_HAS(served_ask(&served, GET_CLOSE), "hello");
  CHECK(strlen(client_read_all(fd)) < 100000000);
  close(fd);
  served_stop(&served);
}

static void a_client_that_takes_nothing_is_given_up(void) {
  check_write_timeout(flood);
  check_write_timeout(flood_later);
}

/* ---- clients that trickle ---- */

static DWORD trickled(EXTENSION_CONTROL_BLOCK *ecb) {
  if (strcmp(ecb->lpszMethod, "GET") == 0)
    return flood(ecb);
  if (ext_path_is(ecb, "/busy"))
    sleep_ms(6500);
  return read_body(ecb);
}

static DWORD trickled_later(EXTENSION_CONTROL_BLOCK *ecb) { return ext_pend(ecb, trickled); }

static int post(const struct served *server, const char *path, int length) {
  char head[200];
  int fd = served_connect(server);
  snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", path,
           length);
  client_send(fd, head);
  return fd;
}

/* With little room of the client's own, so that the host notices what it takes. */
static int get(const struct served *server, const char *path) {
  char head[200];
  int fd = served_connect_with_room(server, 4096);
  snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
  client_send(fd, head);
  return fd;
}

static void send_bytes(int fd, size_t n) {
  char bytes[1000];
  memset(bytes, 'x', sizeof bytes);
  client_send_bytes(fd, (struct pie_str){bytes, n});
}

static void take_bytes(int fd, size_t n) {
  char bytes[1000];
  CHECK(recv(fd, bytes, n, MSG_DONTWAIT) >= -1); /* nothing may be there at the moment */
}

/* None of them pauses for long: body-timeout and write-timeout end nobody here. */
static void clients_that_trickle_are_ended(void) {
  static const char *const settings[] = {"access-log", "combined", "least-rate", "3000", NULL};
  static const char *const any[] = {"access-log", "combined", "least-rate", "0", NULL};
  struct served lax;
  served_start(&lax, SERVED_OURS, trickled_later, any);
  served_start(&served, SERVED_OURS, trickled_later, settings);
  int slow_post = post(&served, "/slow", 5000), slow_get = get(&served, "/slow");
  int decent_post = post(&served, "/decent", 42000), decent_get = get(&served, "/decent");
  int lax_post = post(&lax, "/slow", 5000), lax_get = get(&lax, "/slow");
  int busy = post(&served, "/busy", 2);
  for (int i = 0; i < 70; i++) {
    if (i == 40)
      CHECK_TEXT(served_access_log(&served), ""); /* nobody is judged at once */
    send_bytes(slow_post, 1), take_bytes(slow_get, 5);
    send_bytes(decent_post, 600), take_bytes(decent_get, 600);
    send_bytes(lax_post, 1), take_bytes(lax_get, 5);
    sleep_ms(100);
  }
  client_expect(decent_post, "POST", HELLO);
  send_bytes(busy, 1);
  sleep_ms(300);
  send_bytes(busy, 1);
  client_expect(busy, "POST", HELLO); /* it has waited for the application, and not we for it */
  CHECK_HAS(served_access_log(&served), "\"POST /slow HTTP/1.1\" 299 ");
  CHECK_HAS(served_access_log(&served), "\"GET /slow HTTP/1.1\" 200 ");
  CHECK_HAS_NOT(served_access_log(&served), "GET /decent");
  CHECK_TEXT(served_access_log(&lax), "");
  int fds[] = {slow_post, slow_get, decent_post, decent_get, lax_post, lax_get, busy};
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    close(fds[i]);
  served_stop(&served);
  served_stop(&lax);
}

/* After a refusal the host waits for the client to read it, but not for long. */
static void a_refused_client_is_not_waited_for_long(void) {
  start(hello, NULL);
  int fd = served_connect(&served);
  client_send(fd, "BAD\r\n\r\n");
  begin_timing();
  const char *got = client_read_all(fd); /* the host's side ends at once */
  check_took(0, 1500);
  CHECK_HAS(got, "HTTP/1.1 501 ");
  for (int i = 0; i < 100; i++) { /* the rest is thrown away, not answered with a reset */
    client_send(fd, "more and more\r\n");
    sleep_ms(1);
  }
  close(fd);
  served_stop(&served);
}

/* ---- too many ---- */

static void more_connections_wait(void) {
  static const char *const settings[] = {"connections", "2", "keepalive-timeout", "20", NULL};
  served_start(&served, SERVED_OURS, hello, settings);
  int fds[4];
  for (int i = 0; i < 4; i++) {
    fds[i] = served_connect(&served);
    client_send(fds[i], GET);
  }
  client_expect(fds[0], "GET", HELLO);
  client_expect(fds[1], "GET", HELLO);
  CHECK(!client_is_closed(fds[2], 200));
  close(fds[0]);
  client_expect(fds[2], "GET", HELLO);
  CHECK(!client_is_closed(fds[3], 200));
  close(fds[1]);
  client_expect(fds[3], "GET", HELLO);
  close(fds[2]);
  close(fds[3]);
  served_stop(&served);
}

/* ---- requests that last ---- */

static DWORD nap(EXTENSION_CONTROL_BLOCK *ecb) {
  if (ext_path_is(ecb, "/nap"))
    sleep_ms(600);
  return ext_answer(ecb, "hello");
}

/* It runs in place, on the thread that has the loop: which must be handed on. */
static void a_request_that_lasts_stalls_nobody(void) {
  start(nap, NULL);
  int fd = served_connect(&served);
  begin_timing();
  client_send(fd, "GET /nap HTTP/1.1\r\nHost: h\r\n\r\n");
  sleep_ms(20);
  for (int i = 0; i < 10; i++)
    CHECK_HAS(served_ask(&served, GET_CLOSE), "hello");
  check_took(0, 500);
  client_expect(fd, "GET", HELLO);
  check_took(550, 10000);
  client_send(fd, GET);
  client_expect(fd, "GET", HELLO);
  close(fd);
  served_stop(&served);
}

static void many_requests_that_last_all_end(void) {
  int fds[6];
  start(nap, NULL);
  for (int i = 0; i < 6; i++) {
    fds[i] = served_connect(&served);
    client_send(fds[i], i % 2 ? GET : "GET /nap HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  for (int i = 0; i < 6; i++) {
    client_expect(fds[i], "GET", HELLO);
    close(fds[i]);
  }
  served_stop(&served);
}

/* ---- the end ---- */

static DWORD nap_later(EXTENSION_CONTROL_BLOCK *ecb) { return ext_pend(ecb, nap); }

static void check_stop(served_proc proc) {
  start(proc, NULL);
  int idle = served_connect(&served), busy = served_connect(&served);
  client_send(idle, GET);
  client_expect(idle, "GET", HELLO);
  client_send(busy, "GET /nap HTTP/1.1\r\nHost: h\r\n\r\n");
  sleep_ms(100);
  begin_timing();
  kill(served.pid, SIGTERM);
  CHECK(client_is_closed(idle, 5000));
  check_took(0, 450);
  const char *got = client_read_all(busy);
  CHECK_HAS(got, "HTTP/1.1 200 OK\r\n"); /* what runs may end */
  CHECK_HAS(got, "Connection: close\r\n");
  close(idle);
  close(busy);
  CHECK_INT(served_wait(&served), 0);
}

static void running_requests_end_at_shutdown(void) {
  check_stop(nap);
  check_stop(nap_later);
}

static DWORD sleep_long(EXTENSION_CONTROL_BLOCK *ecb) {
  if (!ext_path_is(ecb, "/"))
    sleep_ms(60000);
  return ext_answer(ecb, "hello");
}

static DWORD sleep_long_later(EXTENSION_CONTROL_BLOCK *ecb) {
  return ext_path_is(ecb, "/") ? sleep_long(ecb) : ext_pend(ecb, sleep_long);
}

static void requests_that_do_not_end_are_left(void) {
  static const char *const settings[] = {"shutdown-timeout", "0.3", NULL};
  start(sleep_long_later, settings);
  int fd = served_connect(&served);
  client_send(fd, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
  sleep_ms(100);
  begin_timing();
  kill(served.pid, SIGTERM);
  served_wait(&served);
  check_took(250, 15000);
  CHECK_HAS(served_log(&served), "connections are open after the setting shutdown-timeout");
  CHECK_HAS(served_log(&served), "the application still runs");
  close(fd);
}

static void a_slow_warm_up_does_not_lose_clients(void) {
  served_warm_ms = 300;
  begin_timing();
  served_start(&served, SERVED_OURS, hello, NULL);
  CHECK_HAS(served_ask(&served, GET_CLOSE), "hello");
  check_took(250, 15000);
  served_stop(&served);
  served_warm_ms = 0;
}

static const struct test_case cases[] = {
    CASE(headers_that_do_not_come_are_answered_408),
    CASE(a_connection_without_a_request_ends_quietly),
    CASE(an_idle_connection_ends_in_time),
    CASE(a_used_connection_is_not_idle),
    CASE(no_limit_is_no_limit),
    CASE(a_body_that_stands_still_is_given_up),
    CASE(a_client_that_takes_nothing_is_given_up),
    CASE(clients_that_trickle_are_ended),
    CASE(a_refused_client_is_not_waited_for_long),
    CASE(more_connections_wait),
    CASE(a_request_that_lasts_stalls_nobody),
    CASE(many_requests_that_last_all_end),
    CASE(running_requests_end_at_shutdown),
    CASE(requests_that_do_not_end_are_left),
    CASE(a_slow_warm_up_does_not_lose_clients),
};
TEST_MAIN(cases)
