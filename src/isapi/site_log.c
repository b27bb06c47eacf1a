/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/site_log.h"

#include "base/error.h"
#include "base/str.h"
#include "isapi/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a site has chosen; a later choice of the same site stands before it in the list. */
struct pie_site_log {
  struct pie_site_log *next;
  struct pie_str app, root, config;
  const struct pie_log *log; /* the door's, or */
  struct pie_log own;
};

struct pie_log_writer {
  struct pie_log_writer *next;
  char *path;
  struct pie_log_file *file;
};

void pie_site_logs_init(struct pie_site_logs *logs) { pie_mutex_init(&logs->lock); }

static void site_log_free(struct pie_site_log *site) {
  pie_str_free(site->app);
  pie_str_free(site->root);
  pie_str_free(site->config);
  free(site);
}

static void writer_free(struct pie_log_writer *writer) {
  pie_log_file_close(writer->file);
  free(writer->path);
  free(writer);
}

void pie_site_logs_free(struct pie_site_logs *logs) {
  struct pie_site_log *site = atomic_load(&logs->first);
  while (site) {
    struct pie_site_log *next = site->next;
    site_log_free(site);
    site = next;
  }
  while (logs->writers) {
    struct pie_log_writer *writer = logs->writers;
    logs->writers = writer->next;
    writer_free(writer);
  }
  pie_mutex_destroy(&logs->lock);
}

static const struct pie_site_log *find(struct pie_site_logs *logs,
                                       const struct pie_log_origin *key) {
  const struct pie_site_log *site = atomic_load_explicit(&logs->first, memory_order_acquire);
  while (site && !(pie_str_equal(site->app, key->app) && pie_str_equal(site->root, key->root) &&
                   pie_str_equal(site->config, key->config)))
    site = site->next;
  return site;
}

const struct pie_log *pie_site_log_of(struct pie_door *door, const struct pie_log_origin *key) {
  const struct pie_site_log *site = find(&door->site_logs, key);
  return site ? site->log : &door->log;
}

/* With the lock held. */
static struct pie_log_file *open_writer(struct pie_door *door, const struct pie_log_choice *choice,
                                        char *why, size_t why_size) {
  struct pie_log_writer *writer = calloc(1, sizeof *writer);
  snprintf(why, why_size, "out of memory");
  if (!writer)
    return NULL;
  writer->path = pie_str_copy(pie_str_from(choice->path));
  writer->file = writer->path ? pie_log_file_open(choice->path, why, why_size) : NULL;
  if (!writer->file) {
    writer_free(writer);
    return NULL;
  }
  const int64_t *of_process = door->settings.number;
  pie_log_file_limit(writer->file, choice->size >= 0 ? choice->size : of_process[PIE_SET_LOG_SIZE],
                     choice->keep >= 0 ? choice->keep : (int)of_process[PIE_SET_LOG_KEEP]);
  writer->next = door->site_logs.writers;
  door->site_logs.writers = writer;
  return writer->file;
}

/* With the lock held. Sites that name the same file, or the process's, write to it by the same
 * hands: so its size is counted once. */
static struct pie_log_file *find_writer(struct pie_door *door, const struct pie_log_choice *choice,
                                        char *why, size_t why_size) {
  if (door->log_file && strcmp(pie_settings_text(&door->settings, PIE_SET_LOG), choice->path) == 0)
    return door->log_file;
  for (struct pie_log_writer *writer = door->site_logs.writers; writer; writer = writer->next) {
    if (strcmp(writer->path, choice->path) == 0)
      return writer->file;
  }
  return open_writer(door, choice, why, why_size);
}

/* With the lock held. */
static int add(struct pie_door *door, const struct pie_log_origin *key, struct pie_log own) {
  struct pie_site_logs *logs = &door->site_logs;
  struct pie_site_log *site = calloc(1, sizeof *site);
  if (!site || pie_str_copy_to(&site->app, key->app) || pie_str_copy_to(&site->root, key->root) ||
      pie_str_copy_to(&site->config, key->config)) {
    if (site)
      site_log_free(site);
    return -PIE_ENOMEM;
  }
  site->own = own;
  site->log = own.context ? &site->own : &door->log;
  site->next = atomic_load(&logs->first);
  atomic_store_explicit(&logs->first, site, memory_order_release);
  return 0;
}

/* With the lock held. */
static int choose(struct pie_door *door, const struct pie_log_origin *key,
                  const struct pie_log_choice *choice, char *why, size_t why_size) {
  struct pie_log own = {.level = door->log.level,
                        .write = pie_log_file_write,
                        .stamp = pie_log_stamp,
                        .context = NULL};
  if (choice->path && *choice->path) {
    own.context = find_writer(door, choice, why, why_size);
    if (!own.context)
      return -PIE_EINVAL;
  }
  pie_log_level_parse(pie_str_from(choice->level), &own.level);
  const struct pie_site_log *before = find(&door->site_logs, key);
  bool is_new = before ? before->own.context != own.context || before->own.level != own.level
                       : own.context != NULL;
  if (!is_new || add(door, key, own) == 0)
    return 0;
  snprintf(why, why_size, "out of memory");
  return -PIE_EINVAL;
}

/* Our own host has one site and has read its file; and what a variable says goes before files. */
int pie_site_log_choose(struct pie_door *door, const struct pie_log_origin *site,
                        const struct pie_log_choice *choice, char *why, size_t why_size) {
  if (door->quirks.ours || door->log_given)
    return 0;
  pie_mutex_lock(&door->site_logs.lock);
  int err = choose(door, site, choice, why, why_size);
  pie_mutex_unlock(&door->site_logs.lock);
  return err;
}
