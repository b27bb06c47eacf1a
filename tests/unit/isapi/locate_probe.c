/* SPDX-License-Identifier: Apache-2.0
 *
 * The door's search for Python in a module of its own: copies of it lie where a door would.
 */
#include "isapi/locate.h"

__attribute__((visibility("default"))) int probe_locate(struct pie_python *python, const char *home,
                                                        char *why, char *advice);

int probe_locate(struct pie_python *python, const char *home, char *why, char *advice) {
  return pie_locate(python, home, why, advice);
}
