/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_EVERY = 16 * 1024 /* bytes */ };

struct pie_log_file {
  int fd; /* stays the same when the file becomes another one */
  char *path;
  int64_t size_max;
  int keep;
  int64_t unseen; /* bytes since the size was looked at */
  pthread_mutex_t turning;
};

static int open_log(const char *path) {
  return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* An application may change to another folder. */
static char *absolute(const char *path) {
  char folder[PIE_PATH_MAX], full[PIE_PATH_MAX];
  if (*path == '/' || !getcwd(folder, sizeof folder) ||
      pie_path_join(full, sizeof full, folder, path))
    return strdup(path);
  return strdup(full);
}

struct pie_log_file *pie_log_file_open(const char *path, char *why, size_t why_size) {
  struct pie_log_file *file = calloc(1, sizeof *file);
  if (!file)
    return NULL;
  pthread_mutex_init(&file->turning, NULL);
  file->fd = STDERR_FILENO;
  if (!path || !*path)
    return file;
  if (strcmp(path, "-") == 0) {
    file->fd = STDOUT_FILENO;
    return file;
  }
  file->path = absolute(path);
  file->fd = file->path ? open_log(path) : -1;
  if (file->fd >= 0)
    return file;
  snprintf(why, why_size, "cannot write the log file %s: %s", path, strerror(errno));
  free(file->path);
  free(file);
  return NULL;
}

void pie_log_file_limit(struct pie_log_file *file, int64_t size, int keep) {
  pthread_mutex_lock(&file->turning); /* others may just write to it */
  file->keep = keep;
  __atomic_store_n(&file->size_max, size, __ATOMIC_RELAXED);
  __atomic_store_n(&file->unseen, LOOK_EVERY, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&file->turning);
}

/* False: somebody has renamed it already. */
static bool is_current(const struct pie_log_file *file, const struct stat *open) {
  struct stat named;
  return stat(file->path, &named) == 0 && named.st_dev == open->st_dev &&
         named.st_ino == open->st_ino;
}

static void rename_all(const struct pie_log_file *file) {
  char from[PIE_PATH_MAX], to[PIE_PATH_MAX];
  for (int i = file->keep; i > 0; i--) {
    snprintf(to, sizeof to, "%s.%d", file->path, i);
    snprintf(from, sizeof from, "%s.%d", file->path, i - 1);
    rename(i > 1 ? from : file->path, to);
  }
}

/* Whoever has the lock on the file renames it; the others find that out when they look again. */
static void turn_over(struct pie_log_file *file) {
  struct stat open;
  if (fstat(file->fd, &open) || open.st_size < file->size_max)
    return;
  if (is_current(file, &open)) {
    if (flock(file->fd, LOCK_EX | LOCK_NB))
      return;
    if (is_current(file, &open))
      rename_all(file);
    flock(file->fd, LOCK_UN);
  }
  pie_log_file_reopen(file);
}

static void count(struct pie_log_file *file, size_t n) {
  if (!file->path || !__atomic_load_n(&file->size_max, __ATOMIC_RELAXED) ||
      __atomic_add_fetch(&file->unseen, (int64_t)n, __ATOMIC_RELAXED) < LOOK_EVERY ||
      pthread_mutex_trylock(&file->turning))
    return;
  __atomic_store_n(&file->unseen, 0, __ATOMIC_RELAXED);
  turn_over(file);
  pthread_mutex_unlock(&file->turning);
}

void pie_log_file_write(void *log_file, const char *line, size_t n) {
  struct pie_log_file *file = log_file;
  size_t left = n;
  while (left) {
    ssize_t put = write(__atomic_load_n(&file->fd, __ATOMIC_ACQUIRE), line, left);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return; /* nowhere left to say it */
    line += put;
    left -= (size_t)put;
  }
  count(file, n);
}

void pie_log_file_reopen(struct pie_log_file *file) {
  if (!file->path)
    return;
  int fd = open_log(file->path);
  if (fd < 0)
    return;
  dup3(fd, file->fd, O_CLOEXEC);
  close(fd);
}

void pie_log_file_close(struct pie_log_file *file) {
  if (!file)
    return;
  if (file->path)
    close(file->fd);
  pthread_mutex_destroy(&file->turning);
  free(file->path);
  free(file);
}

void pie_system_log(const char *text) { (void)text; /* the web server's own log has it */ }
