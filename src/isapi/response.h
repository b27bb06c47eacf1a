/* SPDX-License-Identifier: Apache-2.0
 *
 * The response's state machine, over two ways out: VECTOR_SEND with our own chunk framing (IIS and
 * our host) and SEND_RESPONSE_HEADER_EX with WriteClient (mod_isapi, and hosts without vectors).
 */
#ifndef PIE_ISAPI_RESPONSE_H
#define PIE_ISAPI_RESPONSE_H

#include "isapi/request.h"

void pie_response_init(struct pie_response *response);
void pie_response_free(struct pie_response *response);
void pie_response_reset(struct pie_response *response); /* for the next request; keeps memory */

/* See struct pie_door_ops for what these promise. */
int pie_response_take(struct pie_request *request, const struct pie_response_head *head);
int pie_response_write(struct pie_request *request, const struct pie_str *parts, size_t count,
                       int flags);
int pie_response_send_file(struct pie_request *request, intptr_t file, uint64_t offset,
                           uint64_t length, int flags);

/* Ends it so that the client can see that something is missing. */
void pie_response_break_off(struct pie_request *request);

/* Ends the response and sets request->outcome. -PIE_ESTATE: nothing of a body that was announced
 * has come, and nothing has left yet: another response can still be given. */
int pie_response_finish(struct pie_request *request, bool whole);

#endif
