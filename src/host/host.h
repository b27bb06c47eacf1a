/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own ISAPI host. It serves any ISAPI extension over HTTP/1 and keeps IIS's side of the
 * contract. A process has one loop, or several where Python can run at once on several threads;
 * the extension's threads do the rest:
 *
 * - The loop thread accepts, reads and parses requests, and keeps the time limits.
 * - A complete request head goes to HttpExtensionProc. From then until the extension is done, its
 *   thread owns the exchange: it reads what is missing of the body and writes the response on the
 *   (non-blocking) socket itself, waiting with poll(). So a slow client holds back its own request
 *   only, and nothing is buffered for it.
 * - DONE_WITH_SESSION gives the connection back to the loop, through the mailbox.
 */
#ifndef PIE_HOST_HOST_H
#define PIE_HOST_HOST_H

#include "base/arena.h"
#include "base/log.h"
#include "base/settings.h"
#include "http/chunks.h"
#include "http/parser.h"
#include "platform/platform.h"
#include "pyisapie/isapi.h"

#include <stdatomic.h>
#include <uv.h>

struct pie_worker;
struct pie_conn;

enum {
  PIE_READ_SIZE = 64 * 1024,         /* one read from a socket */
  PIE_AHEAD_MAX = 48 * 1024,         /* of a body, handed over with the request (lpbData) */
  PIE_INPUT_MAX = 128 * 1024,        /* bytes of further requests kept while one runs */
  PIE_BODY_WINDOW = 512 * 1024,      /* decoded body bytes between socket and extension */
  PIE_ARENA_MAX = 4 * 1024 * 1024,   /* memory of one request, besides its buffers */
  PIE_RESPONSE_HEAD_LIMIT = 1 << 20, /* header block of a response */
  PIE_LINGER_MS = 2000,              /* how long a client may take to see a refusal */
  PIE_LISTENERS_MAX = 64,
  PIE_LOOPS_MAX = 256
};

/* ---- an exchange: one request and its response ---- */

enum pie_exchange_state {
  PIE_X_IDLE,    /* no request yet, or an incomplete one */
  PIE_X_RUNNING, /* the extension has it */
  PIE_X_DONE     /* it is done; the loop has yet to take it back */
};

/* How fast a client is: see pace.c. */
struct pie_pace {
  int64_t saved_us; /* of time to wait for it: what it has earned, less what was waited */
  int64_t untaken;  /* of a response: what the system would hold if it took nothing more */
};

/* Asynchronous operations of an exchange, which they may outlive: each holds it, and so does the
 * exchange. */
struct pie_ios {
  atomic_int holders;
  atomic_int running; /* until their completions are back; see exchange.c */
};

struct pie_exchange {
  EXTENSION_CONTROL_BLOCK ecb; /* ConnID points at the exchange */
  struct pie_conn *conn;
  struct pie_arena arena;
  _Atomic int state;
  struct pie_str path, script; /* decoded */
  struct pie_str host;         /* the authority that the client asked for */
  uint32_t outcome;            /* HSE_STATUS_* of DONE_WITH_SESSION, or as returned */
  uint32_t returned;           /* by HttpExtensionProc, on a thread of ours */
  uint64_t started_us;
  bool more_came;         /* further requests, before it began */
  bool others_came;       /* those of other connections, and they are quick */
  uint64_t token;         /* of a request in place, on the thread that had the loop; see loop.c */
  uv_work_t work;         /* for extensions that run on threads of ours */
  bool in_thread, mailed; /* HttpExtensionProc has yet to return; DONE came before it did */

  /* The request body. */
  struct pie_buf ahead; /* what lpbData points at */
  struct pie_buf body;  /* decoded and not read yet */
  size_t body_at;
  int64_t body_taken; /* bytes given to the extension, with those ahead */
  bool body_complete, body_failed, needs_continue, body_direct;
  struct pie_pace body_pace;
  atomic_bool waiting; /* a thread waits for the socket */

