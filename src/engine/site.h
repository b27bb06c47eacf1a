/* SPDX-License-Identifier: Apache-2.0
 *
 * A site: what one value of app, root and config loads. Virtual hosts may have sites of their own
 * in one process. Sites are loaded one after the other on the engine's own thread, and stay.
 */
#ifndef PIE_ENGINE_SITE_H
#define PIE_ENGINE_SITE_H

#include "engine/engine.h"

enum pie_site_state { PIE_SITE_NEW, PIE_SITE_LOADING, PIE_SITE_LOADED, PIE_SITE_FAILED };

struct pie_mount {
  char *path; /* "" or "/shop" */
  size_t length;
  PyObject *app; /* WSGI; of pages the handler, which takes no arguments */

  /* Of pages only: */
  PyObject *pages;                            /* a pyisapie._pages.Pages, or NULL */
  char *folder;                               /* the document root */
  size_t buffer_size;                         /* 0: everything is sent as it is written */
  bool keep_alive;                            /* unless a page wants it otherwise */
  PyObject *default_headers, *static_headers; /* tuples of pairs of bytes */
  PyObject *interpreter_map;                  /* a str or a callable, or NULL */
  int interpreter_limit;
};

struct pie_site {
  struct pie_site *next, *next_wanted;
  struct pie_str app, root, config; /* NUL-terminated copies */
  const void *key;                  /* info->site of the request that it was made for */
  enum pie_site_state state;
  int64_t retry_at;
  struct pie_mount *mounts; /* the longest first */
  size_t mount_count;
  struct pie_failure failure; /* with texts of its own */
};

/* The site for a request, loaded: waits for that, outside the interpreter. On failure NULL, with
 * failure set, for pie_failure_free. */
struct pie_site *pie_site_get(struct pie_world *world, const struct pie_request_info *info,
                              struct pie_failure *failure);

void pie_failure_free(struct pie_failure *failure);

/* The mount that takes this path, or NULL. */
const struct pie_mount *pie_site_route(const struct pie_site *site, struct pie_str path);

/* Loads the site for such a request in all worlds, at the same time. False: it failed somewhere. */
bool pie_site_warm(struct pie_world *worlds, size_t count, const struct pie_request_info *info);

/* The site that this thread is loading, or NULL; and whose its entries in the log are (of NULL: the
 * process's). */
const struct pie_site *pie_site_loading(void);
struct pie_log_origin pie_site_origin(const struct pie_site *site);

/* Loads the sites that are wanted; inside the interpreter. */
void pie_site_load(struct pie_world *world, struct pie_site *site);

#endif
