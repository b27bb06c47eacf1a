/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit: answers whatever comes with one fixed response, by epoll and nothing else. Each
 * request is taken to end where its header ends; a read that holds several is answered at once.
 * usage: bare PORT
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, READ_SIZE = 64 * 1024, PIPELINE_MAX = 256 };

#define BODY "Hello, world!\n"

static const char answer[] =
    "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: bare\r\n"
    "Content-Type: text/plain\r\nContent-Length: 14\r\n\r\n" BODY;
enum { ANSWER_SIZE = sizeof answer - 1 };

/* At most PIPELINE_MAX. */
static size_t count_requests(const char *bytes, size_t n) {
  size_t count = 0;
  for (const char *at = bytes; count < PIPELINE_MAX; at += 4, count++)
    if (!(at = memmem(at, n - (size_t)(at - bytes), "\r\n\r\n", 4)))
      break;
  return count;
}

int main(int argc, char **argv) {
  static char buffer[READ_SIZE];
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port =
                                    htons((unsigned short)atoi(argc > 1 ? argv[1] : "8000")),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  static char answers[ANSWER_SIZE * PIPELINE_MAX];
  for (size_t i = 0; i < PIPELINE_MAX; i++)
    memcpy(answers + i * ANSWER_SIZE, answer, ANSWER_SIZE);
  int on = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 1024)) {
    perror("bare");
    return 1;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.fd = server}, events[EVENTS];
  epoll_ctl(poll, EPOLL_CTL_ADD, server, &event);
  for (;;) {
    int count = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == server) {
        int accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK);
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event.data.fd = accepted;
        epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event);
        continue;
      }
      ssize_t got = recv(fd, buffer, sizeof buffer, 0);
      size_t requests = got > 0 ? count_requests(buffer, (size_t)got) : 0;
      if (got <= 0 || send(fd, answers, ANSWER_SIZE * requests, MSG_NOSIGNAL) < 0)
        close(fd);
    }
  }
}
