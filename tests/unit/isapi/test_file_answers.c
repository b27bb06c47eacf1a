/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers from files: what is said, and what is given out. Parsing has tests of its own
 * (test_conditions.c), and so have paths (platform/test_below.c).
 */
#include "isapi/files.h"

#include "base/error.h"
#include "harness/rig.h"
#include "harness/test.h"
#include "harness/tree.h"
#include "isapi/media.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct rig rig;
static enum fake_kind kind = FAKE_OURS;

static void make_old(const char *path, time_t seconds) {
  const struct timespec times[] = {{seconds, 0}, {seconds, 0}};
  REQUIRE(utimensat(AT_FDCWD, tree_path(path), times, 0) == 0);
}

static void make_tree(void) {
  tree_new();
  tree_file("a.css", "0123456789");
  tree_file("empty.txt", "");
  tree_file("page/index.html", "<p>");
  tree_file("bare/a.txt", "x");
  make_old("a.css", 784111777);
}

/* Serves path to such a request; the wire is rig.host.wire. */
static int serve_flags(const char *path, const char *request, int flags) {
  rig_open(&rig, kind, request);
  int err = pie_files_serve(rig.request, tree_path(""), pie_str_from(path), flags);
  if (!err)
    rig_finish(&rig, true);
  return err;
}

static void serve(const char *path, const char *request) {
  CHECK_INT(serve_flags(path, request, 0), 0);
}

static void check_wire(const char *want) {
  CHECK_HAS(rig.host.wire.p ? rig.host.wire.p : "", want);
}

static void check_no(const char *part) { CHECK_HAS_NOT(rig.host.wire.p, part); }

static void done(const char *body) {
  struct pie_buf got;
  pie_buf_init(&got, 1 << 20);
  CHECK_INT(fake_read_wire(&rig.host, &got), FAKE_WHOLE);
  CHECK_STR(pie_buf_str(&got), body);
  CHECK_TEXT(rig.host.breach ? rig.host.breach : "", "");
  pie_buf_free(&got);
  rig_close(&rig);
}

#define GET "GET /a.css HTTP/1.1\r\n"
#define HEAD "HEAD /a.css HTTP/1.1\r\n"
#define END "\r\n"

static void a_file_is_sent_on_every_host(void) {
  make_tree();
  for (int i = FAKE_IIS; i <= FAKE_APACHE; i++) {
    kind = (enum fake_kind)i;
    serve("/a.css", GET END);
    check_wire("HTTP/1.1 200 OK\r\n");
    check_wire("Content-Type: text/css; charset=utf-8\r\n");
    check_wire("X-Content-Type-Options: nosniff\r\n");
    check_wire("Content-Length: 10\r\n");
    check_wire("Accept-Ranges: bytes\r\n");
    check_wire("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    check_wire("ETag: \"");
    check_wire("Vary: Accept-Encoding\r\n");
    done("0123456789");
    serve("/empty.txt", GET END);
    check_wire("Content-Length: 0\r\n");
    done("");
  }
  kind = FAKE_OURS;
}

static void head_is_as_get_without_a_body(void) {
  make_tree();
  for (int i = FAKE_IIS; i <= FAKE_APACHE; i++) {
    kind = (enum fake_kind)i;
    serve("/a.css", HEAD "Range: bytes=0-1\r\n" END);
    check_wire("HTTP/1.1 200 OK\r\n");
    check_wire("Content-Length: 10\r\n");
    check_no("0123");
    rig_close(&rig);
  }
  kind = FAKE_OURS;
}

static void other_methods_are_refused(void) {
  make_tree();
  serve("/a.css", "POST /a.css HTTP/1.1\r\n" END);
  check_wire("HTTP/1.1 405 Method Not Allowed\r\n");
  check_wire("Allow: GET, HEAD\r\n");
  done("405 Method Not Allowed\n");
  CHECK_INT(serve_flags("/none", "POST /none HTTP/1.1\r\n" END, 0), -PIE_ENOENT);
  CHECK(!rig.host.head_given);
  rig_close(&rig);
}

