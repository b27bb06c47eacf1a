/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of settings. The command line, the environment (PYISAPIE_<NAME>), the server
 * variables of a web server, pyisapie.toml and docs/settings.md are all made from it.
 */
#ifndef PIE_BASE_SETTINGS_H
#define PIE_BASE_SETTINGS_H

#include "base/log.h"
#include "pyisapie/str.h"

#include <stdbool.h>

/* X(ENUM, name, type, default, minimum, maximum, scope, help)
 * Types: TEXT; NUMBER; SIZE (bytes; K, M, G multiply by 1024); TIME (seconds, kept in
 * milliseconds; 0 means no limit where the minimum is 0); SWITCH (on, off); a CHOICE lists its
 * words in its default, separated by "|", the first being the default.
 * Scopes: HOST is our own server, DOOR is the extension in any server. */
#define PIE_SETTINGS(X)                                                                            \
  X(APP, "app", TEXT, "", 0, 0, DOOR,                                                              \
    "the application: MODULE:CALLABLE, or FOLDER/ for pages, or mounts such as "                   \
    "/=main:app,/shop=shop:app,/docs=./pages/")                                                    \
  X(ROOT, "root", TEXT, "", 0, 0, DOOR, "the folder that goes first on sys.path")                  \
  X(PACKAGE, "package", TEXT, "", 0, 0, DOOR,                                                      \
    "the package whose Isapi.Request() answers for pages (default: NAME where the extension's "    \
    "file is PyISAPIe-NAME.dll, else Http)")                                                       \
  X(CONFIG, "config", TEXT, "", 0, 0, DOOR, "the settings file (default: pyisapie.toml in root)")  \
  X(SCRIPT_NAME, "script-name", TEXT, "", 0, 0, DOOR,                                              \
    "the path below which the site lies, when the web server cannot tell: SCRIPT_NAME for "        \
    "requests below it; / is the root (default: as the web server says)")                          \
  X(STATIC, "static", TEXT, "", 0, 0, DOOR,                                                        \
    "folders whose files are served without Python, each below its path in the site: "             \
    "/static=FOLDER,/media=FOLDER")                                                                \
  X(HOME, "home", TEXT, "", 0, 0, DOOR,                                                            \
    "the Python to use: a virtual environment or an installation (default: found from the "        \
    "extension's own place)")                                                                      \
  X(THREADS, "threads", NUMBER, "16", 1, 1024, DOOR, "threads that run requests, per process")     \
  X(MODE, "mode", CHOICE, "main|isolated|free-threaded", 0, 0, DOOR,                               \
    "how Python runs: one interpreter; several, each with a GIL of its own (Python 3.14 or "       \
    "newer); or without the GIL (a free-threaded build)")                                          \
  X(PARALLEL, "parallel", NUMBER, "0", 0, 256, DOOR,                                               \
    "in the modes isolated and free-threaded: requests that may run Python at the same time in "   \
    "one process; 0: one for each processor")                                                      \
  X(QUEUE, "queue", NUMBER, "1024", 1, 1000000, DOOR,                                              \
    "requests that may wait for a thread; more are answered 503")                                  \
  X(SWITCH_INTERVAL, "switch-interval", NUMBER, "200", 0, 1000000, DOOR,                           \
    "microseconds after which a thread lets another one run Python; 0 keeps Python's own value")   \
  X(STACK_SIZE, "stack-size", SIZE, "8M", 262144, 1073741824, DOOR, "stack of each thread")        \
  X(START_TIMEOUT, "start-timeout", TIME, "60", 100, 86400000, DOOR,                               \
    "how long Python and the application may take to start")                                       \
  X(REQUEST_TIMEOUT, "request-timeout", TIME, "0", 0, 86400000, DOOR,                              \
    "how long the application may take for a request; then it is answered 504, and "               \
    "pyisapie.RequestTimeout is raised in its thread; 0 means no limit")                           \
  X(RECYCLE_TIMEOUT, "recycle-timeout", TIME, "10", 100, 86400000, DOOR,                           \
    "how long it may run on after that before its process is replaced")                            \
  X(SHOW_ERRORS, "show-errors", CHOICE, "local|always|never", 0, 0, DOOR,                          \
    "who sees the whole text of a start-up error in the browser")                                  \
  X(SHOW_TRACEBACKS, "show-tracebacks", CHOICE, "never|local|always", 0, 0, DOOR,                  \
    "who sees in the browser why the application failed in a request (with reload: local, where "  \
    "this is not set)")                                                                            \
  X(RELOAD, "reload", SWITCH, "off", 0, 0, DOOR,                                                   \
    "restart when a Python file of the application changes (for development)")                     \
  X(LOG, "log", TEXT, "", 0, 0, DOOR, "the error log's file (default: the error stream)")          \
  X(LOG_SIZE, "log-size", SIZE, "16M", 0, 1099511627776, DOOR,                                     \
    "a log file of this size is renamed to NAME.1, and a new one is begun; 0 means never")         \
  X(LOG_KEEP, "log-keep", NUMBER, "5", 1, 1000, DOOR, "how many such older log files are kept")    \
  X(LOG_LEVEL, "log-level", CHOICE, "info|error|warning|debug", 0, 0, DOOR,                        \
    "what the error log holds, besides what applications write to sys.stderr and wsgi.errors")     \
  X(CRASH_LOG, "crash-log", TEXT, "", 0, 0, DOOR,                                                  \
    "the file for Python's stacks when the process crashes (default: none are written)")           \
  X(IMPERSONATE, "impersonate", SWITCH, "off", 0, 0, DOOR,                                         \
    "on IIS: the application acts as the Windows user who asks, not as the application pool")      \
  X(BIND, "bind", TEXT, "127.0.0.1:8000", 0, 0, HOST,                                              \
    "where to listen: HOST:PORT, [IPV6]:PORT, :PORT (all IPv4 interfaces), PORT (this machine "    \
    "only), unix:PATH, fd:N; several, separated by commas")                                        \
  X(WORKERS, "workers", NUMBER, "1", 1, 1024, HOST, "processes that serve")                        \
  X(DOOR, "door", TEXT, "", 0, 0, HOST, "the ISAPI extension to serve (default: our own)")         \
  X(BACKLOG, "backlog", NUMBER, "1024", 1, 65535, HOST, "connections that may wait for accept")    \
  X(CONNECTIONS, "connections", NUMBER, "10000", 1, 1000000, HOST,                                 \
    "open connections per process; more wait in the backlog")                                      \
  X(REQUEST_LINE_LIMIT, "request-line-limit", SIZE, "8K", 64, 1048576, HOST,                       \
    "longest request target; longer ones are answered 414")                                        \
  X(HEADER_LIMIT, "header-limit", SIZE, "64K", 256, 16777216, HOST,                                \
    "all header fields of a request together; more is answered 431")                               \
  X(HEADER_COUNT_LIMIT, "header-count-limit", NUMBER, "100", 1, 10000, HOST,                       \
    "header fields of a request; more are answered 431")                                           \
  X(BODY_LIMIT, "body-limit", SIZE, "1G", 0, 1152921504606846976, HOST,                            \
    "largest request body; larger ones are answered 413; 0 means no limit")                        \
  X(HEADER_TIMEOUT, "header-timeout", TIME, "20", 0, 86400000, HOST,                               \
    "how long a request's headers may take; then 408")                                             \
  X(KEEPALIVE_TIMEOUT, "keepalive-timeout", TIME, "15", 0, 86400000, HOST,                         \
    "how long an idle connection is kept")                                                         \
  X(BODY_TIMEOUT, "body-timeout", TIME, "60", 0, 86400000, HOST,                                   \
    "how long the client may pause within a request body")                                         \
  X(WRITE_TIMEOUT, "write-timeout", TIME, "60", 0, 86400000, HOST,                                 \
    "how long the client may take nothing of a response")                                          \
  X(LEAST_RATE, "least-rate", SIZE, "240", 0, 1048576, HOST,                                       \
    "bytes a second that a client must send of a body, or take of a response, on average while "   \
    "it is waited for; it is judged after 5 seconds of that; 0 means any")                         \
  X(SHUTDOWN_TIMEOUT, "shutdown-timeout", TIME, "30", 0, 86400000, HOST,                           \
    "how long running requests may take to end at shutdown")                                       \
  X(ACCESS_LOG, "access-log", CHOICE, "off|combined|json", 0, 0, HOST, "form of the access log")   \
  X(ACCESS_LOG_FILE, "access-log-file", TEXT, "", 0, 0, HOST,                                      \
    "the access log's file (default: the output stream)")                                          \
  X(SERVER_HEADER, "server-header", TEXT, "pyisapie", 0, 0, HOST,                                  \
    "the Server field of responses; empty for none")                                               \
  X(STRICT_ISAPI, "strict-isapi", SWITCH, "off", 0, 0, HOST,                                       \
    "end the process with a message when the extension breaks the ISAPI contract")                 \
  X(QUIRKS, "quirks", CHOICE, "none|apache|iis", 0, 0, HOST,                                       \
    "behave like another ISAPI host, for tests: apache is httpd's mod_isapi")                      \
  X(APPLICATIONS, "applications", TEXT, "", 0, 0, HOST,                                            \
    "with quirks iis: the applications and their folders, such as /=DIR,/shop=DIR")

