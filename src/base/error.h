/* SPDX-License-Identifier: Apache-2.0
 *
 * One currency of error in C: 0 or a negative PIE_E* code. One list makes enum, name and text.
 */
#ifndef PIE_BASE_ERROR_H
#define PIE_BASE_ERROR_H

#define PIE_ERRORS(X)                                                                              \
  X(NOMEM, 1, "out of memory")                                                                     \
  X(INVAL, 2, "invalid argument")                                                                  \
  X(TOOBIG, 3, "over a limit")                                                                     \
  X(IO, 4, "input/output error")                                                                   \
  X(GONE, 5, "the client has gone")                                                                \
  X(TIMEOUT, 6, "timed out")                                                                       \
  X(BUSY, 7, "too busy")                                                                           \
  X(STATE, 8, "not allowed in this state")                                                         \
  X(PROTO, 9, "malformed input")                                                                   \
  X(NOENT, 10, "not found")                                                                        \
  X(NOTSUP, 11, "not supported here")                                                              \
  X(START, 12, "could not be started")                                                             \
  X(AGAIN, 13, "would block")                                                                      \
  X(DENIED, 14, "permission denied")                                                               \
  X(FOLDER, 15, "is a folder")                                                                     \
  X(OUTSIDE, 16, "lies outside the folder")

enum pie_error {
#define PIE_ERROR_ENUM(name, number, text) PIE_E##name = number,
  PIE_ERRORS(PIE_ERROR_ENUM)
#undef PIE_ERROR_ENUM
};

/* The text for a code of either sign; never NULL. */
const char *pie_error_text(int code);

#endif
