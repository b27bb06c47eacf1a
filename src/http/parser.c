/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parser.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

enum { METHOD_MAX = 64, FIELDS_FIRST = 32, FRAMING_SLACK = 8 * 1024 };

static int bad(struct pie_http_parser *p, int status, const char *reason) {
  if (!p->status) {
    p->status = status;
    p->reason = reason;
  }
  return HPE_USER;
}

static struct pie_http_parser *of(llhttp_t *llhttp) { return llhttp->data; }

static int on_method(llhttp_t *llhttp, const char *at, size_t n) {
  struct pie_http_parser *p = of(llhttp);
  return pie_buf_append(&p->method, at, n) ? bad(p, 501, "The method is too long.") : 0;
}

/* llhttp knows others, too. */
static int on_protocol(llhttp_t *llhttp, const char *at, size_t n) {
  struct pie_http_parser *p = of(llhttp);
  if (n > sizeof p->protocol - p->protocol_size)
    return bad(p, 400, "The protocol is not HTTP.");
  memcpy(p->protocol + p->protocol_size, at, n);
  p->protocol_size += n;
  return 0;
}

static int on_protocol_complete(llhttp_t *llhttp) {
  struct pie_http_parser *p = of(llhttp);
  struct pie_str protocol = {p->protocol, p->protocol_size};
  return pie_str_equal(protocol, PIE_STR("HTTP")) ? 0 : bad(p, 400, "The protocol is not HTTP.");
}

static int on_url(llhttp_t *llhttp, const char *at, size_t n) {
  struct pie_http_parser *p = of(llhttp);
  if (n > p->limits.line - p->target.n)
    return bad(p, 414, "The request target is longer than the setting request-line-limit.");
  return pie_buf_append(&p->target, at, n) ? bad(p, 503, "Out of memory.") : 0;
}

static int count_field_bytes(struct pie_http_parser *p, size_t n) {
  p->field_bytes += n;
  if (p->field_bytes > p->limits.fields)
    return bad(p, 431, "The header fields are larger than the setting header-limit.");
  return 0;
}

/* Room for one more. */
static int reserve_field(struct pie_http_parser *p) {
  if (p->field_count < p->field_capacity)
    return 0;
  size_t capacity = p->field_capacity ? p->field_capacity * 2 : FIELDS_FIRST;
  struct pie_http_field *fields = realloc(p->fields, capacity * sizeof *fields);
  if (!fields)
    return -PIE_ENOMEM;
  p->fields = fields;
  p->field_capacity = capacity;
  return 0;
}

static int open_field(struct pie_http_parser *p) {
  if (p->field_count >= p->limits.count)
    return bad(p, 431, "There are more header fields than the setting header-count-limit.");
  if (reserve_field(p))
    return bad(p, 503, "Out of memory.");
  p->fields[p->field_count++] = (struct pie_http_field){.name = (uint32_t)p->raw.n};
  return 0;
}

int pie_http_add(struct pie_http_parser *p, struct pie_str name, struct pie_str value) {
  struct pie_http_field field = {.name = (uint32_t)p->raw.n,
                                 .name_length = (uint32_t)name.n,
                                 .value = (uint32_t)(p->raw.n + name.n + 2),
                                 .value_length = (uint32_t)value.n};
  int err = reserve_field(p);
  err = err ? err : pie_buf_add(&p->raw, name);
  err = err ? err : pie_buf_adds(&p->raw, ": ");
  err = err ? err : pie_buf_add(&p->raw, value);
  err = err ? err : pie_buf_adds(&p->raw, "\r\n");
  if (!err)
    p->fields[p->field_count++] = field;
  return err;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t n) {
  struct pie_http_parser *p = of(llhttp);
  int err = count_field_bytes(p, n);
  if (err || p->headers_done)
    return err; /* trailers are counted and dropped */
  if (p->in_value || !p->field_count) {
    p->in_value = false;
    err = open_field(p);
    if (err)
      return err;
  }
  p->fields[p->field_count - 1].name_length += (uint32_t)n;
  return pie_buf_append(&p->raw, at, n) ? bad(p, 503, "Out of memory.") : 0;
}

