/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/fake_engine.h"

#include "base/error.h"
#include "base/str.h"

#include <stdio.h>
#include <time.h>

extern const struct pie_door_ops pie_door_ops; /* of the door in this program */

__attribute__((visibility("default"))) struct pie_engine *
test_engine_open(uint32_t abi, struct pie_door *door, const struct pie_door_ops *door_ops,
                 const struct pie_engine_ops **ops);

struct pie_engine fake_engine = {.handle = fake_hello};

const struct pie_door_ops *fake_door_ops(void) {
  return fake_engine.door_ops ? fake_engine.door_ops : &pie_door_ops;
}

void fake_engine_reset(void) {
  fake_engine.handle = fake_hello;
  fake_engine.warm = NULL;
  fake_engine.failure = NULL;
  fake_engine.file = NULL;
  fake_engine.file_failure = NULL;
  fake_engine.boots = 0;
  fake_engine.hold_start = fake_engine.refuse_abi = false;
  fake_engine.opens = fake_engine.starts = fake_engine.runs = fake_engine.handled = 0;
  fake_engine.warmed = fake_engine.idled = fake_engine.stops = 0;
}

static int boot(struct pie_engine *engine, const struct pie_engine_config *config,
                const struct pie_failure **failure) {
  (void)config, (void)failure;
  engine->boots++;
  return 0;
}

static int read_settings(struct pie_engine *engine, struct pie_str root, struct pie_str config,
                         void (*found)(void *context, const char *name, const char *text),
                         void *context, const struct pie_failure **failure) {
  snprintf(engine->file_root, sizeof engine->file_root, "%.*s", (int)root.n, root.p);
  snprintf(engine->file_config, sizeof engine->file_config, "%.*s", (int)config.n, config.p);
  for (const char *const *at = engine->file; at && *at; at += 2)
    found(context, at[0], at[1]);
  *failure = engine->file_failure;
  return *failure ? -PIE_ESTART : 0;
}

static int start(struct pie_engine *engine, const struct pie_engine_config *config,
                 const struct pie_failure **failure) {
  engine->config = *config;
  snprintf(engine->executable, sizeof engine->executable, "%s", config->executable);
  snprintf(engine->home, sizeof engine->home, "%s", config->home);
  snprintf(engine->package_dir, sizeof engine->package_dir, "%s", config->package_dir);
  engine->starts++;
  while (engine->hold_start)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  *failure = engine->failure;
  return *failure ? -PIE_ESTART : 0;
}

static void run(struct pie_engine *engine) { engine->runs++; }

static int handle(struct pie_engine *engine, struct pie_request *request,
                  const struct pie_request_info *info, int flags, uint32_t group) {
  (void)group;
  engine->handled++;
  return engine->handle(request, info, flags);
}

static void idle(struct pie_engine *engine) { engine->idled++; }

static bool warm(struct pie_engine *engine, const struct pie_request_info *info) {
  engine->warmed++;
  return !engine->warm || engine->warm(info);
}

static void stop(struct pie_engine *engine, int timeout_ms) {
  engine->stops++;
  engine->stop_timeout_ms = timeout_ms;
}

const struct pie_engine_ops fake_engine_ops = {
    .abi = PIE_ENGINE_ABI,
    .boot = boot,
    .read_settings = read_settings,
    .start = start,
    .run = run,
    .handle = handle,
    .idle = idle,
    .warm = warm,
    .stop = stop,
};

struct pie_engine *test_engine_open(uint32_t abi, struct pie_door *door,
                                    const struct pie_door_ops *door_ops,
                                    const struct pie_engine_ops **ops) {
  fake_engine.opens++;
  if (abi != PIE_ENGINE_ABI || door_ops->abi != PIE_ENGINE_ABI || fake_engine.refuse_abi)
    return NULL;
  fake_engine.door = door;
  fake_engine.door_ops = door_ops;
  *ops = &fake_engine_ops;
  return &fake_engine;
}

/* ---- ready-made answers ---- */

static const struct pie_header plain = {{"Content-Type", 12}, {"text/plain", 10}};

int fake_hello(struct pie_request *request, const struct pie_request_info *info, int flags) {
  const struct pie_door_ops *door = fake_door_ops();
  struct pie_response_head head = {200, PIE_STR("OK"), &plain, 1};
  struct pie_str body = PIE_STR("hello\n");
  (void)info, (void)flags;
  door->respond(request, &head);
  door->finish(request, door->write(request, &body, 1, PIE_WRITE_FINAL) == 0);
  return PIE_HANDLE_DONE;
}

int fake_echo(struct pie_request *request, const struct pie_request_info *info, int flags) {
  const struct pie_door_ops *door = fake_door_ops();
  struct pie_response_head head = {200, PIE_STR("OK"), &plain, 1};
  char piece[700];
  int64_t got;
  (void)info, (void)flags;
  door->respond(request, &head);
  while ((got = door->read(request, piece, sizeof piece)) > 0) {
    struct pie_str part = {piece, (size_t)got};
    door->write(request, &part, 1, 0);
  }
  door->finish(request, got == 0);
  return PIE_HANDLE_DONE;
}

int fake_busy(struct pie_request *request, const struct pie_request_info *info, int flags) {
  (void)request, (void)info, (void)flags;
  return -PIE_EBUSY;
}
