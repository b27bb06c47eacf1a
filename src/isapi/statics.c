/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/statics.h"

#include "base/check.h"
#include "base/error.h"
#include "isapi/door.h"
#include "isapi/files.h"

#include <stdio.h>

/* A settings file speaks for its own site only, though the door reads one for all of the process.
 * It is read by the start, on a thread of its own: nobody looks before that is over. */
static struct pie_str value_of(const struct pie_request *request) {
  const struct pie_door *door = request->door;
  if (request->statics.n || door->quirks.ours ||
      __atomic_load_n(&door->state, __ATOMIC_ACQUIRE) != PIE_DOOR_READY || !door->file_statics.n)
    return request->statics;
  bool is_its_site = pie_str_equal(request->info.root, pie_buf_str(&door->first_root)) &&
                     pie_str_equal(request->info.config, pie_buf_str(&door->first_config));
  return is_its_site ? pie_buf_str(&door->file_statics) : request->statics;
}

bool pie_static_find(struct pie_request *request, struct pie_static *out) {
  struct pie_str value = value_of(request);
  if (!value.n)
    return false;
  /* What the variables of a request say nobody has checked yet. */
  out->wrong = request->door->quirks.ours ? NULL : pie_folders_check(value);
  return out->wrong || pie_folders_find(value, request->info.path_info, &out->folder, &out->path);
}

struct job {
  struct pie_request *request;
  const struct pie_static *found;
  char folder[PIE_PATH_MAX];
  int result;
};

/* A relative folder is one of the site's root, where that is known. */
static int name_folder(struct job *job) {
  char name[PIE_PATH_MAX], root[PIE_PATH_MAX];
  struct pie_str folder = job->found->folder.folder, site = job->request->info.root;
  if (folder.n >= sizeof name || site.n >= sizeof root)
    return -PIE_ETOOBIG;
  snprintf(name, sizeof name, "%.*s", (int)folder.n, folder.p);
  snprintf(root, sizeof root, "%.*s", (int)site.n, site.p);
  bool is_absolute = pie_path_is_absolute(name);
  if (!is_absolute && !site.n) /* the current folder of a web server is any */
    return -PIE_ENOENT;
  return pie_path_join(job->folder, sizeof job->folder, is_absolute ? "" : root, name);
}

static void work(void *arg) {
  struct job *job = arg;
  const struct pie_header none = {{"", 0}, {"", 0}};
  job->result = pie_files_serve(job->request, job->folder, job->found->path, 0);
  if (job->result == -PIE_ENOENT)
    job->result = pie_files_say(job->request, "404 Not Found", none);
}

static void work_as_user(struct job *job) {
  intptr_t token = pie_ecb_token(job->request->ecb);
  job->result = -PIE_ENOTSUP;
  if (token && pie_token_take(token) == 0) {
    work(job);
    PIE_CHECK(pie_token_give_back());
  }
}

/* IIS calls us as the user who asks. Files are read as applications read them: by the process, but
 * for the setting impersonate. */
static void work_as_due(struct job *job, bool is_ours) {
  bool as_user = job->request->door->settings.number[PIE_SET_IMPERSONATE] != 0;
  if (!as_user)
    pie_token_without(work, job);
  else if (is_ours)
    work_as_user(job);
  else
    work(job);
}

int pie_static_serve(struct pie_request *request, const struct pie_static *found, bool is_ours,
                     char *text) {
  struct job job = {.request = request, .found = found, .result = -PIE_EIO};
  if (found->wrong) {
    snprintf(text, PIE_STATIC_TEXT_MAX, "The setting static of this site %s.", found->wrong);
    return -PIE_EIO;
  }
  if (name_folder(&job) == 0)
    work_as_due(&job, is_ours);
  if (job.result == -PIE_ENOTSUP)
    snprintf(text, PIE_STATIC_TEXT_MAX,
             "The setting impersonate is on, but the web server gives no token of the user.");
  if (job.result == -PIE_EIO)
    snprintf(text, PIE_STATIC_TEXT_MAX, "The folder %.*s of the setting static cannot be used.",
             (int)found->folder.folder.n, found->folder.folder.p);
  return job.result == -PIE_ENOTSUP ? -PIE_EIO : job.result;
}