static int open_value(struct pie_http_parser *p) {
  if (p->in_value)
    return 0;
  p->in_value = true;
  if (pie_buf_adds(&p->raw, ": "))
    return bad(p, 503, "Out of memory.");
  p->fields[p->field_count - 1].value = (uint32_t)p->raw.n;
  return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t n) {
  struct pie_http_parser *p = of(llhttp);
  int err = count_field_bytes(p, n);
  if (err || p->headers_done)
    return err;
  err = open_value(p);
  if (err)
    return err;
  p->fields[p->field_count - 1].value_length += (uint32_t)n;
  return pie_buf_append(&p->raw, at, n) ? bad(p, 503, "Out of memory.") : 0;
}

static int on_value_complete(llhttp_t *llhttp) {
  struct pie_http_parser *p = of(llhttp);
  if (p->headers_done)
    return 0;
  int err = open_value(p); /* an empty value has no bytes of its own */
  if (err)
    return err;
  struct pie_http_field *field = &p->fields[p->field_count - 1];
  struct pie_str value = {p->raw.p + field->value, field->value_length};
  struct pie_str kept = pie_str_trim(value);
  p->raw.n = field->value + (size_t)(kept.p - value.p) + kept.n;
  field->value += (uint32_t)(kept.p - value.p);
  field->value_length = (uint32_t)kept.n;
  return pie_buf_adds(&p->raw, "\r\n") ? bad(p, 503, "Out of memory.") : 0;
}

struct pie_str pie_http_name(const struct pie_http_parser *p, size_t i) {
  return (struct pie_str){p->raw.p + p->fields[i].name, p->fields[i].name_length};
}

struct pie_str pie_http_value(const struct pie_http_parser *p, size_t i) {
  return (struct pie_str){p->raw.p + p->fields[i].value, p->fields[i].value_length};
}

bool pie_http_find(const struct pie_http_parser *p, struct pie_str name, struct pie_str *value) {
  for (size_t i = 0; i < p->field_count; i++) {
    if (pie_str_equal_nocase(pie_http_name(p, i), name)) {
      *value = pie_http_value(p, i);
      return true;
    }
  }
  return false;
}

