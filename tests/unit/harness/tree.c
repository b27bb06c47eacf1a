/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/tree.h"

#include "harness/test.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[PIE_PATH_MAX];
static int trees;

void tree_new(void) {
  snprintf(top, sizeof top, "%s/tree-%d", test_folder(), ++trees);
  REQUIRE(mkdir(top, 0700) == 0);
}

const char *tree_path(const char *path) {
  static char paths[8][PIE_PATH_MAX];
  static int next;
  char *out = paths[next++ % 8];
  REQUIRE(pie_path_join(out, PIE_PATH_MAX, top, path) == 0);
  return out;
}

static void make_dirs(char *full) {
  for (char *at = full + strlen(top) + 1; (at = strchr(at, '/')); at++) {
    *at = '\0';
    REQUIRE(mkdir(full, 0700) == 0 || errno == EEXIST);
    *at = '/';
  }
}

void tree_dir(const char *path) {
  char full[PIE_PATH_MAX];
  snprintf(full, sizeof full, "%s/", tree_path(path));
  make_dirs(full);
}

static int create(const char *path) {
  char full[PIE_PATH_MAX];
  snprintf(full, sizeof full, "%s", tree_path(path));
  make_dirs(full);
  int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
  REQUIRE(fd >= 0);
  return fd;
}

void tree_file(const char *path, const char *text) {
  int fd = create(path);
  REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

void tree_copy(const char *path, const char *built) {
  char from[PIE_PATH_MAX], piece[32 * 1024];
  REQUIRE(pie_path_join(from, sizeof from, test_program_folder(), built) == 0);
  int in = open(from, O_RDONLY | O_CLOEXEC), out = create(path);
  REQUIRE(in >= 0);
  ssize_t got;
  while ((got = read(in, piece, sizeof piece)) > 0)
    REQUIRE(write(out, piece, (size_t)got) == got);
  close(in);
  close(out);
}
