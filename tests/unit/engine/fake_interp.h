/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIE_TEST_FAKE_INTERP_H
#define PIE_TEST_FAKE_INTERP_H

#include "engine/py.h"
#include "platform/platform.h"

#include <stdatomic.h>

enum { FAKE_INTERPRETERS_MAX = 4 };

struct fake_gil {
  struct pie_mutex lock;
  int holders;
};

extern struct fake_gil fake_gils[FAKE_INTERPRETERS_MAX];
extern atomic_long fake_raised, fake_cleared; /* exceptions for threads, and their end */

void fake_gils_init(void);
bool fake_is_inside(const struct fake_gil *gil);

#endif
