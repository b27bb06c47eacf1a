/* SPDX-License-Identifier: Apache-2.0
 *
 * What the door and the engine share: two tables of functions and the structures they pass.
 *
 * The door (pyisapie.so / .dll) knows the host and no Python. The engine (_engine.<tag>) knows
 * Python and no host. The door loads the engine, calls pie_engine_open, and from then on each
 * calls the other through its table. PIE_ENGINE_ABI guards both.
 */
#ifndef PYISAPIE_ENGINE_H
#define PYISAPIE_ENGINE_H

#include "pyisapie/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIE_ENGINE_ABI 7
#define PIE_ENGINE_OPEN_NAME "pie_engine_open"

struct pie_door;    /* the door, as the engine sees it */
struct pie_engine;  /* the engine, as the door sees it */
struct pie_request; /* one request; belongs to the door */

struct pie_header {
  struct pie_str name, value;
};

enum {
  PIE_LENGTH_NONE = -1,   /* the request has no body */
  PIE_LENGTH_UNKNOWN = -2 /* it has one, of unknown length (chunked) */
};

/* What is known of a request when it arrives. Every slice stays valid until the request ends.
 * All are bytes as they came, none is NULL; an absent one is empty. */
struct pie_request_info {
  struct pie_str id;                     /* request id for the log */
  struct pie_str method;                 /* "GET" */
  struct pie_str target;                 /* raw, as in the request line: "/a%20b?x=1" */
  struct pie_str script_name, path_info; /* percent-decoded; "/app" and "/x" */
  struct pie_str query;                  /* without "?", still encoded */
  struct pie_str protocol;               /* "HTTP/1.1" */
  struct pie_str scheme;                 /* "http" or "https" */
  struct pie_str server_name, server_port, server_software;
  struct pie_str remote_addr, remote_port, remote_user, auth_type;
  struct pie_str content_type;
  int64_t content_length;           /* bytes, or PIE_LENGTH_* */
  const struct pie_header *headers; /* in order; names as sent; unsafe ones are gone already */
  size_t header_count;
  const struct pie_header *extras; /* further variables of the server: keys of the environ */
  size_t extra_count;
  struct pie_str app;    /* which application: "module:callable" or mounts; the site's key, with */
  struct pie_str root;   /* the folder that goes first on sys.path, and */
  struct pie_str config; /* the path of a pyisapie.toml; each may be empty */
  const void *site;      /* requests with the same value have these three alike; or NULL */
};

struct pie_response_head {
  int status;            /* 100 to 999 */
  struct pie_str reason; /* may be empty */
  const struct pie_header *headers;
  size_t header_count;
};

/* Why something could not be done, in words for the person who must mend it. */
struct pie_failure {
  int status;          /* 500, or 503 for what passes by itself */
  const char *summary; /* one line: what is wrong */
  const char *detail;  /* several lines: where, a traceback; may be NULL */
  const char *advice;  /* what to do; may be NULL */
  bool in_request;     /* the application raised an exception: logged already, and detail is it */
};

/* Whose a log entry is: a request's, a site's without a request, or (all empty) the process's. */
struct pie_log_origin {
  struct pie_str id;                /* of the request */
  struct pie_str app, root, config; /* the site's key */
};

/* What a site's own settings say of its log. */
struct pie_log_choice {
  const char *path; /* NULL or empty: it has none */
  int64_t size;     /* -1 in these two: as the process's */
  int keep;
  const char *level; /* its name; NULL or empty: as the process's */
};

enum { PIE_WRITE_FINAL = 1 }; /* no more body follows this call */

/* The door's functions. Any thread may call them; those marked (blocks) may wait for the client,
 * so the GIL must not be held. A request is used by one thread at a time. */
struct pie_door_ops {
  uint32_t abi;

  /* (blocks) Reads body bytes: their number, 0 at the end, -PIE_EGONE when the client ended before
   * the whole body came, -PIE_ETIMEOUT. */
  int64_t (*read)(struct pie_request *request, void *buffer, size_t capacity);

  /* Takes status and headers; nothing is sent yet. May be called again until the first write.
   * -PIE_ETOOBIG or -PIE_EINVAL when this host cannot carry them: complaint() tells why. */
  int (*respond)(struct pie_request *request, const struct pie_response_head *head);
  const char *(*complaint)(struct pie_request *request);

