/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ENV_NAME_MAX = 256 };

int64_t pie_clock_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t pie_clock_ms(void) { return pie_clock_us() / 1000; }

int64_t pie_clock_unix_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

int64_t pie_clock_unix_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void pie_clock_utc(int64_t unix_s, struct tm *out) {
  time_t seconds = (time_t)unix_s;
  gmtime_r(&seconds, out);
}

size_t pie_log_stamp(char *out, size_t n) {
  int64_t now = pie_clock_unix_us();
  time_t seconds = (time_t)(now / 1000000);
  struct tm tm;
  gmtime_r(&seconds, &tm);
  size_t used = strftime(out, n, "%Y-%m-%dT%H:%M:%S", &tm);
  int more = snprintf(out + used, n - used, ".%03dZ %d", (int)(now / 1000 % 1000), (int)getpid());
  return more < 0 ? used : used + (size_t)more;
}

const bool pie_path_has_backslash = false;

bool pie_path_is_file(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool pie_path_is_dir(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool pie_path_is_readable(const char *path) { return access(path, R_OK) == 0; }

int pie_path_join(char *out, size_t n, const char *folder, const char *name) {
  size_t length = strlen(folder);
  const char *slash = length && folder[length - 1] != '/' ? "/" : "";
  int used = snprintf(out, n, "%s%s%s", folder, slash, name);
  return used < 0 || (size_t)used >= n ? -PIE_ETOOBIG : 0;
}

int pie_path_parent(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash || !path[1])
    return -PIE_ENOENT;
  if (slash == path)
    slash++;
  *slash = '\0';
  return 0;
}

bool pie_path_is_absolute(const char *path) { return path[0] == '/'; }

void pie_path_list(const char *folder, const char *prefix, bool (*found)(void *, const char *),
                   void *context) {
  DIR *dir = opendir(folder);
  if (!dir)
    return;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && found(context, entry->d_name))
      break;
  }
  closedir(dir);
}

int pie_file_read_text(const char *path, char *out, size_t n) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -PIE_ENOENT;
  size_t used = 0;
  ssize_t got = 0;
  while (used < n - 1 && (got = read(fd, out + used, n - 1 - used)) > 0)
    used += (size_t)got;
  close(fd);
  out[used] = '\0';
  return got < 0 ? -PIE_EIO : (int)used;
}

int pie_env_get(const char *name, char *out, size_t n) {
  const char *value = getenv(name);
  if (!value)
    return -PIE_ENOENT;
  size_t length = strlen(value);
  if (length >= n)
    return -PIE_ETOOBIG;
  memcpy(out, value, length + 1);
  return 0;
}

void pie_env_list(const char *prefix, bool (*found)(void *, const char *), void *context) {
  size_t length = strlen(prefix);
  char name[ENV_NAME_MAX];
  for (char **entry = environ; entry && *entry; entry++) {
    const char *end = strchr(*entry, '=');
    if (!end || strncmp(*entry, prefix, length) != 0)
      continue;
    snprintf(name, sizeof name, "%.*s", (int)(end - *entry), *entry);
    if (found(context, name))
      return;
  }
}

void pie_user_name(char *out, size_t n) {
  struct passwd entry, *found = NULL;
  char space[4096];
  if (getpwuid_r(geteuid(), &entry, space, sizeof space, &found) == 0 && found)
    snprintf(out, n, "%s", found->pw_name);
  else
    snprintf(out, n, "user id %ld", (long)geteuid());
}

int pie_process_id(void) { return (int)getpid(); }

_Noreturn void pie_process_exit(int code) { _exit(code); }

size_t pie_processor_count(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? (size_t)count : 1;
}