  /* The response. */
  bool head_sent, final_sent, wants_close;
  atomic_bool broken; /* nothing can be sent or read any more */
  bool refused;       /* the host has answered itself; broken for the extension */
  int status;
  int64_t declared; /* Content-Length, or -1 */
  int64_t sent;     /* body bytes, with the extension's chunk framing */
  struct pie_pace pace;
  bool chunked;                             /* framed by the extension, */
  struct pie_chunks chunks;                 /* and checked */
  bool self_chunked;                        /* framed by us (quirks) */
  struct pie_buf held_status, held_headers; /* quirks: they leave with the first body byte */

  /* When we play IIS. */
  bool flushes;          /* the extension has turned response buffering off */
  struct pie_str logged; /* of APPEND_LOG_PARAMETER */
  uint16_t child_status; /* of EXEC_URL */
  atomic_uint faults;    /* misfortune, as random numbers; 0: none */

  PFN_HSE_IO_COMPLETION completion;
  PVOID completion_context;
  atomic_bool io_active; /* an asynchronous operation runs, */
  atomic_bool cancelled; /* and shall not wait for its client any longer */
  struct pie_ios *ios;   /* NULL before the first one */
};

/* ---- a connection ---- */

enum pie_conn_phase {
  PIE_CONN_IDLE,    /* between requests */
  PIE_CONN_HEAD,    /* a request has begun */
  PIE_CONN_RUNNING, /* the extension has it */
  PIE_CONN_LINGER,  /* answered; what still comes is thrown away until the client closes */
  PIE_CONN_CLOSING
};

struct pie_conn {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;
  uv_timer_t timer;
  struct pie_worker *worker;
  struct pie_conn *next, *previous; /* all open ones */
  struct pie_conn *next_mail, *next_ready, *next_held;
  pie_socket socket;
  enum pie_conn_phase phase;
  int64_t deadline, timer_due; /* of uv_now; 0: none */
  int handles;                 /* open uv handles: freed at 0 */
  bool reading, eof, is_local, had_request;
  bool parsing; /* in conn.c, parse(): what ends there is continued there */
  struct pie_http_parser parser;
  struct pie_buf input; /* read and not parsed yet */
  struct pie_buf out;   /* held back: see output.c */
  atomic_bool out_busy;
  bool writing; /* the rest of out, by way of libuv */
  uv_write_t write;
  struct pie_exchange exchange;
  char remote_addr[64], remote_port[8], local_addr[64], local_port[8];
};

/* ---- a worker ---- */

struct pie_extension {
  pie_http_extension_proc_fn proc;
  pie_terminate_extension_fn terminate;
  pie_http_extension_warm_fn warm; /* these two are ours only */
  pie_http_extension_idle_fn idle;
};

struct pie_listener {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;
  struct pie_worker *worker;
  bool is_local, waiting; /* a connection waits for room */
};

/* Who has the loop, and how it passes on: see loop.c. */
struct pie_handover {
  atomic_uint_fast64_t hold; /* token of the request that runs in place; 0: none */
  uint64_t last_token;
  _Atomic(struct pie_conn *) conn; /* whose request that is */
  struct pie_mutex lock;           /* guards all below */
  struct pie_cond spare, monitor;
  struct pie_thread threads[3];
  int spares;  /* threads that wait for the loop */
  bool passed; /* the loop is one of theirs */
  bool over;   /* the loop has ended */
  atomic_bool monitor_awake;
  atomic_int patience;   /* looks before the loop is taken */
  atomic_llong taken_ms; /* when it was, last */
};

/* A connection on its way to another loop. */
struct pie_arrival {
  struct pie_arrival *next;
  pie_socket socket;
  bool is_local;
};

/* A worker process, as one of its loops sees it. The first one has what the process has once: the
 * listening sockets, signals, the control channel, start and end of the extension. It hands each
 * connection to the loop that has the fewest; see loops.c. */
