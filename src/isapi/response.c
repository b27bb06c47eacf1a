/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/response.h"

#include "base/error.h"
#include "isapi/door.h"
#include "isapi/response_out.h"

#include <stdio.h>
#include <string.h>

void pie_response_init(struct pie_response *response) {
  *response = (struct pie_response){.length = -1};
  pie_buf_init(&response->status_text, PIE_RESPONSE_HEAD_MAX);
  pie_buf_init(&response->headers, PIE_RESPONSE_HEAD_MAX);
}

void pie_response_reset(struct pie_response *response) {
  pie_buf_clear(&response->status_text);
  pie_buf_clear(&response->headers);
  response->state = PIE_RESPONSE_NONE;
  response->out = NULL;
  response->status = 0;
  response->framing_at = 0;
  response->length = -1;
  response->sent = 0;
  response->has_body = response->framed = response->chunked = false;
  response->keep = response->cut = false;
  response->complaint[0] = '\0';
}

void pie_response_free(struct pie_response *response) {
  pie_buf_free(&response->status_text);
  pie_buf_free(&response->headers);
}

static int complain(struct pie_request *request, int code, const char *what, struct pie_str name) {
  if (name.n > 100)
    name.n = 100;
  snprintf(request->response.complaint, sizeof request->response.complaint, "%s: %.*s", what,
           (int)name.n, name.p);
  return code;
}

/* Fields that belong to the connection, which is the host's (RFC 9110, 7.6.1; PEP 3333). */
static bool is_hop_by_hop(struct pie_str name) {
  static const struct pie_str names[] = {PIE_STR_INIT("Connection"),
                                         PIE_STR_INIT("Keep-Alive"),
                                         PIE_STR_INIT("Proxy-Connection"),
                                         PIE_STR_INIT("TE"),
                                         PIE_STR_INIT("Trailer"),
                                         PIE_STR_INIT("Transfer-Encoding"),
                                         PIE_STR_INIT("Upgrade"),
                                         PIE_STR_INIT("Proxy-Authenticate"),
                                         PIE_STR_INIT("Proxy-Authorization")};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (pie_str_equal_nocase(name, names[i]))
      return true;
  }
  return false;
}

static int take_length(struct pie_request *request, struct pie_str value) {
  int64_t length;
  struct pie_response *response = &request->response;
  if (pie_str_to_int64(pie_str_trim(value), &length))
    return complain(request, -PIE_EINVAL, "Content-Length is not a number", value);
  if (response->length >= 0 && response->length != length)
    return complain(request, -PIE_EINVAL, "there are two different Content-Lengths", value);
  response->length = length;
  return 0;
}

static int take_header(struct pie_request *request, const struct pie_header *header,
                       bool *dropped) {
  struct pie_response *response = &request->response;
  size_t limit = pie_door_quirks(request->door)->header_line_max;
  if (!pie_str_is_token(header->name))
    return complain(request, -PIE_EINVAL, "not a header name", header->name);
  if (!pie_str_is_field_value(header->value))
    return complain(request, -PIE_EINVAL, "a control character in the value of", header->name);
  if (limit && header->name.n + header->value.n + 4 > limit)
    return complain(request, -PIE_ETOOBIG, "too long for httpd's mod_isapi (8 KiB a line)",
                    header->name);
  if (pie_str_equal_nocase(header->name, PIE_STR("Content-Length")))
    return take_length(request, header->value);
  if (is_hop_by_hop(header->name)) {
    bool connection = pie_str_equal_nocase(header->name, PIE_STR("Connection"));
    if (connection && pie_str_has_token(header->value, PIE_STR("close")))
      response->keep = false;
    else
      *dropped = true;
    return 0;
  }
  int err = pie_buf_add(&response->headers, header->name);
  err = err ? err : pie_buf_add(&response->headers, PIE_STR(": "));
  err = err ? err : pie_buf_add(&response->headers, header->value);
  err = err ? err : pie_buf_add(&response->headers, PIE_STR("\r\n"));
  return err ? complain(request, err, "too many bytes of headers at", header->name) : 0;
}

/* The way out, which is kept once the head has gone by it: another request may find meanwhile that
 * the host has no VECTOR_SEND. */
static const struct pie_response_out *way_out(struct pie_request *request) {
  struct pie_response *response = &request->response;
  struct pie_quirks *quirks = pie_door_quirks(request->door);
  if (!response->out)
    response->out = atomic_load_explicit(&quirks->vector, memory_order_relaxed)
                        ? &pie_response_vector
                        : &pie_response_plain;
  return response->out;
}

/* How the end of the body will be known. whole is its size when the first call holds all of it,
 * else -1. */
static void decide_framing(struct pie_request *request, int64_t whole) {
  struct pie_response *response = &request->response;
  const struct pie_quirks *quirks = pie_door_quirks(request->door);
  if (response->length < 0 && response->has_body)
    response->length = whole;
  if (quirks->mod_isapi || !response->has_body || response->length >= 0)
    return; /* httpd frames by itself */
  if (way_out(request) == &pie_response_vector &&
      pie_str_equal(request->info.protocol, PIE_STR("HTTP/1.1")))
    response->chunked = true;
  else if (pie_str_starts(request->info.protocol, PIE_STR("HTTP/1.")))
    response->keep = false;
}

