/* SPDX-License-Identifier: Apache-2.0
 *
 * The real host in a process of its own, with an extension that the test scripts in C, and a
 * client on the other side of a loopback socket. All it logs is kept.
 */
#ifndef PIE_TEST_SERVED_H
#define PIE_TEST_SERVED_H

#include "base/buf.h"
#include "harness/test.h"
#include "pyisapie/isapi.h"

#include <sys/types.h>

enum served_as {
  SERVED_PLAIN, /* an extension of somebody else: it runs on threads of the host */
  SERVED_OURS   /* it has HttpExtensionWarm and HttpExtensionIdle: it runs in place */
};

struct served {
  pid_t pid;
  int port;
  char log[600], access[600];
};

typedef DWORD (*served_proc)(EXTENSION_CONTROL_BLOCK *ecb);

/* settings: pairs of name and value, ended by NULL; strict-isapi is on unless they say otherwise.
 * The script runs in the new process, which has a copy of this one's memory. */
void served_start(struct served *served, enum served_as as, served_proc proc,
                  const char *const *settings);
/* Ends it as a supervisor would; its exit code must be 0, and no CHECK in it may have failed. */
void served_stop(struct served *served);
/* Waits for its end: what waitpid gave. */
int served_wait(struct served *served);
const char *served_log(const struct served *served);
const char *served_access_log(const struct served *served);
long served_memory_kib(const struct served *served); /* resident at most, so far */

/* What the script did outside requests, in the host's process. */
extern int served_warm_ms; /* how long HttpExtensionWarm takes */

/* For the next served_start: bytes that the system takes for each connection; 0: as it likes. */
extern int served_send_buffer;

/* ---- the client ---- */

int served_connect(const struct served *served);
/* The same, with so many bytes of room for what comes. */
int served_connect_with_room(const struct served *served, int room);
void client_send(int fd, const char *text);
void client_send_bytes(int fd, struct pie_str bytes);
/* One response: its text without the Date field, until its body is complete by its framing (or
 * the connection's end). The method of the request tells whether there is a body. */
const char *client_read(int fd, const char *method);
/* All until the end of the connection; "(reset)" is added when it was no orderly one. */
const char *client_read_all(int fd);
bool client_is_closed(int fd, int timeout_ms); /* nothing more comes, and it ends in time */
void client_expect(int fd, const char *method, const char *want);
/* A connection of its own: sends, reads to the end. */
const char *served_ask(const struct served *served, const char *text);

/* ---- for scripts ---- */

BOOL ext_head(EXTENSION_CONTROL_BLOCK *ecb, const char *status, const char *headers, bool keep);
BOOL ext_write(EXTENSION_CONTROL_BLOCK *ecb, const char *text);
BOOL ext_support(EXTENSION_CONTROL_BLOCK *ecb, DWORD code, void *buffer);
BOOL ext_done(EXTENSION_CONTROL_BLOCK *ecb, DWORD status);
/* One VECTOR_SEND: status and headers may be NULL; one memory element if there is a body. */
BOOL ext_vector(EXTENSION_CONTROL_BLOCK *ecb, const char *status, const char *headers,
                const char *body, DWORD flags);
/* 200 and a text with its length. */
DWORD ext_answer(EXTENSION_CONTROL_BLOCK *ecb, const char *text);
/* Runs the function on a thread of its own; what it returns is given to DONE_WITH_SESSION. */
DWORD ext_pend(EXTENSION_CONTROL_BLOCK *ecb, served_proc later);
bool ext_path_is(const EXTENSION_CONTROL_BLOCK *ecb, const char *path);
void sleep_ms(int ms);

#endif