static void ranges_are_parts(void) {
  make_tree();
  serve("/a.css", GET "Range: bytes=2-4\r\n" END);
  check_wire("HTTP/1.1 206 Partial Content\r\n");
  check_wire("Content-Range: bytes 2-4/10\r\n");
  check_wire("Content-Length: 3\r\n");
  done("234");
  serve("/a.css", GET "Range: bytes=10-\r\n" END);
  check_wire("HTTP/1.1 416 Range Not Satisfiable\r\n");
  check_wire("Content-Range: bytes */10\r\n");
  done("416 Range Not Satisfiable\n");
  serve("/a.css", GET "Range: bytes=0-1,3-4\r\n" END);
  check_wire("HTTP/1.1 200 OK\r\n");
  done("0123456789");
}

static void what_has_not_changed_is_not_sent(void) {
  make_tree();
  serve("/a.css", GET "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n" END);
  check_wire("HTTP/1.1 304 Not Modified\r\n");
  check_wire("ETag: \"");
  check_no("Content-Length");
  check_no("0123");
  rig_close(&rig);
  serve("/a.css", GET "If-Match: \"x\"\r\n" END);
  check_wire("HTTP/1.1 412 Precondition Failed\r\n");
  done("412 Precondition Failed\n");
}

static void copy_tag(char *out) {
  const char *at = strstr(rig.host.wire.p, "ETag: ");
  REQUIRE(at);
  snprintf(out, 60, "%.*s", (int)strcspn(at + 6, "\r"), at + 6);
}

static void tags_tell_states_apart(void) {
  char first[60], second[60], third[60];
  make_tree();
  serve("/a.css", GET END);
  copy_tag(first);
  rig_close(&rig);
  serve("/a.css", GET END);
  copy_tag(second);
  rig_close(&rig);
  CHECK_TEXT(second, first);
  tree_file("b", "0123456789");
  make_old("b", 784111777);
  REQUIRE(rename(tree_path("b"), tree_path("a.css")) == 0); /* another file, all else alike */
  serve("/a.css", GET END);
  copy_tag(third);
  rig_close(&rig);
  CHECK(strcmp(third, first) != 0);
  tree_file("a.css", "9876543210"); /* just now: it might change again within the same tick */
  serve("/a.css", GET END);
  check_wire("ETag: W/\"");
  rig_close(&rig);
}

static void a_file_of_the_future_is_of_now(void) {
  int64_t now = pie_clock_unix_s(), said = 0;
  make_tree();
  make_old("a.css", (time_t)(now + 100000));
  serve("/a.css", GET END);
  check_wire("ETag: W/\"");
  const char *at = strstr(rig.host.wire.p, "Last-Modified: ");
  REQUIRE(at);
  (void)said;
  CHECK_HAS_NOT(at, "1994");
  rig_close(&rig);
}

static void compressed_copies_are_preferred_as_asked(void) {
  static const struct {
    const char *accepts, *coding; /* "" none */
  } rows[] = {
      {"gzip, br", "br"},
      {"gzip", "gzip"},
      {"br", "br"},
      {"br;q=0.5, gzip", "gzip"},
      {"br;q=0, gzip;q=0", ""},
      {"identity, gzip;q=0.5", ""},
      {"deflate", ""},
      {"*", "br"},
      {"x-gzip", "gzip"},
  };
  char request[200], field[60];
  make_tree();
  tree_file("a.css.br", "in br");
  tree_file("a.css.gz", "in gzip");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *coding = rows[i].coding;
    test_context("%s", rows[i].accepts);
    snprintf(request, sizeof request, GET "Accept-Encoding: %s\r\n" END, rows[i].accepts);
    serve("/a.css", request);
    check_wire("Content-Type: text/css; charset=utf-8\r\n");
    check_wire("Vary: Accept-Encoding\r\n");
    snprintf(field, sizeof field, "Content-Encoding: %s\r\n", coding);
    if (*coding)
      check_wire(field);
    else
      check_no("Content-Encoding");
    snprintf(field, sizeof field, "-%s\"\r\n", coding);
    if (*coding)
      check_wire(field); /* the end of a tag of its own */
    snprintf(field, sizeof field, "in %s", coding);
    done(*coding ? field : "0123456789");
  }
  test_context(NULL);
}

