/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "isapi/response_out.h"

#include <stdio.h>

enum { ELEMENTS_MAX = PIE_PARTS_MAX + 4, FRAME_MAX = 24 };

struct vector {
  HSE_VECTOR_ELEMENT elements[ELEMENTS_MAX];
  DWORD count;
  char frame[FRAME_MAX]; /* "1f40\r\n" */
};

static void add_memory(struct vector *v, struct pie_str piece) {
  if (piece.n)
    v->elements[v->count++] = (HSE_VECTOR_ELEMENT){
        .ElementType = HSE_VECTOR_ELEMENT_TYPE_MEMORY_BUFFER,
        .pvContext = (PVOID)(uintptr_t)piece.p,
        .cbSize = piece.n,
    };
}

static void open_chunk(struct vector *v, uint64_t total) {
  int n = snprintf(v->frame, sizeof v->frame, "%llx\r\n", (unsigned long long)total);
  add_memory(v, (struct pie_str){v->frame, (size_t)n});
}

static void close_chunk(struct vector *v, uint64_t total, bool last) {
  if (total)
    add_memory(v, last ? PIE_STR("\r\n0\r\n\r\n") : PIE_STR("\r\n"));
  else if (last)
    add_memory(v, PIE_STR("0\r\n\r\n"));
}

static int deliver(struct pie_request *request, struct vector *v, bool last) {
  struct pie_response *response = &request->response;
  HSE_RESPONSE_VECTOR vector = {
      .dwFlags = HSE_IO_SYNC | HSE_IO_TRY_SKIP_CUSTOM_ERRORS,
      .nElementCount = v->count,
      .lpElementArray = v->elements,
  };
  if (response->state == PIE_RESPONSE_HELD) {
    if (pie_buf_add(&response->headers, PIE_STR("\r\n")))
      return -PIE_EGONE;
    vector.dwFlags |= HSE_IO_SEND_HEADERS;
    vector.pszStatus = response->status_text.p;
    vector.pszHeaders = response->headers.p;
    request->ecb->dwHttpStatusCode = (DWORD)response->status;
  }
  if (last)
    vector.dwFlags |=
        HSE_IO_FINAL_SEND | (response->keep ? 0 : (DWORD)HSE_IO_DISCONNECT_AFTER_SEND);
  else if (response->state == PIE_RESPONSE_HELD)
    pie_ecb_set_flush(request->ecb); /* a response in pieces is meant to arrive in pieces */
  /* What sends nothing might never complete. */
  bool sends = v->count || response->state == PIE_RESPONSE_HELD;
  int err = last && sends ? pie_io_send_last(request, &vector) : -PIE_ENOTSUP;
  if (err == -PIE_ENOTSUP)
    err = pie_ecb_vector_send(request->ecb, &vector);
  if (err == -PIE_ENOTSUP && response->state == PIE_RESPONSE_HELD) {
    response->headers.n -= 2;
    response->headers.p[response->headers.n] = '\0';
    return err;
  }
  if (err == -PIE_ENOTSUP && !v->count)
    return 0; /* nothing was to be sent but the end, which the host sees when the session ends */
  return err ? -PIE_EGONE : 0;
}

static int send_parts(struct pie_request *request, const struct pie_str *parts, size_t count,
                      size_t total, bool last) {
  struct vector v; /* its elements are as many as count says */
  v.count = 0;
  bool chunked = request->response.chunked;
  if (chunked && total)
    open_chunk(&v, total);
  for (size_t i = 0; i < count; i++)
    add_memory(&v, parts[i]);
  if (chunked)
    close_chunk(&v, total, last);
  return deliver(request, &v, last);
}

static int send_file(struct pie_request *request, intptr_t file, uint64_t offset, uint64_t length,
                     bool last) {
  struct vector v; /* its elements are as many as count says */
  v.count = 0;
  bool chunked = request->response.chunked;
  if (chunked)
    open_chunk(&v, length);
  v.elements[v.count++] = (HSE_VECTOR_ELEMENT){
      .ElementType = HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE,
      .pvContext = (PVOID)file,
      .cbOffset = offset,
      .cbSize = length,
  };
  if (chunked)
    close_chunk(&v, length, last);
  return deliver(request, &v, last);
}

const struct pie_response_out pie_response_vector = {send_parts, send_file};
