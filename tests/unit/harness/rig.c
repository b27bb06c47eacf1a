/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/rig.h"

#include "harness/fake_engine.h"
#include "isapi/response.h"

#include <stdlib.h>
#include <string.h>

enum { LOG_MAX = 1 << 22, HEADERS_MAX = 64 };

/* ---- a door ---- */

struct kept_log {
  pthread_mutex_t lock;
  struct pie_buf text;
};

static void keep_line(void *context, const char *line, size_t n) {
  struct kept_log *log = context;
  pthread_mutex_lock(&log->lock);
  pie_buf_append(&log->text, line, n);
  pthread_mutex_unlock(&log->lock);
}

struct pie_door *rig_door_new(void) {
  struct pie_door *door;
  if (pie_door_new(&door))
    abort();
  return door;
}

struct pie_door *rig_door_ready(const struct fake_host *host) {
  struct pie_door *door = rig_door_new();
  struct kept_log *log = calloc(1, sizeof *log);
  EXTENSION_CONTROL_BLOCK ecb = host->ecb;
  if (!log)
    abort();
  pthread_mutex_init(&log->lock, NULL);
  pie_buf_init(&log->text, LOG_MAX);
  door->log = (struct pie_log){PIE_LOG_DEBUG, keep_line, NULL, log};
  pie_quirks_find(&door->quirks, &ecb);
  door->ops = &fake_engine_ops;
  door->engine = &fake_engine;
  door->configuration = PIE_CONFIGURED;
  door->state = PIE_DOOR_READY;
  return door;
}

const char *rig_log(const struct pie_door *door) {
  const struct kept_log *log = door->log.context;
  return pie_buf_str(&log->text).p;
}

void rig_log_clear(struct pie_door *door) {
  struct kept_log *log = door->log.context;
  pie_buf_clear(&log->text);
}

static void free_request(struct pie_request *request) {
  if (!request)
    return;
  pie_arena_free(&request->arena);
  pie_response_free(&request->response);
  pie_io_free(&request->io);
  free(request);
}

void rig_door_free(struct pie_door *door) {
  free_request(door->spare);
  while (door->free) {
    struct pie_request *request = door->free;
    door->free = request->next;
    free_request(request);
  }
  if (door->log.write == keep_line) {
    struct kept_log *log = door->log.context;
    pthread_mutex_destroy(&log->lock);
    pie_buf_free(&log->text);
    free(log);
  }
  pie_log_file_close(door->log_file);
  pie_site_logs_free(&door->site_logs);
  pie_buf_free(&door->file_statics);
  pie_buf_free(&door->failure.summary);
  pie_buf_free(&door->failure.detail);
  pie_buf_free(&door->failure.advice);
  pie_settings_free(&door->settings);
  pie_mutex_destroy(&door->lock);
  pie_cond_destroy(&door->changed);
  free(door);
}

uint32_t rig_serve(struct pie_door *door, struct fake_host *host) {
  uint32_t outcome = pie_door_handle(door, &host->ecb);
  fake_returned(host, outcome);
  return outcome;
}

/* ---- a request ---- */

void rig_open(struct rig *rig, enum fake_kind kind, const char *request) {
  fake_open(&rig->host, kind, request);
  rig->door = rig_door_ready(&rig->host);
  rig->request = calloc(1, sizeof *rig->request);
  if (!rig->request)
    abort();
  pie_arena_init(&rig->request->arena, PIE_REQUEST_MEMORY_MAX);
  pie_response_init(&rig->request->response);
  pie_io_init(&rig->request->io);
  rig->request->door = rig->door;
  rig->request->ecb = &rig->host.ecb;
  strcpy(rig->request->id, "id-1");
  rig->request->id_length = 4;
  rig_parse(rig);
}

int rig_parse(struct rig *rig) {
  pie_arena_reset(&rig->request->arena);
  memset(&rig->request->info, 0, sizeof rig->request->info);
  return pie_request_parse(rig->request, &rig->door->quirks, &rig->door->settings);
}

void rig_close(struct rig *rig) {
  pie_arena_free(&rig->request->arena);
  pie_response_free(&rig->request->response);
  pie_io_free(&rig->request->io);
  free(rig->request);
  rig_door_free(rig->door);
  fake_close(&rig->host);
}

int rig_take(struct rig *rig, int status, const char *reason, const char *const *headers) {
  struct pie_header list[HEADERS_MAX];
  size_t n = 0;
  for (; headers && headers[n * 2] && n < HEADERS_MAX; n++)
    list[n] = (struct pie_header){pie_str_from(headers[n * 2]), pie_str_from(headers[n * 2 + 1])};
  struct pie_response_head head = {status, pie_str_from(reason), list, n};
  return pie_response_take(rig->request, &head);
}

int rig_write(struct rig *rig, const char *text, int flags) {
  struct pie_str part = pie_str_from(text);
  return pie_response_write(rig->request, &part, text ? 1 : 0, flags);
}

int rig_finish(struct rig *rig, bool whole) {
  int err = pie_response_finish(rig->request, whole);
  if (!err)
    fake_returned(&rig->host, rig->request->outcome);
  return err;
}
