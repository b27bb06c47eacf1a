/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/buf.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const level_names[] = {"ERROR", "WARNING", "INFO", "DEBUG", "APP"};

bool pie_log_level_parse(struct pie_str name, enum pie_log_level *out) {
  for (int i = PIE_LOG_ERROR; i <= PIE_LOG_DEBUG; i++) {
    if (pie_str_equal_nocase(name, pie_str_from(level_names[i]))) {
      *out = (enum pie_log_level)i;
      return true;
    }
  }
  return false;
}

/* False when not all of it had room. */
static bool add_escaped(struct pie_buf *line, struct pie_str text) {
  for (size_t i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if (line->n >= PIE_LOG_LINE_MAX)
      return false;
    if (c == '\n' && i + 1 < text.n)
      pie_buf_adds(line, "\n    ");
    else if (c == '\n' || (c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n'))
      continue;
    else if ((c < 0x20 && c != '\t') || c == 0x7f)
      pie_buf_addf(line, "\\x%02x", c);
    else
      pie_buf_append(line, &text.p[i], 1);
  }
  return true;
}

static bool is_written(const struct pie_log *log, enum pie_log_level level) {
  return log && (level <= __atomic_load_n(&log->level, __ATOMIC_RELAXED) || level == PIE_LOG_APP);
}

void pie_log_text(const struct pie_log *log, enum pie_log_level level, struct pie_str id,
                  struct pie_str text) {
  if (!is_written(log, level))
    return;
  char stamp[64];
  struct pie_buf line;
  pie_buf_init(&line, PIE_LOG_LINE_MAX + 64);
  size_t n = log->stamp ? log->stamp(stamp, sizeof stamp) : 0;
  pie_buf_append(&line, stamp, n);
  pie_buf_addf(&line, "%s%s ", n ? " " : "", level_names[level]);
  if (id.n)
    pie_buf_addf(&line, "[%.*s] ", (int)id.n, id.p);
  if (!add_escaped(&line, text))
    pie_buf_adds(&line, " [cut]");
  pie_buf_adds(&line, "\n");
  if (line.p)
    log->write(__atomic_load_n(&log->context, __ATOMIC_ACQUIRE), line.p, line.n);
  pie_buf_free(&line);
}

void pie_log(const struct pie_log *log, enum pie_log_level level, const char *format, ...) {
  if (!is_written(log, level))
    return;
  char on_stack[1024], *text = on_stack;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(on_stack, sizeof on_stack, format, args);
  va_end(args);
  size_t length = n < 0 ? 0 : (size_t)n;
  if (length >= sizeof on_stack) {
    text = malloc(length + 1);
    if (text)
      vsnprintf(text, length + 1, format, again);
    else
      length = sizeof on_stack - 1;
  }
  va_end(again);
  pie_log_text(log, level, (struct pie_str){"", 0},
               (struct pie_str){text ? text : on_stack, length});
  if (text != on_stack)
    free(text);
}
