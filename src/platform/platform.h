/* SPDX-License-Identifier: Apache-2.0
 *
 * What differs between operating systems. src/platform/unix and src/platform/win implement it;
 * the build picks the folder. Paths and texts are UTF-8 on Windows, bytes elsewhere.
 */
#ifndef PIE_PLATFORM_H
#define PIE_PLATFORM_H

#include "base/log.h"
#include "pyisapie/str.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef _WIN32
#include <winsock2.h>

#include <windows.h>
struct pie_mutex {
  SRWLOCK lock;
};
struct pie_cond {
  CONDITION_VARIABLE cond;
};
struct pie_thread {
  HANDLE handle;
};
#define PIE_MUTEX_INIT                                                                             \
  { SRWLOCK_INIT }
#define PIE_THREAD_LOCAL __thread
#else
#include <pthread.h>
struct pie_mutex {
  pthread_mutex_t lock;
};
struct pie_cond {
  pthread_cond_t cond;
};
struct pie_thread {
  pthread_t handle;
};
#define PIE_MUTEX_INIT                                                                             \
  { PTHREAD_MUTEX_INITIALIZER }
#define PIE_THREAD_LOCAL __thread
#endif

enum { PIE_PATH_MAX = 4096 };

/* Threads */
void pie_mutex_init(struct pie_mutex *mutex);
void pie_mutex_destroy(struct pie_mutex *mutex);
void pie_mutex_lock(struct pie_mutex *mutex);
void pie_mutex_unlock(struct pie_mutex *mutex);
void pie_cond_init(struct pie_cond *cond);
void pie_cond_destroy(struct pie_cond *cond);
void pie_cond_signal(struct pie_cond *cond);
void pie_cond_broadcast(struct pie_cond *cond);
void pie_cond_wait(struct pie_cond *cond, struct pie_mutex *mutex);
/* Waits until deadline (of pie_clock_ms); false when it has passed. May wake up early. */
bool pie_cond_wait_until(struct pie_cond *cond, struct pie_mutex *mutex, int64_t deadline);
/* The same for at most so many microseconds; where the system counts coarser, a little longer. */
bool pie_cond_wait_us(struct pie_cond *cond, struct pie_mutex *mutex, int64_t timeout_us);
/* stack in bytes. 0 or -PIE_ESTART. A thread is joined or detached, once. */
int pie_thread_start(struct pie_thread *thread, size_t stack, void (*run)(void *), void *arg);
/* The same for one that may take signals, and that runs an application: what it starts inherits
 * which signals are blocked. pie_thread_start blocks them: they belong to the host's own threads.
 */
int pie_thread_start_open(struct pie_thread *thread, size_t stack, void (*run)(void *), void *arg);
void pie_thread_join(struct pie_thread *thread);
void pie_thread_detach(struct pie_thread *thread);
void pie_thread_yield(void);
void pie_thread_sleep_ms(int milliseconds);

/* Wakes a thread that waits for it; so does a byte that a signal handler writes to write_end. 0, or
 * -PIE_ENOTSUP where there is no such thing. */
struct pie_waker {
  int read_end, write_end;
};
int pie_waker_open(struct pie_waker *waker);
void pie_waker_wake(struct pie_waker *waker);
void pie_waker_wait(struct pie_waker *waker); /* may return early */

/* Time */
int64_t pie_clock_us(void);      /* monotonic */
int64_t pie_clock_ms(void);      /* monotonic */
int64_t pie_clock_unix_s(void);  /* the same in seconds, cheaper; may lag by some milliseconds */
int64_t pie_clock_unix_us(void); /* since 1970, UTC */
struct tm;
void pie_clock_utc(int64_t unix_s, struct tm *out);
size_t pie_log_stamp(char *out, size_t n); /* "2026-01-31T23:59:59.123Z 4711" */

/* Loaded code */
struct pie_lib;
/* global: symbols resolve for libraries loaded later (POSIX). Failure: NULL, why holds a text. */
struct pie_lib *pie_lib_open(const char *path, bool global, char *why, size_t why_size);
void *pie_lib_symbol(struct pie_lib *lib, const char *name);
void *pie_lib_symbol_any(const char *name); /* in what this process has loaded, or NULL */
int pie_lib_path_of(const void *address, char *out, size_t n); /* full path of that library */
void pie_lib_pin(const void *address); /* the library holding it is never unloaded */

