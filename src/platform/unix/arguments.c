/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/platform.h"

char **pie_arguments(int *count, char **args) {
  (void)count;
  return args;
}
