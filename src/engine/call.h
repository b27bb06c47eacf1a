/* SPDX-License-Identifier: Apache-2.0
 *
 * A request as the protocols use it: the door's table with the GIL given up around what blocks,
 * and its error codes turned into Python exceptions.
 */
#ifndef PIE_ENGINE_CALL_H
#define PIE_ENGINE_CALL_H

#include "engine/engine.h"

/* The call this thread serves, or NULL; the first also in an interpreter that the application has
 * made itself, where no object of ours may get to. */
struct pie_call *pie_call_of_thread(void);
struct pie_call *pie_call_current(void);
void pie_call_set_current(struct pie_call *call);

/* Body bytes: number, 0 at the end, -1 with OSError set. */
Py_ssize_t pie_call_read(struct pie_call *call, char *buffer, size_t capacity);

/* Around the uses of the door that say so; the lock may be given up on the way in. False: an
 * exception is set, because the time of the request is over. Leave in both cases. */
bool pie_call_enter(struct pie_call *call);
void pie_call_leave(struct pie_call *call);

/* Takes status and headers: 0, or -1 with an exception set. Between enter and leave. */
int pie_call_respond(struct pie_call *call, const struct pie_response_head *head);
bool pie_call_head_sent(struct pie_call *call);

/* Sends: 0, or -1 with OSError set; call->gone then tells that it is the client who has gone. */
int pie_call_write(struct pie_call *call, const struct pie_str *parts, size_t count, int flags);
int pie_call_send_file(struct pie_call *call, intptr_t file, uint64_t offset, uint64_t length);

/* Waits until *busy, which another thread has set for a read or write that it is in, is false; the
 * connection is ended so that it soon is. For what an application has left running. */
void pie_call_wait_for(struct pie_call *call, const atomic_bool *busy);

/* The last bytes of the response. */
int pie_call_write_last(struct pie_call *call, const struct pie_str *parts, size_t count);

/* Ends the request in one of two ways. */
void pie_call_finish(struct pie_call *call, bool whole);
void pie_call_fail(struct pie_call *call, const struct pie_failure *failure);

/* The same after the application has failed, with its exception set: tells the client what is left
 * to tell, and the log. */
void pie_call_end_failed(struct pie_call *call);

/* Whose its entries in the log are. */
struct pie_log_origin pie_call_origin(const struct pie_call *call);
void pie_call_log(const struct pie_call *call, enum pie_log_level level, const char *text);

/* Takes the exception that is set and writes it, with its traceback, to the log. */
void pie_call_log_exception(struct pie_call *call, const char *where);

/* The end of a response that is sent when its thread has left the interpreter for good: so it need
 * not give up the GIL and take it again only for that. */
struct pie_parting {
  char bytes[8 * 1024]; /* of the body, the last ones */
  size_t n;
  bool has_last, has_end, whole; /* what of it is still to be done */
};

/* Outside: does what has been put off. */
void pie_call_part(struct pie_call *call);

#endif