/* Where a Python keeps its parts on this system. */
extern const char pie_door_file_name[]; /* of our ISAPI extension */
extern const char pie_engine_tag[];     /* what precedes the version in an engine's name */
/* The python of a virtual environment, or of an installation, which may have several versions; out
 * has PIE_PATH_MAX bytes. */
bool pie_python_find_executable(const char *folder, bool is_env, int major, int minor, char *out);
/* Its shared library, looked for from the folder that holds the python (pyvenv.cfg's home). */
bool pie_python_find_library(const char *bin, int major, int minor, bool threaded, char *out);
extern const char pie_python_library_hint[]; /* how to get a missing one */

/* Files and environment */
extern const bool pie_path_has_backslash; /* it separates names in a path, as "/" does */
bool pie_path_is_file(const char *path);
bool pie_path_is_dir(const char *path);
bool pie_path_is_readable(const char *path);
int pie_path_join(char *out, size_t n, const char *folder, const char *name);
int pie_path_parent(char *path); /* in place; -PIE_ENOENT at the root */
bool pie_path_is_absolute(const char *path);
/* Calls found for each name in the folder that starts with prefix; stops when it returns true. */
void pie_path_list(const char *folder, const char *prefix, bool (*found)(void *, const char *),
                   void *context);
/* Reads at most n - 1 bytes of a text file and terminates it; length or negative error. */
int pie_file_read_text(const char *path, char *out, size_t n);
/* The value of a variable; 0, -PIE_ENOENT, -PIE_ETOOBIG. */
int pie_env_get(const char *name, char *out, size_t n);
/* Calls found for the name of each variable that starts with prefix; stops when it returns true. */
void pie_env_list(const char *prefix, bool (*found)(void *, const char *), void *context);
void pie_user_name(char *out, size_t n); /* the account this process runs as */
int pie_process_id(void);
_Noreturn void pie_process_exit(int code); /* at once: no handlers, no waiting */
size_t pie_processor_count(void);

/* A log sink on a file; on the standard error stream when path is NULL or empty, on the standard
 * output stream when it is "-". */
struct pie_log_file;
struct pie_log_file *pie_log_file_open(const char *path, char *why, size_t why_size);
/* When it has so many bytes it becomes PATH.1, which becomes PATH.2, and so on up to keep; several
 * processes may write to it. 0 bytes: never. */
void pie_log_file_limit(struct pie_log_file *log_file, int64_t size, int keep);
void pie_log_file_write(void *log_file, const char *line, size_t n);
void pie_log_file_reopen(struct pie_log_file *log_file);
void pie_log_file_close(struct pie_log_file *log_file);
/* An error for the administrator, in the system's own log, where it has one: Windows' Event Log. */
void pie_system_log(const char *text);

/* The last error of an operating system call, and of an ISAPI callback. */
uint32_t pie_os_error(void);
void pie_os_error_set(uint32_t code);
void pie_os_error_text(uint32_t code, char *out, size_t n);

/* main's arguments as UTF-8: those given, or others that live as long as the process. */
char **pie_arguments(int *count, char **args);

/* Being asked to stop, or to renew itself: what libuv delivers as signals. */
enum { PIE_STOP_SIGNALS = 3 };
extern const int pie_stop_signals[PIE_STOP_SIGNALS];
bool pie_signal_renews(int number); /* go on with fresh workers, and a fresh log file */
const char *pie_signal_text(int number);
/* Where no signal can be sent to a process that has no console: asked is called, on any thread,
 * when another process asks this one to stop. NULL where signals do. There is one per process. */
struct pie_stop_event;
struct pie_stop_event *pie_stop_event_open(void (*asked)(void *), void *context);
void pie_stop_event_close(struct pie_stop_event *event); /* asked is not called after it */
/* As a Windows service: calls run, which returns the exit code when this process has been asked to
 * stop. The code, or -PIE_ENOTSUP where no service control manager has started this process. */
int pie_service_run(const char *name, int (*run)(void *), void *context);
int pie_process_ask_to_stop(int pid); /* one of our host's; 0 or -PIE_ENOENT */

/* Who the current thread acts as. On Windows tokens are HANDLEs; elsewhere there are none (0, and
 * -PIE_ENOTSUP). */
intptr_t pie_token_of_user(void);   /* one of this process's own user, kept for good; or 0 */
int pie_token_take(intptr_t token); /* the thread acts as that user: 0, or a negative error */
bool pie_token_give_back(void);     /* as the process again; false: that failed */
/* Does the work as the process, whoever the thread acts as: a web server's may act as the user who
 * asks. */