static int add_length(struct pie_buf *headers, int64_t length) {
  int err = pie_buf_add(headers, PIE_STR("Content-Length: "));
  err = err ? err : pie_buf_add_number(headers, (uint64_t)length);
  return err ? err : pie_buf_add(headers, PIE_STR("\r\n"));
}

static int add_framing(struct pie_response *response) {
  int err = 0;
  if (response->length >= 0)
    err = add_length(&response->headers, response->length);
  if (!err && response->chunked)
    err = pie_buf_adds(&response->headers, "Transfer-Encoding: chunked\r\n");
  if (!err && !response->keep)
    err = pie_buf_adds(&response->headers, "Connection: close\r\n");
  return err;
}

static void decide_body(struct pie_request *request, int status) {
  struct pie_response *response = &request->response;
  bool no_content = status < 200 || status == 204 || status == 205 || status == 304;
  response->has_body = !no_content && !pie_str_equal(request->info.method, PIE_STR("HEAD"));
  if (status < 200 || status == 204)
    response->length = -1; /* RFC 9110, 8.6 */
  if (status == 205)
    response->length = 0; /* RFC 9110, 15.3.6 */
  if (status < 200)
    response->keep = false; /* as a final status it would leave the client waiting */
}

int pie_response_take(struct pie_request *request, const struct pie_response_head *head) {
  struct pie_response *response = &request->response;
  bool dropped = false;
  if (response->state > PIE_RESPONSE_HELD)
    return -PIE_ESTATE;
  if (head->status < 100 || head->status > 999)
    return complain(request, -PIE_EINVAL, "the status must be from 100 to 999", PIE_STR(""));
  if (!pie_str_is_field_value(head->reason))
    return complain(request, -PIE_EINVAL, "a control character in the status", PIE_STR(""));
  pie_buf_clear(&response->status_text);
  pie_buf_clear(&response->headers);
  response->state = PIE_RESPONSE_NONE;
  response->status = head->status;
  response->length = -1;
  response->keep = true;
  response->framed = response->chunked = response->cut = false;
  int err = pie_buf_add_number(&response->status_text, (uint64_t)head->status);
  err = err ? err : pie_buf_add(&response->status_text, PIE_STR(" "));
  err = err ? err : pie_buf_add(&response->status_text, head->reason);
  for (size_t i = 0; i < head->header_count && !err; i++)
    err = take_header(request, &head->headers[i], &dropped);
  if (err)
    return err;
  decide_body(request, head->status);
  if (dropped)
    pie_request_log(request, PIE_LOG_WARNING,
                    "dropped a header that belongs to the connection, such as Transfer-Encoding: "
                    "applications must not set these");
  response->state = PIE_RESPONSE_HELD;
  return 0;
}

/* VECTOR_SEND is refused: from now on the host frames the body, or the connection's end does. */
static int without_vector(struct pie_request *request) {
  struct pie_response *response = &request->response;
  if (!response->chunked)
    return 0;
  response->chunked = response->keep = false;
  response->headers.n = response->framing_at;
  return add_framing(response);
}

/* True: the way out is another one now, and the call is to be made again. Only where a vector of
 * plain bytes is refused the host has none at all: it might object to one without elements, or to
 * the file. */
static bool falls_back(struct pie_request *request, int *err, bool of_bytes) {
  struct pie_response *response = &request->response;
  if (*err != -PIE_ENOTSUP || response->out != &pie_response_vector ||
      response->state != PIE_RESPONSE_HELD)
    return false;
  response->out = &pie_response_plain;
  if (of_bytes)
    atomic_store(&pie_door_quirks(request->door)->vector, false);
  *err = without_vector(request);
  return *err == 0;
}

static int out_send(struct pie_request *request, const struct pie_str *parts, size_t count,
                    size_t total, bool last) {
  int err = way_out(request)->send(request, parts, count, total, last);
  if (falls_back(request, &err, total > 0))
    err = request->response.out->send(request, parts, count, total, last);
  return err;
}

static int out_send_file(struct pie_request *request, intptr_t file, uint64_t offset,
                         uint64_t length, bool last) {
  int err = way_out(request)->send_file(request, file, offset, length, last);
  if (falls_back(request, &err, false))
    err = request->response.out->send_file(request, file, offset, length, last);
  return err;
}

void pie_response_break_off(struct pie_request *request) {
  if (request->response.state == PIE_RESPONSE_BROKEN)
    return;
  request->response.state = PIE_RESPONSE_BROKEN;
  pie_ecb_break_off(request->ecb); /* refused by mod_isapi, which drops the connection on ERROR */
}

static int open_body(struct pie_request *request, int64_t whole) {
  struct pie_response *response = &request->response;
  if (response->framed)
    return 0;
  decide_framing(request, whole);
  response->framed = true;
  response->framing_at = response->headers.n;
  return add_framing(response);
}

