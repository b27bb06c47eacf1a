/* SPDX-License-Identifier: Apache-2.0
 *
 * PIE_CHECK states an internal fact. It stays in release builds and never judges input.
 */
#ifndef PIE_BASE_CHECK_H
#define PIE_BASE_CHECK_H

#define PIE_CHECK(fact)                                                                            \
  do {                                                                                             \
    if (!(fact))                                                                                   \
      pie_check_failed(#fact, __FILE__, __LINE__);                                                 \
  } while (0)

_Noreturn void pie_check_failed(const char *fact, const char *file, int line);

#endif
