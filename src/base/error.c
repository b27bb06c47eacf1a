/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

const char *pie_error_text(int code) {
  switch (code < 0 ? -code : code) {
  case 0:
    return "no error";
#define PIE_ERROR_CASE(name, number, text)                                                         \
  case number:                                                                                     \
    return text;
    PIE_ERRORS(PIE_ERROR_CASE)
#undef PIE_ERROR_CASE
  default:
    return "unknown error";
  }
}
