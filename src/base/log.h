/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines: "<time> <pid> <LEVEL> [<request id>] <text>". Where they go is the sink's business;
 * a sink must take calls from any thread.
 */
#ifndef PIE_BASE_LOG_H
#define PIE_BASE_LOG_H

#include "pyisapie/str.h"

#include <stdbool.h>

/* What applications write to their error stream has no level that we could know: it is always
 * written, as APP. */
enum pie_log_level { PIE_LOG_ERROR, PIE_LOG_WARNING, PIE_LOG_INFO, PIE_LOG_DEBUG, PIE_LOG_APP };

enum { PIE_LOG_LINE_MAX = 64 * 1024 }; /* longer texts are cut, and say so */

struct pie_log {
  enum pie_log_level level; /* the most talkative level that is written */
  void (*write)(void *context, const char *line, size_t n);
  size_t (*stamp)(char *out, size_t n); /* writes time and process id */
  void *context;
};

bool pie_log_level_parse(struct pie_str name, enum pie_log_level *out);

/* id may be empty. Control bytes are escaped; further lines of the text are indented, so that no
 * text can pass for a line of its own. */
void pie_log_text(const struct pie_log *log, enum pie_log_level level, struct pie_str id,
                  struct pie_str text);
__attribute__((format(printf, 3, 4))) void
pie_log(const struct pie_log *log, enum pie_log_level level, const char *format, ...);

#endif
