/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/io.h"

#include "base/error.h"
#include "isapi/door.h"

void pie_io_init(struct pie_io *io) {
  pie_mutex_init(&io->lock);
  pie_cond_init(&io->done);
  pie_buf_init(&io->kept, PIE_IO_KEEP_MAX);
  io->file = -1;
}

void pie_io_free(struct pie_io *io) {
  pie_buf_free(&io->kept);
  pie_cond_destroy(&io->done);
  pie_mutex_destroy(&io->lock);
}

static void let_go(struct pie_io *io) {
  if (io->file != -1)
    pie_file_close(io->file);
  io->file = -1;
  pie_buf_clear(&io->kept);
}

/* On any thread of the host's, and it may be before the call that began the operation is back. */
static void WINAPI on_completion(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                 DWORD error) {
  struct pie_request *request = context;
  struct pie_io *io = &request->io;
  (void)ecb;
  pie_mutex_lock(&io->lock);
  io->active = false;
  io->bytes = bytes;
  io->error = error;
  bool ends = io->parting && io->finished;
  pie_cond_broadcast(&io->done);
  pie_mutex_unlock(&io->lock);
  if (!ends)
    return; /* request is its owner's from here on */
  if (error)
    request->outcome = HSE_STATUS_ERROR;
  pie_request_end(request);
}

/* The host has refused the operation. */
static void cancel(struct pie_io *io) {
  pie_mutex_lock(&io->lock);
  io->active = io->parting = false;
  pie_cond_broadcast(&io->done);
  pie_mutex_unlock(&io->lock);
}

static int wait_for(struct pie_io *io) {
  pie_mutex_lock(&io->lock);
  while (io->active)
    pie_cond_wait(&io->done, &io->lock);
  int err = io->error ? -PIE_EGONE : 0;
  pie_mutex_unlock(&io->lock);
  return err;
}

/* 0; -PIE_ENOTSUP; -PIE_ESTATE: the host has an operation of another thread's. */
static int begin(struct pie_request *request, bool parting) {
  struct pie_io *io = &request->io;
  if (!pie_door_quirks(request->door)->async && !parting)
    return -PIE_ENOTSUP;
  pie_mutex_lock(&io->lock);
  bool is_free = !io->active;
  if (is_free) {
    io->active = true;
    io->parting = parting;
    io->finished = false;
  }
  pie_mutex_unlock(&io->lock);
  if (!is_free)
    return -PIE_ESTATE;
  if (pie_ecb_on_completion(request->ecb, on_completion, request))
    return 0;
  cancel(io);
  return -PIE_ENOTSUP;
}

/* An application may read on when the last send has begun, as in close() of what it returned. */
static int after_last_send(struct pie_request *request) {
  struct pie_io *io = &request->io;
  pie_mutex_lock(&io->lock);
  while (io->parting && io->active)
    pie_cond_wait(&io->done, &io->lock);
  bool failed = io->parting && io->error;
  pie_mutex_unlock(&io->lock);
  if (failed)
    request->response.state = PIE_RESPONSE_BROKEN;
  return failed ? -PIE_EGONE : 0;
}

int64_t pie_io_read(struct pie_request *request, void *buffer, size_t n) {
  int err = after_last_send(request);
  err = err ? err : begin(request, false);
  if (err)
    return err == -PIE_ESTATE ? -PIE_EGONE : err;
  err = pie_ecb_read_async(request->ecb, buffer, n);
  if (err) {
    cancel(&request->io);
    return err;
  }
  err = wait_for(&request->io);
  return err ? err : (int64_t)request->io.bytes;
}

/* ---- the last send ---- */

static bool add_bytes(struct pie_io *io, const HSE_VECTOR_ELEMENT *from, bool joins) {
  struct pie_str piece = {(const char *)from->pvContext + from->cbOffset, (size_t)from->cbSize};
  size_t at = io->kept.n;
  if (pie_buf_add(&io->kept, piece))
    return false;
  if (joins)
    io->elements[io->vector.nElementCount - 1].cbSize += piece.n;
  else
    io->elements[io->vector.nElementCount++] = (HSE_VECTOR_ELEMENT){
        .ElementType = HSE_VECTOR_ELEMENT_TYPE_MEMORY_BUFFER, .cbOffset = at, .cbSize = piece.n};
  return true;
}

