/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1 requests out of bytes: llhttp, with limits and what RFC 9112 asks of a server beyond
 * syntax. Pure: no sockets, no clock.
 */
#ifndef PIE_HTTP_PARSER_H
#define PIE_HTTP_PARSER_H

#include "base/buf.h"
#include "base/str.h"

#include <llhttp.h>

struct pie_http_limits {
  size_t line;   /* bytes of the request target */
  size_t fields; /* bytes of all header fields */
  size_t count;  /* header fields */
  int64_t body;  /* bytes of a body; 0: no limit */
};

struct pie_http_field {
  uint32_t name, name_length, value, value_length; /* places in fields */
};

enum pie_http_event {
  PIE_HTTP_MORE,    /* all bytes were used */
  PIE_HTTP_HEADERS, /* the request line and header fields are complete */
  PIE_HTTP_END,     /* so is the body, with its trailers */
  PIE_HTTP_BAD      /* see status and reason; the connection cannot be used further */
};

struct pie_http_parser {
  llhttp_t llhttp;
  struct pie_http_limits limits;
  /* Takes body bytes as they come; 0, or an HTTP status to refuse with. */
  int (*on_body)(void *context, const char *bytes, size_t n);
  void *context;

  struct pie_buf method, target;
  struct pie_buf raw; /* "Name: value\r\n", as ALL_RAW gives it */
  struct pie_http_field *fields;
  size_t field_count, field_capacity;

  bool in_value, headers_done, message_done, has_seen_bytes;
  size_t field_bytes; /* with trailers */
  size_t framing;     /* bytes since the message or its last body byte that are none of the body */
  const char *mark;   /* what is before it is counted in framing */
  char protocol[8];   /* "HTTP" */
  size_t protocol_size;
  int64_t body_bytes;
  int status;         /* of BAD */
  const char *reason; /* of BAD: a sentence */

  /* After HEADERS: */
  int minor; /* HTTP/1.minor */
  bool chunked, keep_alive, expects_continue;
  int64_t content_length; /* -1: none */
  struct pie_str path;    /* of the target, encoded, without the query */
  struct pie_str query;
  struct pie_str authority; /* of an absolute target; else empty */
};

void pie_http_init(struct pie_http_parser *parser, const struct pie_http_limits *limits,
                   int (*on_body)(void *, const char *, size_t), void *context);
void pie_http_free(struct pie_http_parser *parser);
void pie_http_next(struct pie_http_parser *parser); /* after END: the next request */

/* Uses bytes up to the next event; *used tells how many. */
enum pie_http_event pie_http_feed(struct pie_http_parser *parser, const char *bytes, size_t n,
                                  size_t *used);

struct pie_str pie_http_name(const struct pie_http_parser *parser, size_t index);
struct pie_str pie_http_value(const struct pie_http_parser *parser, size_t index);
/* The first field of that name, in any case; false: none. */
bool pie_http_find(const struct pie_http_parser *parser, struct pie_str name,
                   struct pie_str *value);

/* Adds a field of ours, beyond the limits of the client's: 0 or -PIE_ENOMEM, -PIE_ETOOBIG. */
int pie_http_add(struct pie_http_parser *parser, struct pie_str name, struct pie_str value);

/* The standard reason of a status the host itself gives; never NULL. */
const char *pie_http_reason(int status);

#endif