static void old_and_empty_copies_are_left(void) {
  make_tree();
  tree_file("a.css.br", "in br");
  make_old("a.css.br", 784111776);
  tree_file("a.css.gz", "");
  serve("/a.css", GET "Accept-Encoding: br, gzip\r\n" END);
  check_no("Content-Encoding");
  done("0123456789");
}

static void what_is_compressed_has_no_copies(void) {
  make_tree();
  tree_file("a.png", "png");
  tree_file("a.png.gz", "twice");
  serve("/a.png", GET "Accept-Encoding: br, gzip\r\n" END);
  check_no("Vary");
  done("png");
}

/* ---- folders ---- */

static void a_folder_has_an_index(void) {
  make_tree();
  serve("/page/", "GET /page/ HTTP/1.1\r\n" END);
  check_wire("Content-Type: text/html; charset=utf-8\r\n");
  done("<p>");
  tree_file("index.html", "top");
  serve("/", "GET / HTTP/1.1\r\n" END);
  done("top");
}

static void check_location(const char *path, const char *target, const char *location) {
  char request[400], field[400];
  test_context("%s", target);
  snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" END, target);
  snprintf(field, sizeof field, "Location: %s\r\n", location);
  CHECK_INT(serve_flags(path, request, 0), 0);
  check_wire("HTTP/1.1 301 Moved Permanently\r\n");
  check_wire(field);
  test_context(NULL);
  done("301 Moved Permanently\n");
}

static void a_folder_without_slash_is_redirected_to(void) {
  make_tree();
  tree_file("evil.com/index.html", "x");
  check_location("/page", "/page", "./page/");
  check_location("/page", "/static/page?a=b&c=%20d", "./page/?a=b&c=%20d");
  check_location("/evil.com", "//evil.com", "./evil.com/");
  check_location("/evil.com", "/x//evil.com", "./evil.com/");
}

static void only_folders_with_an_index_are_known(void) {
  static const char *const paths[] = {
      "/bare",   "/bare/", "/page/index.html/", "/none/",        "", "/",
      "/page//", "//page", "/page/./",          "/page/../page/"};
  make_tree();
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    test_context("%s", paths[i]);
    CHECK_INT(serve_flags(paths[i], GET END, 0), -PIE_ENOENT);
    rig_close(&rig);
  }
  CHECK_INT(serve_flags("/page", "POST /page HTTP/1.1\r\n" END, 0), -PIE_ENOENT);
  rig_close(&rig);
  /* The file is below another URL: a relative redirect would lead nowhere. */
  CHECK_INT(serve_flags("/page", "GET /other/ HTTP/1.1\r\n" END, 0), -PIE_ENOENT);
  rig_close(&rig);
  test_context(NULL);
}

static void a_location_holds_no_lines(void) {
  make_tree();
  tree_file("a b\xc3\xa4:?%/index.html", "x");
  rig_open(&rig, kind, "GET / HTTP/1.1\r\n" END);
  rig.request->info.path_info = PIE_STR("/a b\xc3\xa4:?%");
  CHECK_INT(pie_files_serve(rig.request, tree_path(""), rig.request->info.path_info, 0), 0);
  rig_finish(&rig, true);
  check_wire("Location: ./a%20b%C3%A4%3A%3F%25/\r\n");
  rig_close(&rig);
  rig_open(&rig, kind, "GET /page HTTP/1.1\r\n" END);
  rig.request->info.query = PIE_STR("a\r\nX: y\t\"<\xff#");
  CHECK_INT(pie_files_serve(rig.request, tree_path(""), PIE_STR("/page"), 0), 0);
  rig_finish(&rig, true);
  check_wire("Location: ./page/?a%0D%0AX:%20y%09%22%3C%FF%23\r\n");
  rig_close(&rig);
}

