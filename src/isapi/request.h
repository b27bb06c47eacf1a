/* SPDX-License-Identifier: Apache-2.0
 *
 * One request in the door: what arrived, what is read of its body, and its response.
 */
#ifndef PIE_ISAPI_REQUEST_H
#define PIE_ISAPI_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/settings.h"
#include "isapi/ecb.h"
#include "isapi/io.h"
#include "isapi/quirks.h"
#include "pyisapie/engine.h"

struct pie_door;

enum {
  PIE_REQUEST_MEMORY_MAX = 32 * 1024 * 1024, /* arena of one request */
  PIE_RESPONSE_HEAD_MAX = 256 * 1024,        /* status and header fields of a response */
  PIE_REQUEST_HEADERS_MAX = 10000            /* fields taken from ALL_RAW */
};

/* How a response stands. */
enum pie_response_state {
  PIE_RESPONSE_NONE, /* no status yet */
  PIE_RESPONSE_HELD, /* status and headers are known, nothing has left */
  PIE_RESPONSE_SENT, /* they have left */
  PIE_RESPONSE_DONE, /* the body is complete */
  PIE_RESPONSE_BROKEN
};

struct pie_response_out;

struct pie_response {
  enum pie_response_state state;
  const struct pie_response_out *out; /* the way that the head has gone; NULL before */
  int status;
  struct pie_buf status_text; /* "200 OK" */
  struct pie_buf headers;     /* lines, without the last empty one */
  size_t framing_at;          /* where the lines that frame the body begin */
  int64_t length;             /* of the body, or -1 */
  int64_t sent;
  bool has_body; /* the status and the method allow one */
  bool framed;   /* how the body ends is decided, and said in the headers */
  bool chunked;  /* we frame the body ourselves */
  bool keep;     /* the connection may go on */
  bool cut;      /* more came than length allows; said once in the log */
  char complaint[256];
};

struct pie_request {
  struct pie_door *door;
  EXTENSION_CONTROL_BLOCK *ecb;
  struct pie_arena arena;
  struct pie_request_info info;
  struct pie_response response;
  int64_t body_read;   /* bytes of the body handed out */
  uint32_t ahead_used; /* bytes of lpbData handed out */
  struct pie_str
      early; /* bytes that were read before the application asked: pie_request_lost_body */
  bool body_ended, body_broken;
  struct pie_io io;
  bool pended;            /* finish() must end the session itself */
  bool is_static;         /* the door answers it, from a file */
  struct pie_str statics; /* the setting static of its site */
  uint32_t outcome;       /* HSE_STATUS_* when finished */
  char id[32];
  size_t id_length;
  struct pie_request *next; /* in the door's lists */
};

/* Fills in info from the control block. 0, or -PIE_ENOMEM when the request is too large for us. */
int pie_request_parse(struct pie_request *request, const struct pie_quirks *quirks,
                      const struct pie_settings *settings);

/* Ends the session of a request that was left pending; it is gone then. */
void pie_request_end(struct pie_request *request);

int64_t pie_request_read(struct pie_request *request, void *buffer, size_t capacity);

/* True when httpd has given up the body of a client that waits for "100 Continue". */
bool pie_request_lost_body(struct pie_request *request);

/* True when the request comes from this machine itself, and not by way of a proxy on it. */
bool pie_request_is_local(const struct pie_request *request);

/* The first header of that name (any case), or an empty slice. */
struct pie_str pie_request_header(const struct pie_request *request, struct pie_str name);

#endif
