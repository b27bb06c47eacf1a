/* SPDX-License-Identifier: Apache-2.0
 *
 * The extension control block, as calls with our errors. ecb.c is the only file that calls through
 * its function pointers.
 */
#ifndef PIE_ISAPI_ECB_H
#define PIE_ISAPI_ECB_H

#include "base/arena.h"
#include "base/str.h"
#include "pyisapie/isapi.h"

/* The value of a server variable, NUL-terminated, in buffer; its length, -PIE_ENOENT, or
 * -PIE_ETOOBIG with *size set to what is needed. */
int pie_ecb_variable(EXTENSION_CONTROL_BLOCK *ecb, const char *name, char *buffer, size_t *size);

/* The same in the arena: 0, -PIE_ENOENT, or -PIE_ETOOBIG when it has no room. */
int pie_ecb_variable_get(EXTENSION_CONTROL_BLOCK *ecb, const char *name, struct pie_arena *arena,
                         struct pie_str *out);

/* The same; empty when there is none or it has no room. */
struct pie_str pie_ecb_variable_copy(EXTENSION_CONTROL_BLOCK *ecb, const char *name,
                                     struct pie_arena *arena);

/* A UNICODE_ variable (IIS 6 and later) as UTF-8 in the arena; empty when there is none. */
struct pie_str pie_ecb_variable_wide(EXTENSION_CONTROL_BLOCK *ecb, const char *name,
                                     struct pie_arena *arena);

/* What our own host tells at once (HSE_REQ_PIE_REQUEST), or NULL. */
const struct pie_isapi_request *pie_ecb_shared(EXTENSION_CONTROL_BLOCK *ecb);

/* Bytes read, 0 at the end, -PIE_EGONE. Blocks. */
int64_t pie_ecb_read(EXTENSION_CONTROL_BLOCK *ecb, void *buffer, size_t n);

/* Writes all of it, synchronously; 0 or -PIE_EGONE. */
int pie_ecb_write(EXTENSION_CONTROL_BLOCK *ecb, const void *bytes, size_t n);

/* SEND_RESPONSE_HEADER_EX; both texts are NUL-terminated, headers ends with an empty line. */
int pie_ecb_send_headers(EXTENSION_CONTROL_BLOCK *ecb, struct pie_str status,
                         struct pie_str headers, bool keep);

/* VECTOR_SEND, as its flags say: 0, -PIE_ENOTSUP when the host has no such call, -PIE_EGONE. */
int pie_ecb_vector_send(EXTENSION_CONTROL_BLOCK *ecb, HSE_RESPONSE_VECTOR *vector);

/* TRANSMIT_FILE of a range, synchronously; 0, -PIE_ENOTSUP, -PIE_EGONE. */
int pie_ecb_transmit_file(EXTENSION_CONTROL_BLOCK *ecb, intptr_t file, uint32_t offset,
                          uint32_t length);

typedef void(WINAPI *pie_ecb_completion)(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                         DWORD error);

/* Who is told of the end of asynchronous operations; false: the host has none. */
bool pie_ecb_on_completion(EXTENSION_CONTROL_BLOCK *ecb, pie_ecb_completion function,
                           void *context);

/* These begin an operation: 0, -PIE_ENOTSUP, -PIE_EGONE. What they are given must last. */
int pie_ecb_read_async(EXTENSION_CONTROL_BLOCK *ecb, void *buffer, size_t n);
int pie_ecb_exec_url(EXTENSION_CONTROL_BLOCK *ecb, HSE_EXEC_URL_INFO *info);
int pie_ecb_exec_url_status(EXTENSION_CONTROL_BLOCK *ecb); /* after that; 0: it tells none */

/* The user's token, which is the host's and lasts as long as the request; 0: there is none. */
intptr_t pie_ecb_token(EXTENSION_CONTROL_BLOCK *ecb);

/* For the line of the host's own log. */
void pie_ecb_append_log(EXTENSION_CONTROL_BLOCK *ecb, const char *text);

bool pie_ecb_is_connected(EXTENSION_CONTROL_BLOCK *ecb);

/* True when requests may be left pending: the host accepts a completion routine. */
bool pie_ecb_can_pend(EXTENSION_CONTROL_BLOCK *ecb);

void pie_ecb_done(EXTENSION_CONTROL_BLOCK *ecb, uint32_t status);      /* the ECB is gone then */
void pie_ecb_set_flush(EXTENSION_CONTROL_BLOCK *ecb);                  /* no response buffering */
bool pie_ecb_unhealthy(EXTENSION_CONTROL_BLOCK *ecb, const char *why); /* replace this process */
bool pie_ecb_close(EXTENSION_CONTROL_BLOCK *ecb);     /* drops the connection, where the host can */
void pie_ecb_break_off(EXTENSION_CONTROL_BLOCK *ecb); /* that, by a reset also where no read is
                                                         pending, once the session is done */

#endif
