/* SPDX-License-Identifier: Apache-2.0
 *
 * Asynchronous operations of a request, where the host has them (IIS): one at a time.
 *
 * - A read is waited for. It is asynchronous because only then HSE_REQ_CLOSE_CONNECTION ends it.
 * - The last send of a response is not waited for: what it sends is kept, the application's thread
 *   serves the next request, and the completion ends the session.
 */
#ifndef PIE_ISAPI_IO_H
#define PIE_ISAPI_IO_H

#include "base/buf.h"
#include "isapi/ecb.h"
#include "platform/platform.h"

struct pie_request;

enum {
  PIE_IO_KEEP_MAX = 64 * 1024, /* bytes that a send keeps; more are sent while the thread waits */
  PIE_IO_ELEMENTS = 3          /* bytes, a file, bytes */
};

struct pie_io {
  struct pie_mutex lock; /* guards the next six */
  struct pie_cond done;
  bool active;   /* the host has an operation */
  bool parting;  /* which is the last one, that nobody waits for, */
  bool finished; /* and the request has been finished meanwhile */
  uint32_t bytes, error;

  /* What the last send sends: */
  HSE_RESPONSE_VECTOR vector;
  HSE_VECTOR_ELEMENT elements[PIE_IO_ELEMENTS];
  struct pie_buf kept;
  intptr_t file; /* -1: none */
};

void pie_io_init(struct pie_io *io);
void pie_io_free(struct pie_io *io);

/* Bytes read, 0 at the end, -PIE_EGONE; -PIE_ENOTSUP: the host cannot. */
int64_t pie_io_read(struct pie_request *request, void *buffer, size_t n);

/* Begins the last send, where the request has been left pending and the host is as IIS; of a file,
 * in our host, only where request->is_static. 0; -PIE_EGONE; -PIE_ENOTSUP: it must be sent
 * synchronously. */
int pie_io_send_last(struct pie_request *request, const HSE_RESPONSE_VECTOR *vector);

/* True: the last send goes on, and the request may be touched by its completion only once it has
 * been finished. */
bool pie_io_is_pending(struct pie_request *request);

/* The request is finished. True: its completion will call pie_request_end. */
bool pie_io_finishes(struct pie_request *request);

void pie_io_end(struct pie_io *io); /* the request is over: lets go of what was kept for it */

/* Has the server itself answer with what it has at url (NULL: at the request's own): 0 with the
 * status of that; -PIE_EGONE; -PIE_ENOTSUP; -PIE_ESTATE: another thread reads. */
int pie_io_pass_on(struct pie_request *request, const char *url, int *status);

#endif