  /* (blocks) Sends body bytes, after the head if that has not left yet; no bytes and not FINAL
   * sends nothing. A first call that is FINAL holds the whole body, which gives it a
   * Content-Length. Bytes beyond the Content-Length are dropped and logged. 0, or -PIE_EGONE. */
  int (*write)(struct pie_request *request, const struct pie_str *parts, size_t count, int flags);

  /* (blocks) Sends a range of an open file (descriptor, or HANDLE on Windows). */
  int (*send_file)(struct pie_request *request, intptr_t file, uint64_t offset, uint64_t length,
                   int flags);

  /* (blocks) Ends the request: whole says that the body is complete. The request, its info and
   * its slices are gone afterwards. */
  void (*finish)(struct pie_request *request, bool whole);

  /* (blocks) Answers with a page about the failure and finishes the request. When the head has
   * left already the response is broken off instead. */
  void (*fail)(struct pie_request *request, const struct pie_failure *failure);

  /* Says that another thread than the one in handle() will finish the request. Called before that
   * thread can see the request; only where handle() was given PIE_MAY_PEND. */
  void (*pend)(struct pie_request *request);

  /* True once status and headers have been given to the host. */
  bool (*head_sent)(const struct pie_request *request);

  /* The value of a server variable or environment variable, NUL-terminated; its length, or
   * -PIE_ENOENT, -PIE_ETOOBIG. */
  int (*variable)(struct pie_request *request, const char *name, char *out, size_t size);

  /* (blocks) Has the server itself answer with what it has at url, or at the request's own (NULL);
   * sets that answer's status. -PIE_ENOTSUP where the server cannot, -PIE_ESTATE when the response
   * has begun or another thread reads, -PIE_EGONE. Then only finish() may follow. */
  int (*pass_on)(struct pie_request *request, const char *url, int *status);

  /* (blocks) Answers from the file below root that path ("/css/a.css", decoded) names, as the
   * setting static does; of_pages: root holds source as well, and names of source, settings and
   * data are not found. A user's token that the thread has taken counts. 0: then only finish() may
   * follow. -PIE_ENOENT: there is no such file; -PIE_EIO: root cannot be used, and the log says
   * why; both: nothing has been said yet. -PIE_ESTATE when the response has begun, -PIE_EGONE. */
  int (*serve_file)(struct pie_request *request, const char *root, struct pie_str path,
                    bool of_pages);

  /* The token of the user who asks (a HANDLE of the server's), or 0. */
  intptr_t (*token)(struct pie_request *request);

  /* False when the client is known to have gone. */
  bool (*connected)(struct pie_request *request);

  /* Ends the connection, so that a read() or write() that another thread is in returns. */
  void (*abort)(struct pie_request *request);

  /* Answers in the place of the application, which has taken too long, or breaks the response off
   * if it has begun; blocks. The request still must be ended by finish() or fail(), and nothing
   * else; until then the door says -PIE_EGONE to everything. */
  void (*expire)(struct pie_request *request, const struct pie_failure *failure);

  /* Asks the host to replace this process, in words for its log; false: it cannot. */
  bool (*unhealthy)(struct pie_request *request, const char *why);

  /* To the log of the site that it is of, or that of the process. level is an enum pie_log_level.
   */
  void (*log)(struct pie_door *door, const struct pie_log_origin *origin, int level,
              struct pie_str text);

  /* From now on the site that has this key is logged there. 0, or -PIE_EINVAL with why. */
  int (*choose_log)(struct pie_door *door, const struct pie_log_origin *site,
                    const struct pie_log_choice *choice, char *why, size_t why_size);
};

/* How requests run Python at the same time; in the order of the setting mode. */
enum pie_mode {
  PIE_MODE_MAIN,         /* one interpreter: they take turns */
  PIE_MODE_ISOLATED,     /* several interpreters, each with a GIL of its own */
  PIE_MODE_FREE_THREADED /* one interpreter without a GIL */
};