struct pie_worker {
  struct pie_worker *first;   /* of the process; it may be this one */
  struct pie_worker **others; /* of the first: the other ones */
  size_t other_count;
  atomic_int running; /* of the first: the others that have not ended */
  atomic_bool full;   /* of the first: a connection waits for room */
  uint32_t group;     /* for HttpExtensionIdle */
  uv_loop_t loop;
  int open_handles; /* of the worker's own: the loop ends when all are closed */
  const struct pie_settings *settings;
  struct pie_log *log;
  struct pie_log_file *access;
  struct pie_extension extension;
  struct pie_http_limits limits;
  bool strict, apache, iis, in_threads;
  char door_path[PIE_PATH_MAX];
  char software[64];
  char server_line[PIE_SETTING_VALUE_MAX + 16]; /* "Server: ...\r\n", or empty; */
  struct pie_str server_header;                 /* the same */

  struct pie_listener listeners[PIE_LISTENERS_MAX];
  size_t listener_count;
  struct pie_conn *conns;
  atomic_size_t conn_count;

  struct pie_conn *ready, **ready_last; /* complete heads: requests for the extension */
  struct pie_conn *held, **held_last;   /* their answers wait for those of the others, */
  int64_t hold_until_us;                /* no longer than that; 0: none is waited for */
  int64_t recent_us;                    /* what the last requests in place took, together */
  struct pie_handover handover;
  uv_async_t wake;
  struct pie_mutex mail_lock; /* guards the next five */
  struct pie_conn *mail;
  struct pie_arrival *arrivals;
  bool asked_to_stop, asked_to_force, over; /* over: nobody looks any more */
  uv_signal_t signals[PIE_STOP_SIGNALS];
  uv_timer_t stop_timer;
  uv_pipe_t control; /* from the supervisor; its end means: stop */
  bool has_control, forced, terminating;
  atomic_bool stopping;
  uv_work_t terminate_work;
  struct pie_conn *warming; /* stands for a request while the extension starts */
  uv_work_t warm_work;
  bool cold;              /* it has started, but could not load the application */
  atomic_bool unhealthy;  /* the extension has said so */
  atomic_bool stop_asked; /* by a program, where no signal can be sent: */
  struct pie_stop_event *stop_event;
  int exit_code;

  char read_buffer[PIE_READ_SIZE];
};

/* What a face (executable or Python module) gives. */
struct pie_host {
  struct pie_settings settings;
  struct pie_log log;
  struct pie_log_file *log_file;
  char door[PIE_PATH_MAX];
  char **worker_command; /* NULL-terminated; arguments name=value are added */
  bool is_worker;        /* started by a supervisor: standard input is the control channel */
};

/* A socket that somebody listens on. */
struct pie_bound {
  pie_socket socket;
  bool is_local;
  char url[256];
};

/* These run until they are told to stop, and return the process's exit code. */
int pie_host_run(struct pie_host *host); /* opens the sockets, then one of: */
int pie_worker_run(struct pie_host *host, const struct pie_bound *bound, size_t count);
int pie_supervisor_run(struct pie_host *host, const struct pie_bound *bound, size_t count);

/* What a worker says over its control channel when it accepts connections; the second when it can
 * only say what is wrong. */
#define PIE_WORKER_READY "ready\n"
#define PIE_WORKER_COLD "cold\n"
/* And that another one must take its place at once. */
#define PIE_WORKER_UNHEALTHY "unhealthy\n"

void pie_worker_stop(struct pie_worker *worker);
void pie_worker_conn_gone(struct pie_worker *worker); /* room for another, or the last one */

/* worker.c, for loops.c */
struct pie_worker *pie_worker_new(struct pie_host *host); /* NULL: out of memory */
int pie_worker_open_loop(struct pie_worker *worker);      /* 0 or negative error */
void pie_worker_free(struct pie_worker *worker);
void pie_worker_force(struct pie_worker *worker); /* closes what is still open */

