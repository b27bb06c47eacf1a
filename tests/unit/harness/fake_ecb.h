/* SPDX-License-Identifier: Apache-2.0
 *
 * A scripted ISAPI host: it hands out a control block, records what the extension calls, and holds
 * it to the contract (ISAPI.md, sections 3, 4, 7 and 9). Breaches are told in breach.
 */
#ifndef PIE_TEST_FAKE_ECB_H
#define PIE_TEST_FAKE_ECB_H

#include "base/buf.h"
#include "base/str.h"
#include "pyisapie/isapi.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum fake_kind {
  FAKE_IIS,    /* VECTOR_SEND, PENDING, UNICODE_ variables */
  FAKE_OURS,   /* the same, but it calls itself pyisapie */
  FAKE_OLD,    /* neither vectors nor PENDING, and not mod_isapi */
  FAKE_APACHE, /* mod_isapi: NULL pointers, no vectors, the head is held back, 500 is refused */
};

struct fake_variable {
  const char *name;
  struct pie_str value; /* bytes; of a UNICODE_ variable the UTF-16 units, without a final one */
  bool is_wide;
  uint32_t error; /* instead of a value */
};

enum { FAKE_VARIABLES_MAX = 48 };

struct fake_host {
  EXTENSION_CONTROL_BLOCK ecb;
  enum fake_kind kind;
  char *text, *raw; /* the request's parts; ALL_RAW */

  /* The script. */
  struct fake_variable variables[FAKE_VARIABLES_MAX];
  size_t variable_count;
  struct pie_str body;
  size_t body_at;         /* where ReadClient goes on */
  size_t read_most;       /* bytes that one ReadClient gives; 0: as many as it is asked for */
  size_t body_cut;        /* bytes of the body that never come */
  bool read_fails_at_cut; /* there ReadClient is FALSE, not TRUE with 0 bytes */
  size_t write_most;      /* bytes that one WriteClient takes; 0: all */
  bool writes_nothing;    /* WriteClient is TRUE, but takes 0 bytes */
  int fail_at;            /* the n-th sending call fails, and all that follow; 0: none does */
  uint32_t fail_error;
  bool has_vector, has_transmit, has_completion;
  uint32_t vector_error;                    /* why VECTOR_SEND is refused without has_vector */
  bool keeps_last_error;                    /* FALSE leaves the last error as it is */
  const struct pie_isapi_request *shared;   /* HSE_REQ_PIE_REQUEST; NULL: refused */
  void (*exec_url)(struct fake_host *host); /* what EXEC_URL does before it is complete; or NULL */
  bool forgets_nul; /* GetServerVariable does not count and write the final NUL */
  bool holds_async; /* asynchronous operations wait for fake_complete() */

  /* What it saw. */
  PFN_HSE_IO_COMPLETION completion;
  PVOID completion_context;
  const char *breach;   /* the first one */
  struct pie_buf calls; /* a line for each sending call */
  struct pie_buf wire;  /* what the client gets */
  struct pie_buf held_status, held_headers;
  int sends, heads, flushes, closes, aborts, completions, asyncs, reads, variable_calls;
  bool head_given, is_final, apache_page, keep_conn, disconnects;
  const HSE_RESPONSE_VECTOR *held_vector; /* of an asynchronous operation that waits */
  LPVOID held_buffer;
  DWORD held_size;
  atomic_bool is_held;
  uint32_t outcome; /* of HttpExtensionProc or DONE_WITH_SESSION; 0: still open */

  pthread_mutex_t lock;
  pthread_cond_t ended;
  int done_calls; /* under the lock */
};

/* request is "METHOD /path?query HTTP/1.1\r\nName: value\r\n\r\nbody". All of the body is ahead
 * (lpbData) until fake_ahead says otherwise. */
void fake_open(struct fake_host *host, enum fake_kind kind, const char *request);
void fake_close(struct fake_host *host);
void fake_set_calls(EXTENSION_CONTROL_BLOCK *ecb); /* the four callbacks */

void fake_set(struct fake_host *host, const char *name, const char *value); /* NULL: unknown */
void fake_set_bytes(struct fake_host *host, const char *name, struct pie_str value);
void fake_set_wide(struct fake_host *host, const char *name, const uint16_t *units, size_t n);
void fake_set_error(struct fake_host *host, const char *name, uint32_t error);
void fake_ahead(struct fake_host *host, size_t n); /* of the body in lpbData */

/* The asynchronous operation that waits is done, or has failed. */
void fake_complete(struct fake_host *host, uint32_t error);

/* HttpExtensionProc has returned this: what is held back leaves. */
void fake_returned(struct fake_host *host, uint32_t outcome);
bool fake_wait_done(struct fake_host *host, int timeout_ms);

/* What a client makes of the wire: the body, without framing. */
enum fake_end {
  FAKE_WHOLE,   /* the client sees that it is complete */
  FAKE_CUT,     /* the client sees that something is missing */
  FAKE_BY_CLOSE /* it ends with the connection: nobody can tell */
};
enum fake_end fake_read_wire(const struct fake_host *host, struct pie_buf *body);

#endif
