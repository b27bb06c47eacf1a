/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/site.h"

#include "base/error.h"
#include "base/str.h"
#include "engine/interp.h"
#include "engine/world.h"

#include <stdlib.h>
#include <string.h>

enum { SITES_MAX = 256, RETRY_MS = 1000 };

static PIE_THREAD_LOCAL const struct pie_site *loading;

const struct pie_site *pie_site_loading(void) { return loading; }

struct pie_log_origin pie_site_origin(const struct pie_site *site) {
  if (!site)
    return (struct pie_log_origin){.id = PIE_STR("")};
  return (struct pie_log_origin){PIE_STR(""), site->app, site->root, site->config};
}

static void site_free(struct pie_site *site) {
  pie_str_free(site->app);
  pie_str_free(site->root);
  pie_str_free(site->config);
  free(site);
}

static struct pie_site *site_new(const struct pie_request_info *info) {
  struct pie_site *site = calloc(1, sizeof *site);
  if (!site)
    return NULL;
  site->key = info->site;
  if (pie_str_copy_to(&site->app, info->app) || pie_str_copy_to(&site->root, info->root) ||
      pie_str_copy_to(&site->config, info->config)) {
    site_free(site);
    return NULL;
  }
  return site;
}

static bool is_site_of(const struct pie_site *site, const struct pie_request_info *info) {
  return pie_str_equal(site->app, info->app) && pie_str_equal(site->root, info->root) &&
         pie_str_equal(site->config, info->config);
}

/* With the world's lock held. */
static struct pie_site *find(struct pie_world *world, const struct pie_request_info *info) {
  int count = 0;
  for (struct pie_site *site = world->sites; site; site = site->next, count++) {
    if (is_site_of(site, info))
      return site;
  }
  struct pie_site *site = count < SITES_MAX ? site_new(info) : NULL;
  if (site) {
    site->next = world->sites;
    world->sites = site;
  }
  return site;
}

/* With the world's lock held. */
static void want(struct pie_world *world, struct pie_site *site) {
  struct pie_site **end = &world->wanted;
  while (*end)
    end = &(*end)->next_wanted;
  site->next_wanted = NULL;
  *end = site;
  site->state = PIE_SITE_LOADING;
  pie_world_notify(world);
}

static const struct pie_failure too_many = {
    .status = 500,
    .summary = "Too many different sites are configured for one process.",
    .advice = "Give them processes of their own.",
};

static const struct pie_failure too_slow = {
    .status = 503,
    .summary = "The application is still loading.",
    .advice = "Wait. If it never ends, see what its import waits for. The time limit is the "
              "setting start-timeout.",
};

static const char *copy_text(const char *text) {
  return text ? pie_str_copy(pie_str_from(text)) : NULL;
}

static struct pie_failure failure_copy(const struct pie_failure *from) {
  return (struct pie_failure){
      .status = from->status,
      .summary = copy_text(from->summary ? from->summary : "Out of memory."),
      .detail = copy_text(from->detail),
      .advice = copy_text(from->advice),
  };
}

void pie_failure_free(struct pie_failure *failure) {
  free((void *)(uintptr_t)failure->summary);
  free((void *)(uintptr_t)failure->detail);
  free((void *)(uintptr_t)failure->advice);
  *failure = (struct pie_failure){0};
}

/* With the world's lock held. */
static void want_if_due(struct pie_world *world, struct pie_site *site) {
  if (site->state == PIE_SITE_NEW ||
      (site->state == PIE_SITE_FAILED && pie_clock_ms() >= site->retry_at))
    want(world, site);
}

/* With the world's lock held; waits without it. deadline is of pie_clock_ms. */
static bool ensure(struct pie_world *world, struct pie_site *site, int64_t deadline) {
  if (site->state == PIE_SITE_LOADED)
    return true;
  want_if_due(world, site);
  while (site->state == PIE_SITE_LOADING && !world->stopping) {
    if (!pie_cond_wait_until(&world->changed, &world->lock, deadline) && pie_clock_ms() >= deadline)
      break;
  }
  return site->state == PIE_SITE_LOADED;
}

static int64_t start_deadline(const struct pie_world *world) {
  return pie_clock_ms() + world->engine->config.start_timeout_ms;
}

static struct pie_site *get_outside(struct pie_world *world, const struct pie_request_info *info,
                                    struct pie_failure *failure, int64_t deadline) {
  pie_mutex_lock(&world->lock);
  struct pie_site *site = find(world, info);
  bool loaded = site && ensure(world, site, deadline);
  if (!loaded)
    *failure = failure_copy(!site                            ? &too_many
                            : site->state == PIE_SITE_FAILED ? &site->failure
                                                             : &too_slow);
  pie_mutex_unlock(&world->lock);
  return loaded ? site : NULL;
}

struct pie_site *pie_site_get(struct pie_world *world, const struct pie_request_info *info,
                              struct pie_failure *failure) {
  /* Sites stay, and a loaded one stays loaded: no lock is needed to look at it. */
  struct pie_site *site = atomic_load_explicit(&world->last_site, memory_order_acquire);
  if (site && ((info->site && site->key == info->site) || is_site_of(site, info)))
    return site;
  pie_mutex_lock(&world->lock);
  site = find(world, info);
  bool loaded = site && site->state == PIE_SITE_LOADED;
  pie_mutex_unlock(&world->lock);
  if (!loaded) {
    PyThreadState *state = pie_interp_release();
    site = get_outside(world, info, failure, start_deadline(world));
    pie_interp_retake(state);
  }
  if (site)
    atomic_store_explicit(&world->last_site, site, memory_order_release);
  return site;
}