/* loops.c: on the first one's loop, but for the last two */
int pie_loops_open(struct pie_worker *first, struct pie_host *host); /* 0 or negative error */
void pie_loops_free(struct pie_worker *first);
struct pie_worker *pie_loops_choose(struct pie_worker *first); /* for a new connection */
size_t pie_loops_conn_count(struct pie_worker *first);         /* of all */
int pie_loops_pass(struct pie_worker *worker, struct pie_arrival arrival); /* -PIE_ENOMEM */
void pie_loops_ask_to_stop(struct pie_worker *first, bool force);
void pie_loops_on_wake(struct pie_worker *worker); /* on the worker's own */
void pie_loops_ended(struct pie_worker *worker);   /* the same: its loop is over */

/* loop.c */
int pie_loop_start(struct pie_worker *worker); /* its threads: 0 or -PIE_ESTART */
void pie_loop_join(struct pie_worker *worker); /* waits for its end */
void pie_loop_add(struct pie_worker *worker, struct pie_conn *conn); /* a complete head */
/* An answer that may wait for those of the requests that are ready; false: it may not. */
bool pie_loop_hold(struct pie_conn *conn);
/* Must be asked before anything blocks: false on the thread that has the loop, outside requests.
 * Within one it gives the loop away, and what the extension holds. */
bool pie_loop_may_block(struct pie_exchange *x);
/* True while the request runs in place and its thread still has the loop. */
bool pie_loop_has_loop(const struct pie_exchange *x);

/* conn.c: on the loop thread */
struct pie_conn *pie_conn_new(struct pie_worker *worker);
void pie_conn_free(struct pie_conn *conn);
void pie_conn_accept(struct pie_listener *listener);
void pie_conn_arrive(struct pie_worker *worker, const struct pie_arrival *arrival);
void pie_conn_refuse(struct pie_conn *conn, int status, const char *text);
void pie_conn_close(struct pie_conn *conn);
void pie_conn_abort(struct pie_conn *conn); /* so that the client sees that something is missing */
void pie_conn_linger(struct pie_conn *conn);
void pie_conn_next(struct pie_conn *conn);  /* the exchange is over: the next request */
void pie_conn_flush(struct pie_conn *conn); /* sends what is held */
void pie_conn_stop(struct pie_conn *conn);  /* closes when nothing runs */
void pie_conn_deadline(struct pie_conn *conn, int64_t timeout_ms);
void pie_conn_read_more(struct pie_conn *conn);

/* exchange.c */
void pie_exchange_init(struct pie_exchange *x, struct pie_conn *conn);
void pie_exchange_free(struct pie_exchange *x);
void pie_exchange_begin(struct pie_exchange *x); /* on the loop thread: the head is complete */
void pie_exchange_start(struct pie_exchange *x); /* on the loop thread: on a thread of ours */
/* Marks it as done; false: it has been already. */
bool pie_exchange_finish(struct pie_exchange *x, uint32_t outcome);
/* HttpExtensionProc has returned another outcome than PENDING. True: operations run, and the last
 * one ends the exchange, as on IIS; it may be over already when this is back. */
bool pie_exchange_waits(struct pie_exchange *x, uint32_t outcome);
struct pie_ios *pie_exchange_io_begin(struct pie_exchange *x);         /* NULL: out of memory */
void pie_exchange_io_end(struct pie_exchange *x, struct pie_ios *ios); /* x may be gone already */
/* Whether HttpExtensionProc has left the end to them. */
bool pie_exchange_is_returned(const struct pie_exchange *x);
/* HttpExtensionProc has returned on the thread that has the loop. */
void pie_exchange_returned(struct pie_exchange *x, uint32_t outcome);
void pie_exchange_finished(struct pie_exchange *x); /* from any thread: to the loop */
void pie_exchange_end(struct pie_exchange *x);      /* on the loop thread: take it back */
int pie_exchange_on_body(void *context, const char *bytes, size_t n); /* parser's */

/* ecb.c: the callbacks */
void pie_ecb_fill(struct pie_exchange *x);
int pie_ecb_flush_head(struct pie_exchange *x); /* of quirks: what is held back */
_Noreturn void pie_strict_breach(struct pie_worker *worker, const char *what);

