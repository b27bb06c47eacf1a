/* SPDX-License-Identifier: Apache-2.0
 *
 * The access log: one line for each request, and what a client sends stays inside its quotes.
 * Input: a byte for the form, then a request.
 */
#include "fuzz.h"
#include "fuzz_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static int fd = -1;

static void open_log(void) {
  char why[256];
  snprintf(path, sizeof path, "/tmp/pie-fuzz-access-XXXXXX");
  fd = mkstemp(path);
  FUZZ_CHECK(fd >= 0);
  fuzz_worker()->access = pie_log_file_open(path, why, sizeof why);
  FUZZ_CHECK(fuzz_worker()->access);
  unlink(path);
}

static void use_form(bool json) {
  char why[256];
  struct pie_settings *settings = (struct pie_settings *)(uintptr_t)fuzz_worker()->settings;
  pie_settings_set(settings, PIE_SET_ACCESS_LOG, pie_str_from(json ? "json" : "combined"), why,
                   sizeof why);
}

/* Quoted parts hold no bare quote, and every backslash begins an escape. */
static size_t check_quotes(const char *line, size_t n) {
  size_t quotes = 0;
  for (size_t i = 0; i < n; i++) {
    if (line[i] == '\\') {
      FUZZ_CHECK(i + 1 < n && strchr("\"\\u", line[i + 1]));
      i++;
    } else {
      quotes += line[i] == '"';
    }
  }
  return quotes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static char line[1 << 20];
  struct fuzz_input input;
  if (fd < 0)
    open_log();
  fuzz_begin(&input, bytes, n);
  bool json = fuzz_byte(&input) & 1;
  use_form(json);
  struct pie_conn *conn = fuzz_conn(fuzz_rest(&input));
  if (conn) {
    conn->exchange.status = 200;
    pie_access_log(&conn->exchange);
    ssize_t got = pread(fd, line, sizeof line - 1, 0);
    FUZZ_CHECK(got > 10 && line[got - 1] == '\n');
    FUZZ_CHECK(memchr(line, '\n', (size_t)got) == line + got - 1);
    for (ssize_t i = 0; i < got - 1; i++)
      FUZZ_CHECK((unsigned char)line[i] >= 0x20 && (unsigned char)line[i] < 0x7f);
    FUZZ_CHECK(check_quotes(line, (size_t)got) == (json ? 34 : 6));
    FUZZ_CHECK(line[got - 2] == (json ? '}' : '"'));
    FUZZ_CHECK(ftruncate(fd, 0) == 0);
    fuzz_conn_end(conn);
  }
  fuzz_end();
  return 0;
}
