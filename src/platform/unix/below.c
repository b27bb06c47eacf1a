/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/path.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The true name of what is open; its length. It is of this very file, whatever has happened to
 * names since. */
static int true_name(int fd, char *out, size_t n) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, out, n);
  if (length <= 0 || (size_t)length >= n)
    return length < 0 && errno == ENOENT ? -PIE_ENOTSUP : -PIE_EOUTSIDE;
  out[length] = '\0';
  return (int)length;
}

static int code_of(int error) {
  if (error == EACCES || error == EPERM)
    return -PIE_EDENIED;
  /* also where a name is too long, or in turn no folder */
  return error == EMFILE || error == ENFILE || error == ENOMEM ? -PIE_ENOMEM : -PIE_ENOENT;
}

static int64_t nanoseconds(struct timespec time) {
  const int64_t most = INT64_MAX / 1000000000 - 1; /* the year 2262 */
  int64_t seconds = time.tv_sec > most ? most : time.tv_sec < -most ? -most : time.tv_sec;
  return seconds * 1000000000 + time.tv_nsec;
}

static int look_at(int fd, struct pie_file_below *out) {
  struct stat st;
  if (fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
    return -PIE_ENOENT;
  if (S_ISDIR(st.st_mode))
    return -PIE_EFOLDER;
  if (!st.st_nlink) /* gone already: its name is not a name any more */
    return -PIE_ENOENT;
  out->size = (uint64_t)st.st_size;
  out->changed_ns = nanoseconds(st.st_mtim);
  out->id = (uint64_t)st.st_ino ^ (uint64_t)st.st_dev << 40;
  return 0;
}

/* Where in found's name the part below the root begins. */
static int name_below(int root, int fd, struct pie_file_below *out) {
  char root_name[PIE_PATH_MAX];
  int n = true_name(root, root_name, sizeof root_name);
  int length = n < 0 ? n : true_name(fd, out->name, sizeof out->name);
  if (length < 0)
    return length;
  if (n == 1)
    n = 0; /* "/" */
  if (length <= n + 1 || memcmp(out->name, root_name, (size_t)n) != 0 || out->name[n] != '/')
    return -PIE_EOUTSIDE;
  memmove(out->name, out->name + n + 1, (size_t)(length - n));
  return 0;
}

static int open_below(int root, const char *path, struct pie_file_below *out) {
  /* A pipe without a writer must not make us wait, nor a terminal become ours. */
  int fd = openat(root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return code_of(errno);
  int err = name_below(root, fd, out);
  err = err ? err : look_at(fd, out);
  if (err)
    close(fd);
  else
    out->file = fd;
  return err;
}

int pie_file_open_below(const char *root, struct pie_str path, struct pie_file_below *out) {
  char name[PIE_PATH_MAX];
  if (path.n >= sizeof name || !pie_path_is_plain(path, false))
    return -PIE_ENOENT;
  memcpy(name, path.p, path.n);
  name[path.n] = '\0';
  int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return -PIE_EIO;
  int err = open_below(folder, name, out);
  close(folder);
  return err;
}
