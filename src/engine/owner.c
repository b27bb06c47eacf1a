/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/owner.h"

#include "engine/interp.h"
#include "engine/world.h"

static struct {
  struct pie_mutex lock;
  struct pie_cond changed;
  struct pie_world *world;
  bool offered, over;
} owner = {.lock = PIE_MUTEX_INIT};

PyObject *pie_owner_offer(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  pie_cond_init(&owner.changed);
  owner.offered = true;
  Py_RETURN_NONE;
}

static struct pie_world *wait_for_world(void) {
  pie_mutex_lock(&owner.lock);
  while (!owner.world && !owner.over)
    pie_cond_wait(&owner.changed, &owner.lock);
  struct pie_world *world = owner.world;
  pie_mutex_unlock(&owner.lock);
  return world;
}

static void wait_for_end(void) {
  pie_mutex_lock(&owner.lock);
  while (!owner.over)
    pie_cond_wait(&owner.changed, &owner.lock);
  pie_mutex_unlock(&owner.lock);
}

PyObject *pie_owner_own(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  pie_interp_adopt();
  struct pie_world *world = wait_for_world();
  if (world)
    pie_world_run(world);
  wait_for_end();
  pie_interp_hand_back();
  Py_RETURN_NONE;
}

PyObject *pie_owner_disown(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  pie_mutex_lock(&owner.lock);
  owner.over = true;
  pie_cond_broadcast(&owner.changed);
  pie_mutex_unlock(&owner.lock);
  Py_RETURN_NONE;
}

bool pie_owner_take(struct pie_world *world) {
  pie_mutex_lock(&owner.lock);
  bool taken = owner.offered && !owner.over;
  if (taken) {
    owner.world = world;
    pie_cond_broadcast(&owner.changed);
  }
  pie_mutex_unlock(&owner.lock);
  return taken;
}