static int ended(struct pie_request *request, int err, size_t total, bool last) {
  struct pie_response *response = &request->response;
  if (err) {
    response->state = PIE_RESPONSE_BROKEN;
    return -PIE_EGONE;
  }
  response->state = last ? PIE_RESPONSE_DONE : PIE_RESPONSE_SENT;
  response->sent += (int64_t)total;
  return 0;
}

static int send_batch(struct pie_request *request, const struct pie_str *parts, size_t count,
                      bool final) {
  struct pie_response *response = &request->response;
  struct pie_str kept[PIE_PARTS_MAX];
  size_t total = 0, used = 0;
  uint64_t room = response->length >= 0 ? (uint64_t)(response->length - response->sent) : SIZE_MAX;
  for (size_t i = 0; i < count && response->has_body; i++) {
    kept[used] = parts[i];
    if (kept[used].n > room - total) {
      kept[used].n = (size_t)(room - total);
      response->cut = true;
    }
    total += kept[used++].n;
  }
  bool short_by_some = final && response->has_body && response->length >= 0 && total < room;
  if (!total && (!final || short_by_some) && response->state == PIE_RESPONSE_HELD)
    return 0; /* the head leaves with the first byte, or at the end */
  if (!total && !final)
    return 0;
  bool last = final && !short_by_some;
  if (open_body(request, final ? (int64_t)total : -1))
    return -PIE_EGONE;
  return ended(request, out_send(request, kept, used, total, last), total, last);
}

static int64_t sum(const struct pie_str *parts, size_t count) {
  int64_t total = 0;
  for (size_t i = 0; i < count; i++)
    total += (int64_t)parts[i].n;
  return total;
}

static void log_cut(struct pie_request *request) {
  pie_request_log(request, PIE_LOG_WARNING,
                  "the application sent more than its Content-Length: the rest was dropped");
}

int pie_response_write(struct pie_request *request, const struct pie_str *parts, size_t count,
                       int flags) {
  struct pie_response *response = &request->response;
  if (response->state == PIE_RESPONSE_BROKEN)
    return -PIE_EGONE;
  if (response->state == PIE_RESPONSE_NONE || response->state == PIE_RESPONSE_DONE)
    return -PIE_ESTATE;
  bool was_cut = response->cut;
  int err = 0;
  if (response->state == PIE_RESPONSE_HELD && (flags & PIE_WRITE_FINAL))
    err = open_body(request, sum(parts, count));
  while (!err) {
    size_t batch = count < PIE_PARTS_MAX ? count : PIE_PARTS_MAX;
    err = send_batch(request, parts, batch, (flags & PIE_WRITE_FINAL) && batch == count);
    count -= batch;
    if (!count)
      break;
    parts += batch;
  }
  if (err && response->state == PIE_RESPONSE_HELD)
    response->state = PIE_RESPONSE_BROKEN;
  if (response->cut && !was_cut)
    log_cut(request);
  return err;
}

int pie_response_send_file(struct pie_request *request, intptr_t file, uint64_t offset,
                           uint64_t length, int flags) {
  struct pie_response *response = &request->response;
  if (response->state == PIE_RESPONSE_BROKEN)
    return -PIE_EGONE;
  if (response->state == PIE_RESPONSE_NONE || response->state == PIE_RESPONSE_DONE)
    return -PIE_ESTATE;
  uint64_t room = response->length >= 0 ? (uint64_t)(response->length - response->sent) : length;
  bool cut = length > room && response->has_body;
  if (cut)
    length = room;
  bool last = (flags & PIE_WRITE_FINAL) && (response->length < 0 || length == room);
  if (!length || !response->has_body)
    return pie_response_write(request, NULL, 0, flags);
  if (open_body(request, flags & PIE_WRITE_FINAL ? (int64_t)length : -1)) {
    response->state = PIE_RESPONSE_BROKEN;
    return -PIE_EGONE;
  }
  if (cut)
    log_cut(request);
  int err = out_send_file(request, file, offset, length, last);
  return ended(request, err, (size_t)length, last);
}

int pie_response_finish(struct pie_request *request, bool whole) {
  struct pie_response *response = &request->response;
  if (whole && (response->state == PIE_RESPONSE_HELD || response->state == PIE_RESPONSE_SENT))
    pie_response_write(request, NULL, 0, PIE_WRITE_FINAL);
  if (whole && response->state == PIE_RESPONSE_HELD)
    return -PIE_ESTATE;
  if (response->state == PIE_RESPONSE_DONE) {
    request->outcome = response->keep ? HSE_STATUS_SUCCESS_AND_KEEP_CONN : HSE_STATUS_SUCCESS;
    return 0;
  }
  if (whole && response->state != PIE_RESPONSE_BROKEN)
    pie_request_log(
        request, PIE_LOG_ERROR,
        "the application sent less than its Content-Length: the response is broken off");
  pie_response_break_off(request);
  request->outcome = HSE_STATUS_ERROR;
  return 0;
}