enum pie_setting_type {
  PIE_SETTING_TEXT,
  PIE_SETTING_NUMBER,
  PIE_SETTING_SIZE,
  PIE_SETTING_TIME,
  PIE_SETTING_SWITCH,
  PIE_SETTING_CHOICE
};

enum pie_setting_scope { PIE_SCOPE_HOST, PIE_SCOPE_DOOR };

enum pie_setting_id {
#define PIE_SETTING_ENUM(id, name, type, fallback, min, max, scope, help) PIE_SET_##id,
  PIE_SETTINGS(PIE_SETTING_ENUM)
#undef PIE_SETTING_ENUM
      PIE_SETTING_COUNT
};

struct pie_setting {
  const char *name, *fallback, *help;
  enum pie_setting_type type;
  enum pie_setting_scope scope;
  int64_t min, max; /* of the parsed number: bytes, milliseconds */
};

extern const struct pie_setting pie_setting_table[PIE_SETTING_COUNT];

enum { PIE_SETTING_VALUE_MAX = 4096 }; /* bytes of one value's text */

/* Values. text is NULL while a setting has its default; number is 0/1 for switches and the
 * word's place in the list for choices. */
struct pie_settings {
  char *text[PIE_SETTING_COUNT];
  int64_t number[PIE_SETTING_COUNT];
};

void pie_settings_init(struct pie_settings *settings); /* all defaults */
void pie_settings_free(struct pie_settings *settings);

/* The id of a name as on the command line ("log-level") or in a variable ("LOG_LEVEL"), or -1. */
int pie_setting_find(struct pie_str name);

/* The one whose name is most like it, or -1 when none is much like it. */
int pie_setting_nearest(struct pie_str name);

#define PIE_SETTING_PREFIX "PYISAPIE_" /* of variables */

/* "PYISAPIE_LOG_LEVEL"; out has room for 64 bytes. */
void pie_setting_variable(enum pie_setting_id id, char *out);

/* 0, or a negative error with the right form of the value in why. */
int pie_settings_set(struct pie_settings *settings, enum pie_setting_id id, struct pie_str value,
                     char *why, size_t why_size);

const char *pie_settings_text(const struct pie_settings *settings, enum pie_setting_id id);
enum pie_log_level pie_settings_log_level(const struct pie_settings *settings);
bool pie_settings_is(const struct pie_settings *settings, enum pie_setting_id id,
                     const char *word); /* of a choice */

#endif