/* ecb_variables.c */
const struct pie_isapi_request *pie_ecb_share(struct pie_exchange *x); /* HSE_REQ_PIE_REQUEST */
BOOL WINAPI pie_ecb_get_variable(HCONN id, LPSTR name, LPVOID buffer, LPDWORD size);

/* iis.c */
struct pie_iis_app {
  struct pie_str mount, folder; /* "/shop"; the root's is empty */
};
struct pie_iis_app pie_iis_app_of(const struct pie_exchange *x);
bool pie_iis_variable(const struct pie_exchange *x, struct pie_str name, struct pie_str *value);
struct pie_str pie_iis_narrow(struct pie_exchange *x, struct pie_str text);
struct pie_str pie_iis_path_of(struct pie_exchange *x, struct pie_str url); /* of a decoded one */
struct pie_str pie_iis_translated(struct pie_exchange *x);                  /* PATH_TRANSLATED */
int pie_iis_exec_url(struct pie_exchange *x, const char *url); /* 0 or negative error */
/* iis_support.c: codes of ServerSupportFunction that only IIS has. */
BOOL pie_iis_support(struct pie_exchange *x, DWORD code, LPVOID buffer, LPDWORD size, LPDWORD type);
struct pie_str pie_iis_from_wide(struct pie_exchange *x, const WCHAR *wide);

void pie_faults_begin(struct pie_exchange *x);
bool pie_fault(struct pie_exchange *x, uint32_t one_in);
uint32_t pie_fault_number(struct pie_exchange *x, uint32_t below);
bool pie_fault_client_goes(struct pie_exchange *x);

/* body.c: the thread that owns the exchange */
int64_t pie_body_read(struct pie_exchange *x, void *out, size_t n); /* -PIE_EAGAIN: cancelled */

/* pace.c: the same. The client has moved so many bytes. */
void pie_pace_earn(struct pie_exchange *x, struct pie_pace *pace, int64_t bytes);
/* Wait until there is something to read, or room to write: 0, or a negative error when the client
 * has gone or is too slow. Only where pie_loop_may_block allows it. */
int pie_pace_wait_for_body(struct pie_exchange *x);
int pie_pace_wait_for_room(struct pie_exchange *x);

/* output.c: the same */
int pie_output_spans(struct pie_exchange *x, struct pie_span *spans, size_t count);
int pie_output_file(struct pie_exchange *x, intptr_t file, uint64_t offset, uint64_t length);
/* A write in parts: open gives a buffer to add to; close sends what is left, or holds it back for
 * what follows on the same connection. */
struct pie_buf *pie_output_open(struct pie_exchange *x);
int pie_output_add(struct pie_exchange *x, struct pie_span part);
int pie_output_add_file(struct pie_exchange *x, intptr_t file, uint64_t offset, uint64_t length);
int pie_output_close(struct pie_exchange *x, bool response_is_whole);
/* Ends it like pie_output_close: what is held, then as much of the file as the client takes at
 * once. offset and length move on. 0, -PIE_EAGAIN: pie_output_file sends the rest, -PIE_EGONE. */
int pie_output_try_file(struct pie_exchange *x, intptr_t file, uint64_t *offset, uint64_t *length);
/* Sends what is held, from any thread, without waiting: 0, -PIE_EAGAIN, -PIE_EGONE. */
int pie_output_flush(struct pie_conn *conn);

/* head.c */
int pie_output_head(struct pie_exchange *x, struct pie_str status, struct pie_str headers,
                    struct pie_buf *out);
bool pie_output_is_bodiless(const struct pie_exchange *x); /* after the head */
/* An answer of the host's own, after which the connection ends. */
void pie_output_refusal(struct pie_exchange *x, int status, const char *text);
struct pie_str pie_host_date(void); /* "Date: ...\r\n"; the thread's own */

/* access.c */
void pie_access_log(struct pie_exchange *x);

#endif
