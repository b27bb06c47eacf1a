/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker and a connection of our host that have no loop and no socket, for what needs neither.
 */
#ifndef PIE_FUZZ_HOST_H
#define PIE_FUZZ_HOST_H

#include "host/host.h"

struct pie_worker *fuzz_worker(void); /* made once */
/* A connection whose parser has taken a request of these bytes; NULL when it refuses them, or
 * when the host refuses the request before the extension gets it. */
struct pie_conn *fuzz_conn(struct pie_str bytes);
void fuzz_conn_end(struct pie_conn *conn);

#endif