static void ask_for(struct pie_world *world, const struct pie_request_info *info) {
  pie_mutex_lock(&world->lock);
  struct pie_site *site = find(world, info);
  if (site)
    want_if_due(world, site);
  pie_mutex_unlock(&world->lock);
}

bool pie_site_warm(struct pie_world *worlds, size_t count, const struct pie_request_info *info) {
  int64_t deadline = start_deadline(&worlds[0]);
  bool loaded = true;
  for (size_t i = 0; i < count; i++)
    ask_for(&worlds[i], info);
  for (size_t i = 0; i < count; i++) {
    struct pie_failure failure = {0};
    loaded = get_outside(&worlds[i], info, &failure, deadline) != NULL && loaded;
    pie_failure_free(&failure);
  }
  return loaded;
}

const struct pie_mount *pie_site_route(const struct pie_site *site, struct pie_str path) {
  for (size_t i = 0; i < site->mount_count; i++) {
    const struct pie_mount *mount = &site->mounts[i];
    struct pie_str prefix = {mount->path, mount->length};
    if (pie_str_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/'))
      return mount;
  }
  return NULL;
}

/* ---- loading ---- */

static char *text_at(PyObject *tuple, Py_ssize_t index) {
  Py_ssize_t n;
  const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(tuple, index), &n);
  return text ? pie_str_copy((struct pie_str){text, (size_t)n}) : NULL;
}

/* What a pyisapie._pages.Pages says of itself. */
static int read_pages(PyObject *pages, struct pie_mount *mount) {
  PyObject *settings = PyObject_GetAttrString(pages, "settings");
  PyObject *map = NULL;
  const char *folder = NULL;
  Py_ssize_t buffer_size = 0;
  int keep_alive = 1;
  bool good =
      settings && PyArg_ParseTuple(settings, "snpO!O!Oi", &folder, &buffer_size, &keep_alive,
                                   &PyTuple_Type, &mount->default_headers, &PyTuple_Type,
                                   &mount->static_headers, &map, &mount->interpreter_limit);
  if (good) {
    mount->pages = Py_NewRef(pages);
    mount->buffer_size = (size_t)buffer_size;
    mount->keep_alive = keep_alive;
    Py_INCREF(mount->default_headers);
    Py_INCREF(mount->static_headers);
    mount->interpreter_map = map == Py_None ? NULL : Py_NewRef(map);
    mount->folder = pie_str_copy(pie_str_from(folder));
  }
  Py_XDECREF(settings);
  return good && mount->folder ? 0 : -1;
}

static int read_mount(PyObject *tuple, struct pie_mount *mount) {
  PyObject *path, *app, *pages = Py_None;
  if (!PyArg_ParseTuple(tuple, "O!O|O", &PyUnicode_Type, &path, &app, &pages))
    return -1;
  const char *text = PyUnicode_AsUTF8(path);
  mount->path = text ? pie_str_copy(pie_str_from(text)) : NULL;
  if (!mount->path)
    return -1;
  mount->length = strlen(mount->path);
  mount->app = Py_NewRef(app);
  return pages == Py_None ? 0 : read_pages(pages, mount);
}

static int read_mounts(PyObject *list, struct pie_mount **out, size_t *out_count) {
  Py_ssize_t count = PyList_GET_SIZE(list);
  struct pie_mount *mounts = calloc((size_t)count + 1, sizeof *mounts);
  if (!mounts)
    return -PIE_ENOMEM;
  for (Py_ssize_t i = 0; i < count; i++) {
    if (read_mount(PyList_GET_ITEM(list, i), &mounts[i]))
      return -PIE_ENOMEM; /* out of memory at the start: what is lost here does not matter */
  }
  *out = mounts;
  *out_count = (size_t)count;
  return 0;
}

static struct pie_failure read_failure(PyObject *answer) {
  struct pie_failure failure = {.status = 500};
  if (answer) {
    failure.summary = text_at(answer, 1);
    failure.detail = text_at(answer, 2);
    failure.advice = text_at(answer, 3);
  }
  PyErr_Clear();
  if (!failure.summary)
    failure.summary = pie_str_copy(PIE_STR("The application could not be loaded."));
  return failure;
}

/* pyisapie._support.load gives (True, [(mount, app[, pages]), ...]) or (False, summary, detail,
 * advice), and has logged the failure. What is read from the answer is read before the lock is
 * taken: nobody may wait for the GIL with the lock held. */
void pie_site_load(struct pie_world *world, struct pie_site *site) {
  struct pie_mount *mounts = NULL;
  size_t count = 0;
  struct pie_failure failure = {0};
  loading = site;
  PyObject *answer = PyObject_CallMethod(world->support, "load", "sssi", site->app.p, site->root.p,
                                         site->config.p, (int)world->engine->config.reload);
  bool shaped = answer && PyTuple_Check(answer) && PyTuple_GET_SIZE(answer) >= 2;
  bool good = shaped && PyTuple_GET_ITEM(answer, 0) == Py_True &&
              read_mounts(PyTuple_GET_ITEM(answer, 1), &mounts, &count) == 0;
  if (PyErr_Occurred())
    PyErr_Print();
  if (!good)
    failure = read_failure(shaped && PyTuple_GET_SIZE(answer) == 4 ? answer : NULL);
  Py_XDECREF(answer);
  loading = NULL;
  pie_mutex_lock(&world->lock);
  pie_failure_free(&site->failure);
  site->failure = failure;
  site->mounts = mounts;
  site->mount_count = count;
  site->retry_at = pie_clock_ms() + RETRY_MS;
  site->state = good ? PIE_SITE_LOADED : PIE_SITE_FAILED;
  pie_world_notify(world);
  pie_mutex_unlock(&world->lock);
}
