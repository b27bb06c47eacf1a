/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "isapi/door.h"
#include "isapi/response_out.h"

enum { JOIN_MAX = 256 * 1024, TRANSMIT_MAX = 0x40000000 };

/* mod_isapi refuses a head whose status is exactly 500 and sends httpd's own page instead. The
 * way round (ISAPI.md, section 9, 3): give it the head as 200, which sends nothing yet, then the
 * status alone, which it refuses but keeps. */
static int send_500(struct pie_request *request) {
  struct pie_response *response = &request->response;
  int err = pie_ecb_send_headers(request->ecb, PIE_STR("200 OK"), pie_buf_str(&response->headers),
                                 response->keep);
  if (!err)
    pie_ecb_send_headers(request->ecb, pie_buf_str(&response->status_text), PIE_STR("\r\n"),
                         response->keep);
  return err;
}

static int send_head(struct pie_request *request) {
  struct pie_response *response = &request->response;
  if (response->state != PIE_RESPONSE_HELD)
    return 0;
  if (pie_buf_adds(&response->headers, "\r\n"))
    return -PIE_EGONE;
  request->ecb->dwHttpStatusCode = (DWORD)response->status;
  if (response->status == 500 && pie_door_quirks(request->door)->mod_isapi)
    return send_500(request);
  return pie_ecb_send_headers(request->ecb, pie_buf_str(&response->status_text),
                              pie_buf_str(&response->headers), response->keep);
}

/* Every WriteClient is a network write of its own: small parts go together. */
static int write_joined(struct pie_request *request, const struct pie_str *parts, size_t count,
                        size_t total) {
  struct pie_buf joined;
  pie_buf_init(&joined, JOIN_MAX);
  int err = pie_buf_reserve(&joined, total);
  for (size_t i = 0; i < count && !err; i++)
    err = pie_buf_add(&joined, parts[i]);
  if (!err)
    err = pie_ecb_write(request->ecb, joined.p, joined.n);
  pie_buf_free(&joined);
  return err;
}

static int send_parts(struct pie_request *request, const struct pie_str *parts, size_t count,
                      size_t total, bool last) {
  (void)last; /* the host ends the response when the extension returns */
  int err = send_head(request);
  if (!err && count > 1 && total <= JOIN_MAX)
    return write_joined(request, parts, count, total);
  for (size_t i = 0; i < count && !err; i++) {
    if (parts[i].n)
      err = pie_ecb_write(request->ecb, parts[i].p, parts[i].n);
  }
  return err;
}

/* For what TRANSMIT_FILE cannot do. */
static int copy_file(struct pie_request *request, intptr_t file, uint64_t offset, uint64_t length) {
  char piece[32 * 1024];
  while (length) {
    int64_t got = pie_file_read_at(file, offset, piece,
                                   length < sizeof piece ? (size_t)length : sizeof piece);
    if (got <= 0 || pie_ecb_write(request->ecb, piece, (size_t)got))
      return -PIE_EGONE;
    offset += (uint64_t)got;
    length -= (uint64_t)got;
  }
  return 0;
}

static int send_file(struct pie_request *request, intptr_t file, uint64_t offset, uint64_t length,
                     bool last) {
  (void)last;
  int err = send_head(request);
  /* httpd opens the file again by its name, which mod_isapi does not give, wherever it cannot map
   * it: an offset off a page's edge, EnableMMAP Off. The connection is lost then. */
  bool can_transmit = !pie_door_quirks(request->door)->mod_isapi;
  while (can_transmit && !err && length && offset + TRANSMIT_MAX < UINT32_MAX) {
    uint32_t piece = length < TRANSMIT_MAX ? (uint32_t)length : TRANSMIT_MAX;
    err = pie_ecb_transmit_file(request->ecb, file, (uint32_t)offset, piece);
    if (err == -PIE_ENOTSUP)
      break;
    offset += piece;
    length -= piece;
  }
  return err == -PIE_EGONE || !length ? err : copy_file(request, file, offset, length);
}

const struct pie_response_out pie_response_plain = {send_parts, send_file};
