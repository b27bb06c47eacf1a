/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the extension control block share: ecb.c (the callbacks), ecb_send.c (all ways
 * of sending), ecb_async.c (asynchronous operations).
 */
#ifndef PIE_HOST_ECB_H
#define PIE_HOST_ECB_H

#include "host/host.h"

BOOL pie_block_refuse(uint32_t code); /* FALSE, with this as the last error */

/* A breach of the contract ends the process in strict mode and is refused otherwise. */
BOOL pie_block_breach(struct pie_exchange *x, const char *what);

static inline bool pie_block_is_running(struct pie_exchange *x) {
  return atomic_load(&x->state) == PIE_X_RUNNING;
}

/* A vector that is sent asynchronously: the extension's own may lie on a stack, and only what its
 * elements point to stays until the completion. */
struct pie_kept_vector {
  HSE_RESPONSE_VECTOR vector;
  HSE_VECTOR_ELEMENT elements[];
};

/* An asynchronous operation: done at once on a thread of its own, then told. */
struct pie_async {
  struct pie_exchange *x;
  struct pie_ios *ios;
  void *buffer;
  DWORD size;
  intptr_t file;
  uint64_t offset;
  struct pie_kept_vector *vector;
  uint64_t length;                /* of PIE_ASYNC_FILE and PIE_ASYNC_REST */
  struct pie_span before, behind; /* PIE_ASYNC_FILE */
  enum {
    PIE_ASYNC_WRITE,
    PIE_ASYNC_READ,
    PIE_ASYNC_FILE,
    PIE_ASYNC_REST,
    PIE_ASYNC_VECTOR,
    PIE_ASYNC_URL,
    PIE_ASYNC_ERROR
  } what;
  PFN_HSE_IO_COMPLETION completion;
  PVOID context;
};

BOOL pie_block_start(struct pie_async what); /* with a completion: on a thread of its own */
BOOL pie_block_start_rest(struct pie_async what); /* a file's rest; here, if there is no thread */
struct pie_kept_vector *pie_block_keep(const HSE_RESPONSE_VECTOR *vector); /* NULL: out of memory */

/* What has been checked, at once; they wait for the client. */
BOOL pie_block_write_now(struct pie_exchange *x, const void *bytes, DWORD *size);
BOOL pie_block_vector_now(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *vector);
bool pie_block_file_now(const struct pie_async *file); /* PIE_ASYNC_FILE */

/* The callbacks that send. */
BOOL WINAPI pie_block_write_client(HCONN id, LPVOID buffer, LPDWORD size, DWORD flags);
BOOL pie_block_send_head(struct pie_exchange *x, struct pie_str status, struct pie_str headers);
BOOL pie_block_send_header_ex(struct pie_exchange *x, const HSE_SEND_HEADER_EX_INFO *info);

/* HSE_REQ_SEND_RESPONSE_HEADER: the body, or its beginning, may come behind the empty line. */
BOOL pie_block_send_head_and_more(struct pie_exchange *x, struct pie_str status,
                                  struct pie_str block);
BOOL pie_block_vector_send(struct pie_exchange *x, const HSE_RESPONSE_VECTOR *vector);
BOOL pie_block_transmit_file(struct pie_exchange *x, const HSE_TF_INFO *info);

#endif