static void a_location_may_be_too_long(void) {
  static char query[9000];
  make_tree();
  memset(query, 'q', sizeof query);
  rig_open(&rig, FAKE_APACHE, "GET /page HTTP/1.1\r\n" END);
  rig.request->info.query = (struct pie_str){query, sizeof query};
  CHECK_INT(pie_files_serve(rig.request, tree_path(""), PIE_STR("/page"), 0), 0);
  rig_finish(&rig, true);
  check_wire("HTTP/1.1 414 URI Too Long\r\n");
  rig_close(&rig);
}

/* ---- what is not given out ---- */

static void check_hidden(const char *path, int flags, bool hidden) {
  test_context("%s, flags %d", path, flags);
  tree_file(path, "x");
  CHECK_INT(serve_flags(path, GET END, flags), hidden ? -PIE_ENOENT : 0);
  rig_close(&rig);
  test_context(NULL);
}

static void names_with_dots_are_hidden(void) {
  make_tree();
  check_hidden(".env", 0, true);
  check_hidden(".git/config", 0, true);
  check_hidden("a/.x/b", 0, true);
  check_hidden("..b", 0, true);
  check_hidden(".well-known/a.txt", 0, false);
  check_hidden(".well-known/.a", 0, true);
  check_hidden("a.b.c", 0, false);
}

static void source_is_hidden_among_pages(void) {
  static const char *const names[] = {"a.py",          "A.PY",          "a.Py",
                                      "a.pyc",         "a.so",          "a.toml",
                                      "a.ini",         "a.db",          "a.sqlite3",
                                      "a.sqlite3-wal", "a.log",         "web.config",
                                      "Web.Config",    "a.py.bak",      "a.py.gz",
                                      "a.py~",         "x/__pycache__", "requirements.txt",
                                      "a.py.txt",      "a.py:b",        "__pycache__/a.txt",
                                      "a.pem",         "a.sql",         "a.yaml",
                                      "Dockerfile"};
  make_tree();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strncmp(names[i], "x/", 2) != 0 && strncmp(names[i], "__", 2) != 0)
      check_hidden(names[i], 0, false); /* elsewhere files are what they are */
    check_hidden(names[i], PIE_FILES_OF_PAGES, true);
  }
  static const char *const others[] = {"a.html",   "py",        "jquery.min.js",
                                       "a-py.txt", "happy.css", "index.html"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    check_hidden(others[i], PIE_FILES_OF_PAGES, false);
}

static void a_link_hides_no_source(void) {
  make_tree();
  tree_file("a.py", "secret");
  tree_file(".git/x", "secret");
  REQUIRE(symlink("a.py", tree_path("a.txt")) == 0);
  REQUIRE(symlink(".git", tree_path("git")) == 0);
  CHECK_INT(serve_flags("/a.txt", GET END, PIE_FILES_OF_PAGES), -PIE_ENOENT);
  rig_close(&rig);
  CHECK_INT(serve_flags("/git/x", GET END, 0), -PIE_ENOENT);
  rig_close(&rig);
  REQUIRE(symlink("a.py", tree_path("a.css.gz")) == 0);
  CHECK_INT(serve_flags("/a.css", GET "Accept-Encoding: gzip\r\n" END, PIE_FILES_OF_PAGES), 0);
  check_no("secret");
  done("0123456789");
}

static void troubles_are_told(void) {
  make_tree();
  rig_open(&rig, kind, GET END);
  CHECK_INT(pie_files_serve(rig.request, tree_path("none"), PIE_STR("/a"), 0), -PIE_EIO);
  CHECK_HAS(rig_log(rig.door), "cannot be opened");
  CHECK(!rig.host.head_given);
  rig_close(&rig);
  REQUIRE(symlink("/etc/passwd", tree_path("link.txt")) == 0);
  CHECK_INT(serve_flags("/link.txt", GET END, 0), -PIE_ENOENT);
  CHECK_HAS(rig_log(rig.door), "lies outside the folder");
  rig_close(&rig);
  REQUIRE(chmod(tree_path("a.css"), 0) == 0);
  if (geteuid()) {
    serve("/a.css", GET END);
    check_wire("HTTP/1.1 403 Forbidden\r\n");
    CHECK_HAS(rig_log(rig.door), "permission denied");
    done("403 Forbidden\n");
  }
}

