/* SPDX-License-Identifier: Apache-2.0
 *
 * The access log: one line a request, whatever the client sends.
 */
#include "harness/served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct served served;

static DWORD hello(EXTENSION_CONTROL_BLOCK *ecb) { return ext_answer(ecb, "hello"); }

static void start(const char *form) {
  const char *const settings[] = {"access-log", form, NULL};
  served_start(&served, SERVED_OURS, hello, settings);
}

static const char *line_after(const char *part) {
  const char *at = strstr(served_access_log(&served), part);
  return at ? at + strlen(part) : "(not in the log)";
}

static void the_combined_form(void) {
  start("combined");
  served_ask(&served, "GET /a%20b?q=\"x\"\\ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                      "Referer: http://r/\r\nUser-Agent: \"agent\\ \x80\t\r\n\r\n");
  served_ask(&served, "GET / HTTP/1.0\r\n\r\n");
  served_stop(&served);
  CHECK(strncmp(served_access_log(&served), "127.0.0.1 - - [", 15) == 0);
  CHECK_HAS(
      line_after("+0000] "),
      "\"GET /a%20b?q=\\\"x\\\"\\\\ HTTP/1.1\" 200 5 \"http://r/\" \"\\\"agent\\\\ \\u0080\"\n");
  CHECK_HAS(served_access_log(&served), "\"GET / HTTP/1.0\" 200 5 \"-\" \"-\"\n");
}

static void the_json_form(void) {
  start("json");
  served_ask(&served, "GET /\"x\" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                      "Referer: r\xff\r\nUser-Agent: a\\b\tc\r\n\r\n");
  served_stop(&served);
  const char *log = served_access_log(&served);
  CHECK(strncmp(log, "{\"time\":\"2", 10) == 0);
  CHECK_HAS(log, "\"remote\":\"127.0.0.1\",\"method\":\"GET\",\"target\":\"/\\\"x\\\"\","
                 "\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":5,\"us\":");
  CHECK_HAS(log, ",\"referer\":\"r\\u00ff\",\"agent\":\"a\\\\b\\u0009c\"}\n");
}

static void refusals_are_logged_too(void) {
  start("combined");
  served_ask(&served, "GET / HTTP/1.1\r\n\r\n");
  served_ask(&served, "BREW / HTTP/1.1\r\nHost: h\r\n\r\n");
  served_stop(&served);
  CHECK_HAS(served_access_log(&served), "\"GET / HTTP/1.1\" 400 ");
  CHECK_HAS(served_access_log(&served), " 501 ");
}

static void no_log_is_no_log(void) {
  start("off");
  served_ask(&served, "GET / HTTP/1.0\r\n\r\n");
  served_stop(&served);
  CHECK_TEXT(served_access_log(&served), "");
}

static void a_log_that_cannot_be_written_is_told(void) {
  const char *const settings[] = {"access-log", "json", "access-log-file", "/no/such/folder/log",
                                  NULL};
  served_start(&served, SERVED_OURS, hello, settings);
  int status = served_wait(&served);
  CHECK(status != 0);
  CHECK_HAS(served_log(&served), "cannot write the log file /no/such/folder/log");
  CHECK_HAS(served_log(&served), "(setting access-log-file)");
}

/* One line for each request, and each ends as it must, however long its parts are: the escapes of
 * a large field must not fill the line up. */
static void check_long(const char *form, const char *end) {
  struct pie_buf text;
  int lines = 0;
  pie_buf_init(&text, 1 << 20);
  pie_buf_adds(&text, "GET /long HTTP/1.1\r\nHost: h\r\nConnection: close\r\nUser-Agent: ");
  for (int i = 0; i < 60000; i++)
    pie_buf_append(&text, "\x80", 1);
  pie_buf_adds(&text, "\r\n\r\n");
  start(form);
  CHECK_HAS(served_ask(&served, text.p), "200 OK");
  served_ask(&served, "GET /short HTTP/1.0\r\nUser-Agent: x\r\n\r\n");
  served_stop(&served);
  struct pie_str rest = pie_str_from(served_access_log(&served));
  while (rest.n) {
    struct pie_str line = pie_str_cut(&rest, '\n');
    size_t n = strlen(end);
    CHECK(line.n > n && memcmp(line.p + line.n - n, end, n) == 0);
    lines++;
  }
  CHECK_INT(lines, 2);
  pie_buf_free(&text);
}

static void long_fields_do_not_swallow_the_end_of_a_line(void) {
  check_long("combined", "\"");
  check_long("json", "\"}");
}

static const struct test_case cases[] = {
    CASE(the_combined_form),
    CASE(the_json_form),
    CASE(refusals_are_logged_too),
    CASE(no_log_is_no_log),
    CASE(a_log_that_cannot_be_written_is_told),
    CASE(long_fields_do_not_swallow_the_end_of_a_line),
};
TEST_MAIN(cases)
