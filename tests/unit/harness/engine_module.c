/* SPDX-License-Identifier: Apache-2.0
 *
 * The fake engine as the door finds it: a shared module named like a real one. All it does is to
 * ask the program that loaded the door.
 */
#include "pyisapie/engine.h"

#include <dlfcn.h>
#include <string.h>

struct pie_engine *pie_engine_open(uint32_t abi, struct pie_door *door,
                                   const struct pie_door_ops *door_ops,
                                   const struct pie_engine_ops **ops) {
  pie_engine_open_fn open = NULL;
  void *symbol = dlsym(RTLD_DEFAULT, "test_engine_open");
  memcpy(&open, &symbol, sizeof open);
  return open ? open(abi, door, door_ops, ops) : NULL;
}