/* RFC 3986, 3.2.2 and 3.2.3: the characters of host and port */
static const bool host_bytes[256] = {
    ['!'] = true, ['$'] = true, ['%'] = true,         ['&'] = true,         ['\''] = true,
    ['('] = true, [')'] = true, ['*'] = true,         ['+'] = true,         ['-'] = true,
    ['.'] = true, [':'] = true, ['='] = true,         ['['] = true,         [']'] = true,
    ['_'] = true, ['~'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

static bool is_host(struct pie_str text) {
  for (size_t i = 0; i < text.n; i++) {
    if (!host_bytes[(unsigned char)text.p[i]])
      return false;
  }
  return true;
}

/* RFC 9112, 3.2: one Host in HTTP/1.1, and what it holds must be able to be one. */
static int check_host(struct pie_http_parser *p) {
  size_t hosts = 0;
  for (size_t i = 0; i < p->field_count; i++) {
    if (!pie_str_equal_nocase(pie_http_name(p, i), PIE_STR("Host")))
      continue;
    hosts++;
    if (!is_host(pie_http_value(p, i)))
      return bad(p, 400, "The Host field is malformed.");
  }
  if (hosts > 1 || (hosts == 0 && p->minor == 1))
    return bad(p, 400, "There must be exactly one Host field.");
  return 0;
}

/* llhttp refuses two lengths, and a length beside chunked. What is left: codings that we do not
 * know, which would make the body's end a matter of opinion. */
static int check_framing(struct pie_http_parser *p) {
  size_t codings = 0, lengths = 0;
  for (size_t i = 0; i < p->field_count; i++) {
    struct pie_str name = pie_http_name(p, i);
    lengths += pie_str_equal_nocase(name, PIE_STR("Content-Length"));
    if (!pie_str_equal_nocase(name, PIE_STR("Transfer-Encoding")))
      continue;
    codings++;
    if (!pie_str_equal_nocase(pie_http_value(p, i), PIE_STR("chunked")))
      return bad(p, 501, "The only transfer coding known here is chunked.");
  }
  if (codings > 1 || lengths > 1 || (codings && lengths) || (codings && p->minor == 0))
    return bad(p, 400, "The length of the body is ambiguous.");
  p->chunked = codings == 1;
  p->content_length = lengths ? (int64_t)p->llhttp.content_length : -1;
  if (lengths && p->llhttp.content_length > INT64_MAX)
    return bad(p, 400, "The Content-Length is out of range.");
  if (p->limits.body && p->content_length > p->limits.body)
    return bad(p, 413, "The body is larger than the setting body-limit.");
  return 0;
}

/* RFC 9112, 3.2: origin-form, absolute-form, and * for OPTIONS. */
static int split_target(struct pie_http_parser *p) {
  struct pie_str target = pie_buf_str(&p->target);
  p->authority = PIE_STR("");
  if (!pie_str_starts(target, PIE_STR("/"))) {
    size_t scheme = pie_str_starts_nocase(target, PIE_STR("http://"))    ? 7
                    : pie_str_starts_nocase(target, PIE_STR("https://")) ? 8
                                                                         : 0;
    bool star = pie_str_equal(target, PIE_STR("*")) &&
                pie_str_equal(pie_buf_str(&p->method), PIE_STR("OPTIONS"));
    if (!scheme && !star)
      return bad(p, 400, "The request target is malformed.");
    target.p += scheme;
    target.n -= scheme;
    size_t end = 0;
    while (scheme && end < target.n && target.p[end] != '/' && target.p[end] != '?')
      end++;
    if (scheme && (!end || !is_host((struct pie_str){target.p, end})))
      return bad(p, 400, "The request target is malformed.");
    p->authority = (struct pie_str){target.p, end};
    target.p += end;
    target.n -= end;
  }
  p->query = target;
  p->path = pie_str_cut(&p->query, '?');
  if (!p->path.n)
    p->path = PIE_STR("/");
  if (memchr(p->target.p, '#', p->target.n))
    return bad(p, 400, "The request target holds a fragment.");
  return 0;
}

static int on_headers_complete(llhttp_t *llhttp) {
  struct pie_http_parser *p = of(llhttp);
  struct pie_str expect;
  p->headers_done = true;
  p->minor = llhttp->http_minor;
  llhttp->upgrade = 0; /* offers are ignored: the request is an ordinary one (RFC 9110, 7.8) */
  if (llhttp->http_major != 1 || llhttp->http_minor > 1)
    return bad(p, 505, "HTTP/1.0 and HTTP/1.1 are spoken here.");
  if (llhttp->method == HTTP_CONNECT)
    return bad(p, 501, "This is not a proxy.");
  int err = split_target(p);
  err = err ? err : check_host(p);
  err = err ? err : check_framing(p);
  if (err)
    return err;
  p->keep_alive = llhttp_should_keep_alive(llhttp);
  if (p->minor == 1 && pie_http_find(p, PIE_STR("Expect"), &expect)) {
    if (!pie_str_equal_nocase(expect, PIE_STR("100-continue")))
      return bad(p, 417, "The only expectation known here is 100-continue.");
    p->expects_continue = p->chunked || p->content_length > 0;
  }
  return HPE_PAUSED;
}

/* What is neither a field nor body has a limit as well: blanks, chunk sizes, chunk extensions. */
static int count_framing(struct pie_http_parser *p, const char *end) {
  size_t limit = p->limits.fields + p->limits.count * 4 + FRAMING_SLACK;
  p->framing += (size_t)(end - p->mark);
  p->mark = end;
  if (p->headers_done)
    return p->framing > limit ? bad(p, 400, "The chunks are framed by too many bytes.") : 0;
  return p->framing > limit + p->limits.line
             ? bad(p, 431, "The request's head is larger than its limits together.")
             : 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t n) {
  struct pie_http_parser *p = of(llhttp);
  int err = count_framing(p, at);
  if (err)
    return err;
  p->framing = 0;
  p->mark = at + n;
  p->body_bytes += (int64_t)n;
  if (p->limits.body && p->body_bytes > p->limits.body)
    return bad(p, 413, "The body is larger than the setting body-limit.");
  int status = p->on_body(p->context, at, n);
  return status ? bad(p, status, "The body cannot be taken.") : 0;
}

static int on_message_complete(llhttp_t *llhttp) {
  of(llhttp)->message_done = true;
  return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_method = on_method,
    .on_protocol = on_protocol,
    .on_protocol_complete = on_protocol_complete,
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void pie_http_init(struct pie_http_parser *p, const struct pie_http_limits *limits,
                   int (*take_body)(void *, const char *, size_t), void *context) {
  *p = (struct pie_http_parser){.limits = *limits, .on_body = take_body, .context = context};
  pie_buf_init(&p->method, METHOD_MAX);
  pie_buf_init(&p->target, limits->line);
  pie_buf_init(&p->raw, limits->fields + limits->count * 4 + limits->line + 64);
  llhttp_init(&p->llhttp, HTTP_REQUEST, &callbacks);
  p->llhttp.data = p;
  p->content_length = -1;
}

void pie_http_free(struct pie_http_parser *p) {
  pie_buf_free(&p->method);
  pie_buf_free(&p->target);
  pie_buf_free(&p->raw);
  free(p->fields);
  p->fields = NULL;
}

void pie_http_next(struct pie_http_parser *p) {
  llhttp_init(&p->llhttp, HTTP_REQUEST, &callbacks);
  p->llhttp.data = p;
  pie_buf_clear(&p->method);
  pie_buf_clear(&p->target);
  pie_buf_clear(&p->raw);
  p->field_count = p->field_bytes = p->framing = p->protocol_size = 0;
  p->in_value = p->headers_done = p->message_done = p->has_seen_bytes = false;
  p->chunked = p->keep_alive = p->expects_continue = false;
  p->body_bytes = 0;
  p->content_length = -1;
  p->status = 0;
  p->reason = NULL;
}

/* What llhttp refuses, as an answer. */
static void explain(struct pie_http_parser *p, llhttp_errno_t code) {
  switch (code) {
  case HPE_INVALID_METHOD:
    bad(p, 501, "The method is not known here.");
    break;
  case HPE_INVALID_VERSION:
    if (p->llhttp.http_major == 1 && p->llhttp.http_minor <= 1)
      bad(p, 400, "The request line is malformed."); /* after its version */
    else
      bad(p, 505, "HTTP/1.0 and HTTP/1.1 are spoken here.");
    break;
  case HPE_UNEXPECTED_CONTENT_LENGTH:
  case HPE_INVALID_CONTENT_LENGTH:
  case HPE_INVALID_TRANSFER_ENCODING:
    bad(p, 400, "The length of the body is ambiguous.");
    break;
  case HPE_INVALID_CHUNK_SIZE:
    bad(p, 400, "A chunk size is malformed.");
    break;
  case HPE_INVALID_HEADER_TOKEN:
    bad(p, 400, "A header field is malformed.");
    break;
  default:
    bad(p, 400, "The request is malformed.");
  }
}

enum pie_http_event pie_http_feed(struct pie_http_parser *p, const char *bytes, size_t n,
                                  size_t *used) {
  bool had_headers = p->headers_done;
  p->has_seen_bytes = p->has_seen_bytes || n;
  p->mark = bytes;
  llhttp_errno_t code = llhttp_execute(&p->llhttp, bytes, n);
  *used = code == HPE_PAUSED ? (size_t)(llhttp_get_error_pos(&p->llhttp) - bytes) : n;
  if (code != HPE_OK && code != HPE_PAUSED) {
    explain(p, code);
    return PIE_HTTP_BAD;
  }
  if (count_framing(p, bytes + *used))
    return PIE_HTTP_BAD;
  if (p->headers_done && !had_headers)
    p->framing = 0;
  if (code == HPE_OK)
    return PIE_HTTP_MORE;
  llhttp_resume(&p->llhttp);
  if (p->message_done)
    return PIE_HTTP_END;
  return had_headers ? PIE_HTTP_MORE : PIE_HTTP_HEADERS;
}

const char *pie_http_reason(int status) {
  switch (status) {
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 408:
    return "Request Timeout";
  case 411:
    return "Length Required";
  case 413:
    return "Content Too Large";
  case 414:
    return "URI Too Long";
  case 417:
    return "Expectation Failed";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 501:
    return "Not Implemented";
  case 503:
    return "Service Unavailable";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Error";
  }
}