static bool add_file(struct pie_io *io, const HSE_VECTOR_ELEMENT *from) {
  io->file = pie_file_reopen((intptr_t)from->pvContext);
  HSE_VECTOR_ELEMENT *element = &io->elements[io->vector.nElementCount++];
  *element = *from;
  element->pvContext = (PVOID)io->file;
  return io->file != -1;
}

/* A copy of all that the vector sends. False: it is too much. */
static bool keep(struct pie_io *io, const HSE_RESPONSE_VECTOR *vector) {
  bool good = true, joins = false;
  io->vector = *vector;
  io->vector.nElementCount = 0;
  io->vector.lpElementArray = io->elements;
  for (DWORD i = 0; i < vector->nElementCount && good; i++) {
    const HSE_VECTOR_ELEMENT *from = &vector->lpElementArray[i];
    bool is_file = from->ElementType == HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE;
    good = (joins && !is_file) || io->vector.nElementCount < PIE_IO_ELEMENTS;
    good = good && (is_file ? io->file == -1 && add_file(io, from) : add_bytes(io, from, joins));
    joins = !is_file;
  }
  for (DWORD i = 0; i < io->vector.nElementCount; i++) {
    HSE_VECTOR_ELEMENT *element = &io->elements[i];
    if (element->ElementType == HSE_VECTOR_ELEMENT_TYPE_MEMORY_BUFFER) {
      element->pvContext = io->kept.p + element->cbOffset; /* which may have moved meanwhile */
      element->cbOffset = 0;
    }
  }
  return good;
}

/* In our host a thread that waits costs less than a copy and a completion. But a client may take
 * long for a file, and the thread that serves it has others to serve. */
static bool may_leave(const struct pie_request *request, const HSE_RESPONSE_VECTOR *vector) {
  bool is_file = vector->nElementCount == 1 &&
                 vector->lpElementArray->ElementType == HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE;
  return request->pended &&
         (pie_door_quirks(request->door)->async || (request->is_static && is_file));
}

int pie_io_send_last(struct pie_request *request, const HSE_RESPONSE_VECTOR *vector) {
  struct pie_io *io = &request->io;
  if (!may_leave(request, vector))
    return -PIE_ENOTSUP;
  /* Not where a thread of the application's still reads, either. */
  if (!keep(io, vector) || begin(request, true)) {
    let_go(io);
    return -PIE_ENOTSUP;
  }
  io->vector.dwFlags = (io->vector.dwFlags & ~(DWORD)HSE_IO_SYNC) | HSE_IO_ASYNC;
  int err = pie_ecb_vector_send(request->ecb, &io->vector);
  if (err) {
    cancel(io);
    let_go(io);
  }
  return err;
}

bool pie_io_is_pending(struct pie_request *request) {
  struct pie_io *io = &request->io;
  pie_mutex_lock(&io->lock);
  bool pending = io->parting && io->active;
  pie_mutex_unlock(&io->lock);
  return pending;
}

bool pie_io_finishes(struct pie_request *request) {
  struct pie_io *io = &request->io;
  pie_mutex_lock(&io->lock);
  bool pending = io->parting && io->active;
  io->finished = pending;
  if (io->parting && !pending && io->error)
    request->outcome = HSE_STATUS_ERROR;
  pie_mutex_unlock(&io->lock);
  return pending;
}

void pie_io_end(struct pie_io *io) {
  io->parting = false;
  let_go(io);
}

/* ---- EXEC_URL ---- */

int pie_io_pass_on(struct pie_request *request, const char *url, int *status) {
  HSE_EXEC_URL_INFO info = {.pszUrl = (LPSTR)(uintptr_t)url,
                            .dwExecUrlFlags = HSE_EXEC_URL_IGNORE_CURRENT_INTERCEPTOR};
  int err = begin(request, false);
  if (err)
    return err;
  err = pie_ecb_exec_url(request->ecb, &info);
  if (err)
    cancel(&request->io);
  err = err ? err : wait_for(&request->io);
  if (!err)
    *status = pie_ecb_exec_url_status(request->ecb);
  return err;
}