void pie_token_without(void (*work)(void *), void *arg);
int pie_token_name(char *out, size_t n); /* "DOMAIN\\user" the thread acts as; its length */

/* Connected sockets that never block, written beside the event loop. */
typedef intptr_t pie_socket;
struct pie_span {
  const void *p;
  size_t n;
};
/* Bytes taken (may be fewer), -PIE_EAGAIN when none could be, -PIE_EGONE on any other failure. */
int64_t pie_socket_send(pie_socket socket, const struct pie_span *spans, size_t count);
/* The same for a range of an open file; file is a descriptor (POSIX) or a HANDLE. */
int64_t pie_socket_send_file(pie_socket socket, intptr_t file, uint64_t offset, size_t n);
/* Bytes read at offset, 0 at the end, -PIE_EIO. */
int64_t pie_file_read_at(intptr_t file, uint64_t offset, void *out, size_t n);
intptr_t pie_file_open(const char *path); /* for reading; -1: it cannot be */
/* The same open file once more, as a web server's asynchronous I/O wants it; -1: it cannot be. */
intptr_t pie_file_reopen(intptr_t file);
void pie_file_close(intptr_t file);

/* A file below a folder, open for reading. */
struct pie_file_below {
  intptr_t file;
  uint64_t size;
  int64_t changed_ns;      /* since 1970, as fine as the file system tells */
  uint64_t id;             /* of the file in its file system */
  char name[PIE_PATH_MAX]; /* its true one, from the folder on, with "/" between */
};
/* Opens the regular file that path names below the folder root; path is decoded and relative, such
 * as "css/a.css". Each file has one path: other spellings are refused (base/path.h), and so is what
 * the system finds to lie outside, whatever it is called. A symbolic link may lead on within the
 * folder; on Windows it may not, since there the true name must be the one that was asked for, but
 * for case. root may be a link itself.
 * -PIE_ENOENT: there is none of that name, or it is no regular file; -PIE_EFOLDER; -PIE_EOUTSIDE;
 * -PIE_EDENIED: this account may not read it; -PIE_EIO: root cannot be opened; -PIE_ENOTSUP: the
 * system does not tell true names (Linux: /proc must be mounted). */
int pie_file_open_below(const char *root, struct pie_str path, struct pie_file_below *out);

int64_t pie_file_size(intptr_t file); /* -PIE_ENOTSUP for what has none (pipes, devices) */
/* About how much of what was sent the other side has not taken yet; -PIE_ENOTSUP where the system
 * does not tell. */
int64_t pie_socket_untaken(pie_socket socket);
/* Bytes read, 0 at the end, -PIE_EAGAIN, -PIE_EGONE. */
int64_t pie_socket_recv(pie_socket socket, void *out, size_t n);
/* Waits until it can be read (or written): 0, -PIE_ETIMEOUT, -PIE_EGONE. timeout < 0: for ever. */
int pie_socket_wait(pie_socket socket, bool to_write, int timeout_ms);
/* True while the peer has not closed: looks without reading. */
bool pie_socket_is_connected(pie_socket socket);
void pie_socket_shutdown(pie_socket socket); /* both ways; wakes up who waits for it */
void pie_socket_close(pie_socket socket);
/* Another handle of the same socket, for another event loop, or -1: where that cannot be. */
pie_socket pie_socket_duplicate(pie_socket socket);
extern const bool pie_socket_can_move;

/* A listening socket for HOST:PORT, [IPV6]:PORT, unix:PATH or fd:N, which new processes can
 * inherit. url (at least 256 bytes) gets what to tell people; is_local says that it is a Unix
 * socket. 0, or a negative error with why. */
int pie_listen_open(const char *spec, int backlog, pie_socket *out, bool *is_local, char *url,
                    char *why, size_t why_size);
/* True: a child process is given the index-th listening socket as its descriptor 3 + index. False:
 * it is sent what pie_listen_share gives, in that order, before all else on its standard input. */
extern const bool pie_listen_inherits;
/* What names it for the child's pie_listen_open. */
void pie_listen_child_spec(size_t index, char *spec, size_t size);
enum { PIE_SHARE_MAX = 1024 };
size_t pie_listen_share(pie_socket socket, int pid, char *out); /* bytes; 0: it failed */
/* Removes what listening left in the file system (the file of a Unix socket). */
void pie_listen_remove(const char *url);
/* Sockets that a service manager handed over (systemd's LISTEN_FDS): their number; the first is
 * at *first, the others follow. */
int pie_listen_inherited(pie_socket *first);

#endif