/* What the engine must know to start. All text is NUL-terminated UTF-8; NULL or empty is unset. */
struct pie_engine_config {
  const char *executable;  /* the python whose environment this is (a venv's own), or NULL */
  const char *home;        /* a prefix (PYTHONHOME), or NULL */
  const char *package_dir; /* the folder that holds the pyisapie package */
  enum pie_mode mode;
  int parallel;               /* interpreters, or ways into the one without a GIL */
  int threads;                /* that run requests, in each interpreter */
  int queue;                  /* requests that may wait for one */
  int switch_interval_us;     /* 0: Python's own */
  int start_timeout_ms;       /* for loading an application */
  int64_t request_timeout_ms; /* for a request, 0: no limit; and how long it may run on after */
  int64_t recycle_timeout_ms; /* that before the process is to be replaced */
  size_t stack_size;          /* of our own threads, bytes */
  bool multiprocess;          /* other processes serve the same applications */
  bool impersonate;           /* applications act as the user who asks */
  bool tokens;                /* the server gives tokens of users */
  const char *crash_log;      /* the file for Python's stacks at a crash, or NULL */
  const char *package;        /* that has the handler of pages, or NULL */
  bool reload;                /* watch the application's files */
  int log_level;
};

enum { PIE_HANDLE_DONE = 0, PIE_HANDLE_PENDING = 1 };

#define PIE_NO_GROUP UINT32_MAX /* of a thread that belongs to no group */

enum {
  PIE_MAY_PEND = 1, /* the request may be finished later, by another thread */
  PIE_WILL_IDLE = 2 /* the host calls idle() on its threads before they block */
};

struct pie_engine_ops {
  uint32_t abi;

  /* Starts Python alone: what of the config Python needs. 0, or -PIE_ESTART as start() does. */
  int (*boot)(struct pie_engine *engine, const struct pie_engine_config *config,
              const struct pie_failure **failure);

  /* After that: calls found with the name and the text of each setting in such a file, as the
   * site's root and config say. 0, or -PIE_ESTART. */
  int (*read_settings)(struct pie_engine *engine, struct pie_str root, struct pie_str config,
                       void (*found)(void *context, const char *name, const char *text),
                       void *context, const struct pie_failure **failure);

  /* Called once, on a thread of the door's own that the engine may keep for loading applications;
   * blocks. 0, or -PIE_ESTART with failure filled in (valid until the next call). The thread
   * belongs to the engine from then on: run() is called on it after a start that worked. */
  int (*start)(struct pie_engine *engine, const struct pie_engine_config *config,
               const struct pie_failure **failure);
  void (*run)(struct pie_engine *engine);

  /* Serves a request: DONE, or PENDING where the flags allow it. -PIE_EBUSY: the queue is full,
   * and the request is untouched. The info lives as long as the request. group: of the calling
   * thread, see HttpExtensionIdle in isapi.h, or PIE_NO_GROUP. */
  int (*handle)(struct pie_engine *engine, struct pie_request *request,
                const struct pie_request_info *info, int flags, uint32_t group);

  /* The calling thread is about to block: it gives up the GIL if it has it. */
  void (*idle)(struct pie_engine *engine);

  /* Loads the application that such a request would reach, as far as it is not loaded. Blocks.
   * False: it could not be loaded. */
  bool (*warm)(struct pie_engine *engine, const struct pie_request_info *info);

  /* Waits up to timeout for running requests, then ends threads and flushes logs. Idempotent. */
  void (*stop)(struct pie_engine *engine, int timeout_ms);
};

/* The engine's one export besides the Python module. NULL when abi does not match. */
typedef struct pie_engine *(*pie_engine_open_fn)(uint32_t abi, struct pie_door *door,
                                                 const struct pie_door_ops *door_ops,
                                                 const struct pie_engine_ops **ops);

#ifdef PIE_BUILD_DLL
#define PIE_ENGINE_EXPORT __declspec(dllexport)
#else
#define PIE_ENGINE_EXPORT __attribute__((visibility("default")))
#endif

PIE_ENGINE_EXPORT struct pie_engine *pie_engine_open(uint32_t abi, struct pie_door *door,
                                                     const struct pie_door_ops *door_ops,
                                                     const struct pie_engine_ops **ops);

#endif
