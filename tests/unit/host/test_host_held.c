/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers to pipelined requests are held back so that they leave together. A client that takes
 * them late, or never, or goes, meets each of the ways in which they then leave.
 */
#include "harness/served.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLOSE "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

enum { BODY = 7000 };

static struct served served;

static DWORD nap(EXTENSION_CONTROL_BLOCK *ecb) {
  (void)ecb;
  sleep_ms(500);
  return HSE_STATUS_SUCCESS_AND_KEEP_CONN;
}

/* The path, and as many letters as make it BODY bytes. /nap is done only a while after that. */
static DWORD answer(EXTENSION_CONTROL_BLOCK *ecb) {
  char body[BODY + 1];
  memset(body, 'x', BODY);
  memcpy(body, ecb->lpszPathInfo, strlen(ecb->lpszPathInfo));
  body[BODY] = '\0';
  DWORD outcome = ext_answer(ecb, body);
  return ext_path_is(ecb, "/nap") ? ext_pend(ecb, nap) : outcome;
}

static void add_request(struct pie_buf *out, int i) {
  pie_buf_addf(out, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
}

static void add_answer(struct pie_buf *out, const char *path, const char *more) {
  pie_buf_addf(out, "HTTP/1.1 200 OK\r\n");
  pie_buf_addf(out, "Content-Length: %d\r\n%s\r\n%s", BODY, more, path);
  for (size_t i = strlen(path); i < BODY; i++)
    pie_buf_append(out, "x", 1);
}

static void drop_dates(struct pie_buf *text) {
  size_t from = 0, to = 0;
  while (from < text->n) {
    char *at = memmem(text->p + from, text->n - from, "Date: ", 6);
    size_t end = at ? (size_t)(at - text->p) : text->n;
    memmove(text->p + to, text->p + from, end - from);
    to += end - from;
    char *line_end = at ? memchr(at, '\n', text->n - end) : NULL;
    from = line_end ? (size_t)(line_end - text->p) + 1 : text->n;
  }
  text->n = to;
  text->p[to] = '\0';
}

/* A client with little room, and its requests: count whole ones, and what is given beside them. */
static int begin_with(int count, struct pie_buf *want, struct pie_str last) {
  struct pie_buf requests;
  int fd = served_connect(&served), room = 128 * 1024;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  pie_buf_init(&requests, 1 << 20);
  for (int i = 0; i < count; i++) {
    char path[16];
    snprintf(path, sizeof path, "/%d", i);
    add_request(&requests, i);
    add_answer(want, path, "");
  }
  pie_buf_add(&requests, last);
  client_send_bytes(fd, pie_buf_str(&requests));
  pie_buf_free(&requests);
  return fd;
}

static int begin(int count, struct pie_buf *want) {
  return begin_with(count, want, PIE_STR("GET /last HT"));
}

static void read_all(int fd, struct pie_buf *got) {
  char piece[65536];
  ssize_t n;
  while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
    pie_buf_append(got, piece, (size_t)n);
  drop_dates(got);
}

struct texts {
  struct pie_buf want, got;
};

static void open_texts(struct texts *texts) {
  pie_buf_init(&texts->want, 1 << 26);
  pie_buf_init(&texts->got, 1 << 26);
  pie_buf_adds(&texts->got, "");
}

static void close_texts(struct texts *texts) {
  pie_buf_free(&texts->want);
  pie_buf_free(&texts->got);
}

/* With one answer more each time, until the system's own buffers are full; with luck some of the
 * last, held answers finds room then, and some does not. */
enum { COUNTS = 90, SEND_BUFFER = 32 * 1024 };

static void start(const char *const *settings) {
  served_send_buffer = SEND_BUFFER;
  served_start(&served, SERVED_OURS, answer, settings);
}

static void a_client_that_reads_late_gets_all(void) {
  start(NULL);
  for (int count = 1; count <= COUNTS; count++) {
    struct texts texts;
    open_texts(&texts);
    test_context("%d requests", count);
    int fd = begin(count, &texts.want);
    sleep_ms(15);
    client_send(fd, &CLOSE[12]); /* the last one comes while the others are written */
    add_answer(&texts.want, "/last", "Connection: close\r\n");
    sleep_ms(15);
    read_all(fd, &texts.got);
    CHECK_INT(texts.got.n, texts.want.n);
    CHECK(pie_str_equal(pie_buf_str(&texts.got), pie_buf_str(&texts.want)));
    close(fd);
    close_texts(&texts);
  }
  served_stop(&served);
}

/* What it gets before it is given up is the beginning of the answers, and nothing else but an
 * answer of the host's own at the end of one. */
static void check_too_late(int fd, int count, struct texts *texts) {
  test_context("%d requests", count);
  read_all(fd, &texts->got);
  struct pie_str got = pie_buf_str(&texts->got);
  const char *own = memmem(got.p, got.n, "HTTP/1.1 408 ", 13);
  if (own)
    got.n = (size_t)(own - got.p);
  CHECK(pie_str_starts(pie_buf_str(&texts->want), got));
  CHECK(!own || got.n == texts->want.n);
  close(fd);
}

static void a_client_that_reads_too_late_gets_no_garbage(void) {
  enum { AT_ONCE = 4 };
  static const char *const settings[] = {"write-timeout", "0.2", "header-timeout", "0.2", NULL};
  start(settings);
  for (int first = 44; first < 76; first += AT_ONCE) {
    struct texts texts[AT_ONCE];
    int fds[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
      open_texts(&texts[i]);
      fds[i] = begin(first + i, &texts[i].want);
    }
    sleep_ms(500);
    for (int i = 0; i < AT_ONCE; i++) {
      check_too_late(fds[i], first + i, &texts[i]);
      close_texts(&texts[i]);
    }
  }
  test_context(NULL);
  CHECK_HAS(served_ask(&served, CLOSE), "/last");
  served_stop(&served);
}

static void a_client_that_goes_is_forgotten(void) {
  start(NULL);
  for (int reset = 0; reset < 2; reset++) {
    for (int count = 1; count <= COUNTS; count++) {
      struct texts texts;
      struct linger linger = {.l_onoff = reset};
      open_texts(&texts);
      int fd = begin(count, &texts.want);
      sleep_ms(5);
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
      close(fd);
      close_texts(&texts);
    }
  }
  CHECK_HAS(served_ask(&served, CLOSE), "/last");
  served_stop(&served);
}

static void a_stop_lets_held_answers_leave(void) {
  for (int count = 10; count <= COUNTS; count += 20) {
    static const char *const settings[] = {"shutdown-timeout", "5", "header-timeout", "1", NULL};
    struct texts texts;
    open_texts(&texts);
    test_context("%d requests", count);
    start(settings);
    CHECK_HAS(served_ask(&served, CLOSE), "/last"); /* it is up */
    int fd = begin(count, &texts.want);
    sleep_ms(100);
    kill(served.pid, SIGTERM);
    sleep_ms(100);
    read_all(fd, &texts.got);
    close(fd);
    CHECK_INT(served_wait(&served), 0);
    CHECK(texts.got.n > 0);
    close_texts(&texts);
  }
}

/* What has come behind the head is its body, and no further request: nothing may be held back. */
static void an_answer_beside_an_unread_body_is_whole(void) {
  static char post[70000];
  int n = sprintf(post, "POST /last HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n");
  memset(post + n, 'b', sizeof post - (size_t)n);
  start(NULL);
  for (int count = 1; count <= COUNTS; count++) {
    struct texts texts;
    open_texts(&texts);
    test_context("%d requests", count);
    int fd = begin_with(count, &texts.want, (struct pie_str){post, sizeof post});
    add_answer(&texts.want, "/last", "");
    sleep_ms(30);
    read_all(fd, &texts.got);
    CHECK_INT(texts.got.n, texts.want.n);
    close(fd);
    close_texts(&texts);
  }
  test_context(NULL);
  served_stop(&served);
}

/* There is no room for it when its thread gives it up, the worker is told to stop, and only then
 * does its request end: with nothing further to do, the host must still remember it. */
static void a_held_answer_leaves_with_its_request(void) {
  served_send_buffer = 1; /* the least that there is, which is less than an answer */
  served_start(&served, SERVED_OURS, answer, NULL);
  struct texts texts;
  open_texts(&texts);
  CHECK_HAS(served_ask(&served, CLOSE), "/last"); /* it is up */
  int fd = served_connect_with_room(&served, 1);
  client_send(fd, "GET /nap HTTP/1.1\r\nHost: h\r\n\r\nGET /last HT");
  add_answer(&texts.want, "/nap", "");
  sleep_ms(200);
  kill(served.pid, SIGTERM);
  read_all(fd, &texts.got);
  CHECK(pie_str_equal(pie_buf_str(&texts.got), pie_buf_str(&texts.want)));
  CHECK_INT(texts.got.n, texts.want.n);
  close(fd);
  close_texts(&texts);
  CHECK_INT(served_wait(&served), 0);
}

static const struct test_case cases[] = {
    CASE(an_answer_beside_an_unread_body_is_whole),
    CASE(a_held_answer_leaves_with_its_request),
    CASE(a_client_that_reads_late_gets_all),
    CASE(a_client_that_reads_too_late_gets_no_garbage),
    CASE(a_client_that_goes_is_forgotten),
    CASE(a_stop_lets_held_answers_leave),
};
TEST_MAIN(cases)
