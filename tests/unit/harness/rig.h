/* SPDX-License-Identifier: Apache-2.0
 *
 * A door of the test's own, and a request in it that a fake host has brought.
 */
#ifndef PIE_TEST_RIG_H
#define PIE_TEST_RIG_H

#include "harness/fake_ecb.h"
#include "isapi/door.h"

/* A door whose log is kept as text, and which configures itself at the first request. */
struct pie_door *rig_door_new(void);
/* The same, but configured already, with a fake engine that is ready (fake_engine.h). */
struct pie_door *rig_door_ready(const struct fake_host *host);
void rig_door_free(struct pie_door *door); /* when nothing runs in it any more */
const char *rig_log(const struct pie_door *door);
void rig_log_clear(struct pie_door *door);

/* The host's call and what follows it; HSE_STATUS_*. */
uint32_t rig_serve(struct pie_door *door, struct fake_host *host);

struct rig {
  struct fake_host host;
  struct pie_door *door;
  struct pie_request *request;
};

void rig_open(struct rig *rig, enum fake_kind kind, const char *request);
/* The request is parsed at rig_open; anew after changes to the host. */
int rig_parse(struct rig *rig);
void rig_close(struct rig *rig);

/* Status and headers; NULL-terminated pairs of name and value. */
int rig_take(struct rig *rig, int status, const char *reason, const char *const *headers);
int rig_write(struct rig *rig, const char *text, int flags);
int rig_finish(struct rig *rig, bool whole); /* and the host's end, if that is one */

#endif
