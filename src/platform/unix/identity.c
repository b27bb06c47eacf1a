/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"

intptr_t pie_token_of_user(void) { return 0; }

int pie_token_take(intptr_t token) {
  (void)token;
  return -PIE_ENOTSUP;
}

bool pie_token_give_back(void) { return true; }

void pie_token_without(void (*work)(void *), void *arg) { work(arg); }

int pie_token_name(char *out, size_t n) {
  (void)out, (void)n;
  return -PIE_ENOTSUP;
}
