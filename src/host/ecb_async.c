/* SPDX-License-Identifier: Apache-2.0
 *
 * Asynchronous operations: each is done at once on a thread of its own, then told.
 */
#include "host/ecb.h"

#include <stdlib.h>
#include <string.h>

enum { ASYNC_STACK = 256 * 1024 };

static char *keep_text(char **at, const char *text, size_t size) {
  char *kept = *at;
  if (!text)
    return NULL;
  memcpy(kept, text, size);
  *at += size;
  return kept;
}

struct pie_kept_vector *pie_block_keep(const HSE_RESPONSE_VECTOR *v) {
  size_t elements = v->nElementCount * sizeof *v->lpElementArray;
  size_t status = v->pszStatus ? strlen(v->pszStatus) + 1 : 0;
  size_t headers = v->pszHeaders ? strlen(v->pszHeaders) + 1 : 0;
  struct pie_kept_vector *kept = malloc(sizeof *kept + elements + status + headers);
  if (!kept)
    return NULL;
  char *at = (char *)kept->elements + elements;
  kept->vector = *v;
  kept->vector.lpElementArray = kept->elements;
  if (elements)
    memcpy(kept->elements, v->lpElementArray, elements);
  kept->vector.pszStatus = keep_text(&at, v->pszStatus, status);
  kept->vector.pszHeaders = keep_text(&at, v->pszHeaders, headers);
  return kept;
}

static bool do_async(const struct pie_async *a, DWORD *size) {
  struct pie_exchange *x = a->x;
  *size = a->size;
  if (pie_fault_client_goes(x))
    return false;
  switch (a->what) {
  case PIE_ASYNC_WRITE:
    return pie_block_write_now(x, a->buffer, size);
  case PIE_ASYNC_READ: {
    if (pie_fault(x, 4) && *size)
      *size = 1 + pie_fault_number(x, *size < 8 ? *size : 8);
    int64_t got = pie_body_read(x, a->buffer, *size);
    *size = got > 0 ? (DWORD)got : 0;
    return got >= 0;
  }
  case PIE_ASYNC_FILE:
    return pie_block_file_now(a);
  case PIE_ASYNC_REST:
    return pie_output_file(x, a->file, a->offset, a->length) == 0;
  case PIE_ASYNC_VECTOR:
    return pie_block_vector_now(x, &a->vector->vector);
  case PIE_ASYNC_URL:
    return pie_iis_exec_url(x, a->buffer) == 0;
  case PIE_ASYNC_ERROR:
    pie_output_refusal(x, (int)a->size, a->buffer);
    return true;
  }
  return false;
}

static void run_async(void *arg) {
  struct pie_async a = *(struct pie_async *)arg;
  DWORD size;
  free(arg);
  if (pie_fault(a.x, 4))
    pie_thread_sleep_ms((int)pie_fault_number(a.x, 5));
  bool good = do_async(&a, &size);
  free(a.vector);
  DWORD error = atomic_load(&a.x->cancelled) ? ERROR_OPERATION_ABORTED : ERROR_NETNAME_DELETED;
  atomic_store(&a.x->io_active, false);
  if (a.completion)
    a.completion(&a.x->ecb, a.context, good ? size : 0, good ? 0 : error);
  pie_exchange_io_end(a.x, a.ios);
}

BOOL pie_block_start(struct pie_async what) {
  struct pie_exchange *x = what.x;
  struct pie_thread thread;
  if (!what.completion)
    return pie_block_breach(x, "an asynchronous operation without HSE_REQ_IO_COMPLETION");
  if (atomic_exchange(&x->io_active, true))
    return pie_block_breach(x, "a second asynchronous operation while one is pending");
  atomic_store(&x->cancelled, false);
  bool early = pie_fault(x, 4); /* it completes before this call is back, */
  if (pie_fault(x, 30)) {       /* or is not begun at all */
    atomic_store(&x->io_active, false);
    return pie_block_refuse(ERROR_NETNAME_DELETED);
  }
  struct pie_async *copy = malloc(sizeof *copy);
  what.ios = copy ? pie_exchange_io_begin(x) : NULL;
  if (what.ios) {
    *copy = what;
    if (pie_thread_start(&thread, ASYNC_STACK, run_async, copy) == 0) {
      if (early)
        pie_thread_join(&thread);
      else
        pie_thread_detach(&thread);
      return TRUE;
    }
  }
  free(copy);
  atomic_store(&x->io_active, false);
  if (what.ios)
    pie_exchange_io_end(x, what.ios);
  return pie_block_refuse(ERROR_INVALID_PARAMETER);
}

/* The rest of a file, on a thread of its own; here, if there can be none. */
BOOL pie_block_start_rest(struct pie_async what) {
  struct pie_thread thread;
  struct pie_async *copy = malloc(sizeof *copy);
  what.ios = copy ? pie_exchange_io_begin(what.x) : NULL;
  if (!what.ios) {
    free(copy);
    return pie_block_refuse(ERROR_NETNAME_DELETED);
  }
  *copy = what;
  atomic_store(&what.x->cancelled, false);
  atomic_store(&what.x->io_active, true);
  if (pie_thread_start(&thread, ASYNC_STACK, run_async, copy) == 0)
    pie_thread_detach(&thread);
  else
    run_async(copy);
  return TRUE;
}
