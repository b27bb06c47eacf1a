/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "harness/test.h"
#include "harness/tree.h"
#include "platform/platform.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct pie_file_below found;

static void make_tree(void) {
  tree_new();
  tree_file("root/a.txt", "hello");
  tree_file("root/sub/b.txt", "inside");
  tree_file("rooted/c.txt", "outside");
  tree_file("d.txt", "outside");
}

/* The result, and with 0 the file is closed again. */
static int open_in(const char *root, const char *path) {
  int err = pie_file_open_below(tree_path(root), pie_str_from(path), &found);
  if (!err)
    pie_file_close(found.file);
  return err;
}

static void link_to(const char *target, const char *name) {
  REQUIRE(symlink(target, tree_path(name)) == 0);
}

static int count_open(void) {
  int count = 0;
  for (int fd = 0; fd < 200; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void a_file_is_opened_and_described(void) {
  char text[8];
  make_tree();
  const struct timespec times[] = {{1000000000, 123456789}, {1000000000, 123456789}};
  REQUIRE(utimensat(AT_FDCWD, tree_path("root/a.txt"), times, 0) == 0);
  CHECK_INT(pie_file_open_below(tree_path("root"), PIE_STR("a.txt"), &found), 0);
  CHECK_INT(found.size, 5);
  CHECK_INT(found.changed_ns, 1000000000123456789);
  CHECK_TEXT(found.name, "a.txt");
  CHECK_INT(pie_file_read_at(found.file, 0, text, sizeof text), 5);
  CHECK(fcntl((int)found.file, F_GETFD) & FD_CLOEXEC);
  pie_file_close(found.file);
  uint64_t id = found.id;
  CHECK_INT(open_in("root", "sub/b.txt"), 0);
  CHECK_TEXT(found.name, "sub/b.txt");
  CHECK(found.id != id);
}

static void others_are_told_apart(void) {
  make_tree();
  CHECK_INT(open_in("root", "none"), -PIE_ENOENT);
  CHECK_INT(open_in("root", "a.txt/b"), -PIE_ENOENT);
  CHECK_INT(open_in("root", "sub"), -PIE_EFOLDER);
  CHECK_INT(open_in("none", "a.txt"), -PIE_EIO);
  CHECK_INT(open_in("root/a.txt", "a.txt"), -PIE_EIO);
  REQUIRE(chmod(tree_path("root/a.txt"), 0) == 0);
  if (geteuid())
    CHECK_INT(open_in("root", "a.txt"), -PIE_EDENIED);
}

static void other_spellings_are_not_found(void) {
  static const char *const paths[] = {"",           "/a.txt",      "./a.txt",    "sub/../a.txt",
                                      "sub//b.txt", "sub/./b.txt", "sub/",       "../root/a.txt",
                                      "../d.txt",   "a.txt/",      "sub\\b.txt", "a.txt."};
  make_tree();
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    test_context("%s", paths[i]);
    CHECK_INT(open_in("root", paths[i]), -PIE_ENOENT);
  }
  test_context(NULL);
  CHECK_INT(pie_file_open_below(tree_path("root"), PIE_STR("a.txt\0b"), &found), -PIE_ENOENT);
}

static void links_may_lead_on_inside_only(void) {
  make_tree();
  link_to("sub/b.txt", "root/inside");
  link_to("sub", "root/folder");
  link_to("../d.txt", "root/outside");
  link_to("../rooted/c.txt", "root/beside"); /* whose name begins alike */
  link_to("..", "root/up");
  link_to("loop", "root/loop");
  link_to("/etc/passwd", "root/absolute");
  link_to("/proc/self/root/etc/passwd", "root/magic");
  CHECK_INT(open_in("root", "inside"), 0);
  CHECK_TEXT(found.name, "sub/b.txt");
  CHECK_INT(open_in("root", "folder/b.txt"), 0);
  CHECK_INT(open_in("root", "outside"), -PIE_EOUTSIDE);
  CHECK_INT(open_in("root", "beside"), -PIE_EOUTSIDE);
  CHECK_INT(open_in("root", "up/d.txt"), -PIE_EOUTSIDE);
  CHECK_INT(open_in("root", "up"), -PIE_EOUTSIDE);
  CHECK_INT(open_in("root", "up/root/a.txt"), 0); /* it comes back */
  CHECK_INT(open_in("root", "loop"), -PIE_ENOENT);
  CHECK_INT(open_in("root", "absolute"), -PIE_EOUTSIDE);
  CHECK_INT(open_in("root", "magic"), -PIE_EOUTSIDE);
  link_to("root", "link");
  CHECK_INT(open_in("link", "a.txt"), 0); /* the root itself may be one */
  CHECK_INT(open_in("link", "outside"), -PIE_EOUTSIDE);
}

static void only_files_are_opened(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  make_tree();
  REQUIRE(mkfifo(tree_path("root/pipe"), 0600) == 0);
  CHECK_INT(open_in("root", "pipe"), -PIE_ENOENT); /* at once */
  link_to("/dev/null", "root/device");
  CHECK_INT(open_in("root", "device"), -PIE_EOUTSIDE);
  CHECK_INT(pie_file_open_below("/dev", PIE_STR("null"), &found), -PIE_ENOENT);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", tree_path("root/socket"));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
    CHECK_INT(open_in("root", "socket"), -PIE_ENOENT);
  close(fd);
}

static void the_root_may_be_all(void) {
  make_tree();
  const char *path = tree_path("root/a.txt");
  CHECK_INT(pie_file_open_below("/", pie_str_from(path + 1), &found), 0);
  CHECK_TEXT(found.name, path + 1);
  pie_file_close(found.file);
}

static void long_paths_are_not_found(void) {
  char path[PIE_PATH_MAX + 10];
  make_tree();
  for (size_t i = 0; i < sizeof path; i++)
    path[i] = i % 2 ? '/' : 'a';
  for (size_t n = 1; n < sizeof path; n += 501)
    CHECK_INT(pie_file_open_below(tree_path("root"), (struct pie_str){path, n}, &found),
              -PIE_ENOENT);
}

static void nothing_stays_open(void) {
  make_tree();
  link_to("../d.txt", "root/outside");
  REQUIRE(mkfifo(tree_path("root/pipe"), 0600) == 0);
  int before = count_open();
  for (int i = 0; i < 20; i++) {
    open_in("root", "a.txt");
    open_in("root", "none");
    open_in("root", "sub");
    open_in("root", "outside");
    open_in("root", "pipe");
    open_in("none", "a");
  }
  CHECK_INT(count_open(), before);
}

static const struct test_case cases[] = {
    CASE(a_file_is_opened_and_described), CASE(others_are_told_apart),
    CASE(other_spellings_are_not_found),  CASE(links_may_lead_on_inside_only),
    CASE(only_files_are_opened),          CASE(the_root_may_be_all),
    CASE(long_paths_are_not_found),       CASE(nothing_stays_open),
};
TEST_MAIN(cases)