/* ---- states ---- */

static void a_response_that_has_begun_goes_on(void) {
  make_tree();
  rig_open(&rig, kind, GET END);
  CHECK_INT(rig_take(&rig, 200, "OK", NULL), 0);
  CHECK_INT(rig_write(&rig, "x", 0), 0);
  CHECK_INT(pie_files_serve(rig.request, tree_path(""), PIE_STR("/a.css"), 0), -PIE_ESTATE);
  rig_close(&rig);
  rig_open(&rig, kind, GET END); /* but one that is held only is replaced */
  CHECK_INT(rig_take(&rig, 200, "OK", (const char *const[]){"X-Own", "1", NULL}), 0);
  CHECK_INT(pie_files_serve(rig.request, tree_path(""), PIE_STR("/a.css"), 0), 0);
  CHECK_INT(pie_files_serve(rig.request, tree_path(""), PIE_STR("/a.css"), 0), -PIE_ESTATE);
  rig_finish(&rig, true);
  check_no("X-Own");
  done("0123456789");
}

static void a_client_that_goes_breaks_it_off(void) {
  make_tree();
  for (int i = FAKE_IIS; i <= FAKE_APACHE; i++) {
    rig_open(&rig, (enum fake_kind)i, GET END);
    rig.host.fail_at = 1;
    CHECK_INT(pie_files_serve(rig.request, tree_path(""), PIE_STR("/a.css"), 0), -PIE_EGONE);
    rig_finish(&rig, false);
    CHECK_INT(rig.request->outcome, HSE_STATUS_ERROR);
    rig_close(&rig);
  }
}

static void types_are_known_in_any_case(void) {
  CHECK_TEXT(pie_media_find(PIE_STR("HTML"))->type, "text/html; charset=utf-8");
  CHECK_TEXT(pie_media_find(PIE_STR("7z"))->type, "application/x-7z-compressed");
  CHECK_TEXT(pie_media_find(PIE_STR("zst"))->type, "application/zstd");
  CHECK_TEXT(pie_media_find(PIE_STR("woff2"))->type, "font/woff2");
  CHECK_TEXT(pie_media_find(PIE_STR("mjs"))->type, "text/javascript; charset=utf-8");
  CHECK_TEXT(pie_media_find(PIE_STR(""))->type, "application/octet-stream");
  CHECK_TEXT(pie_media_find(PIE_STR("averyveryverylongone"))->type, "application/octet-stream");
}

static const struct test_case cases[] = {
    CASE(a_file_is_sent_on_every_host),
    CASE(head_is_as_get_without_a_body),
    CASE(other_methods_are_refused),
    CASE(ranges_are_parts),
    CASE(what_has_not_changed_is_not_sent),
    CASE(tags_tell_states_apart),
    CASE(a_file_of_the_future_is_of_now),
    CASE(compressed_copies_are_preferred_as_asked),
    CASE(old_and_empty_copies_are_left),
    CASE(what_is_compressed_has_no_copies),
    CASE(a_folder_has_an_index),
    CASE(a_folder_without_slash_is_redirected_to),
    CASE(only_folders_with_an_index_are_known),
    CASE(a_location_holds_no_lines),
    CASE(a_location_may_be_too_long),
    CASE(names_with_dots_are_hidden),
    CASE(source_is_hidden_among_pages),
    CASE(a_link_hides_no_source),
    CASE(troubles_are_told),
    CASE(a_response_that_has_begun_goes_on),
    CASE(a_client_that_goes_breaks_it_off),
    CASE(types_are_known_in_any_case),
};
TEST_MAIN(cases)
