/* SPDX-License-Identifier: Apache-2.0
 *
 * What our host does more when it plays IIS (quirks = iis), so that the extension's way there can
 * be tested where there is no IIS: applications with folders of their own, variables as they come
 * there, a user's token, EXEC_URL, custom error pages; and, for a request with the field
 * X-IIS-Faults, misfortune. ISAPI.md, sections 3 to 8.
 *
 * A request may bring variables of its own: "X-IIS-Set: REMOTE_USER=HOME\ann; AUTH_TYPE=Negotiate".
 */
#include "base/error.h"
#include "host/host.h"

#include <stdio.h>
#include <string.h>

static struct pie_str field(const struct pie_exchange *x, const char *name) {
  struct pie_str value = PIE_STR("");
  pie_http_find(&x->conn->parser, pie_str_from(name), &value);
  return value;
}

/* ---- applications ---- */

static bool is_below(struct pie_str path, struct pie_str mount) {
  return pie_str_starts_nocase(path, mount) && (path.n == mount.n || path.p[mount.n] == '/');
}

static struct pie_iis_app app_at(const struct pie_exchange *x, struct pie_str path) {
  const struct pie_settings *settings = x->conn->worker->settings;
  struct pie_str rest = pie_str_from(pie_settings_text(settings, PIE_SET_APPLICATIONS));
  struct pie_iis_app found = {PIE_STR(""), pie_str_from(pie_settings_text(settings, PIE_SET_ROOT))};
  while (rest.n) {
    struct pie_str folder = pie_str_cut(&rest, ',');
    struct pie_str mount = pie_str_cut(&folder, '=');
    if (pie_str_equal(mount, PIE_STR("/")))
      mount.n = 0;
    if (mount.n >= found.mount.n && is_below(path, mount))
      found = (struct pie_iis_app){mount, folder};
  }
  return found;
}

struct pie_iis_app pie_iis_app_of(const struct pie_exchange *x) {
  return app_at(x, x->path);
}

/* ---- variables ---- */

bool pie_iis_variable(const struct pie_exchange *x, struct pie_str name, struct pie_str *value) {
  struct pie_str rest = field(x, "X-IIS-Set");
  while (rest.n) {
    struct pie_str text = pie_str_trim(pie_str_cut(&rest, ';'));
    if (pie_str_equal_nocase(pie_str_cut(&text, '='), name)) {
      *value = text;
      return true;
    }
  }
  return false;
}

/* What an ANSI variable keeps of a text: what the system's code page has not becomes "?". */
struct pie_str pie_iis_narrow(struct pie_exchange *x, struct pie_str text) {
  struct pie_str copy = pie_arena_copy(&x->arena, text);
  char *at = (char *)(uintptr_t)copy.p, *out = at;
  for (size_t i = 0; i < copy.n; i++) {
    unsigned char c = (unsigned char)at[i];
    if (c < 0x80)
      *out++ = (char)c;
    else if (c >= 0xc0)
      *out++ = '?';
  }
  if (!copy.p)
    return PIE_STR("");
  *out = '\0';
  return (struct pie_str){copy.p, (size_t)(out - copy.p)};
}

struct pie_str pie_iis_path_of(struct pie_exchange *x, struct pie_str url) {
  struct pie_iis_app app = app_at(x, url);
  size_t n = url.n < app.mount.n ? 0 : url.n - app.mount.n;
  char *out = pie_arena_alloc(&x->arena, app.folder.n + n + 1);
  if (!out)
    return PIE_STR("");
  memcpy(out, app.folder.p, app.folder.n);
  memcpy(out + app.folder.n, url.p + url.n - n, n);
  for (size_t i = 0; pie_path_has_backslash && i < app.folder.n + n; i++)
    out[i] = out[i] == '/' ? '\\' : out[i];
  out[app.folder.n + n] = '\0';
  return (struct pie_str){out, app.folder.n + n};
}

struct pie_str pie_iis_translated(struct pie_exchange *x) {
  return pie_iis_path_of(x, x->path);
}

/* ---- misfortune ---- */

void pie_faults_begin(struct pie_exchange *x) {
  int64_t seed = 0;
  struct pie_str text = field(x, "X-IIS-Faults");
  x->faults = 0;
  if (x->conn->worker->iis && text.n && pie_str_to_int64(text, &seed) == 0)
    x->faults = (uint32_t)seed * 2654435761u | 1;
}

uint32_t pie_fault_number(struct pie_exchange *x, uint32_t below) {
  uint32_t last = atomic_load(&x->faults), state;
  do {
    state = last;
    if (!state)
      return 0;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
  } while (!atomic_compare_exchange_weak(&x->faults, &last, state));
  return state % below;
}

bool pie_fault(struct pie_exchange *x, uint32_t one_in) {
  return atomic_load(&x->faults) && pie_fault_number(x, one_in) == 0;
}

bool pie_fault_client_goes(struct pie_exchange *x) {
  if (!pie_fault(x, 30))
    return false;
  atomic_store(&x->broken, true);
  pie_socket_shutdown(x->conn->socket);
  return true;
}

/* ---- EXEC_URL: files of the application's folder ---- */

static const struct {
  const char *ending, *type;
} types[] = {{".html", "text/html"},
             {".css", "text/css"},
             {".js", "text/javascript"},
             {".txt", "text/plain"},
             {".png", "image/png"}};

static const char *type_of(struct pie_str path) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    size_t n = strlen(types[i].ending);
    if (path.n > n && memcmp(path.p + path.n - n, types[i].ending, n) == 0)
      return types[i].type;
  }
  return "application/octet-stream";
}

/* The decoded path of the child request, in out (PIE_PATH_MAX bytes). */
static bool child_path(struct pie_exchange *x, const char *url, char *out) {
  struct pie_str text = url ? pie_str_from(url) : x->path;
  if (url)
    text = pie_str_cut(&text, '?');
  if (text.n >= PIE_PATH_MAX || !text.n || text.p[0] != '/')
    return false;
  size_t n = url ? pie_str_percent_decode(text, out) : text.n;
  if (!url)
    memcpy(out, text.p, n);
  n = pie_str_remove_dots(out, n);
  out[n] = '\0';
  return !strchr(out, '\\') && strlen(out) == n;
}

static int child_send(struct pie_exchange *x, const char *status, const char *type, intptr_t file,
                      uint64_t size) {
  char headers[256];
  int n = snprintf(headers, sizeof headers, "Content-Type: %s\r\nContent-Length: %llu\r\n\r\n",
                   type, (unsigned long long)size);
  struct pie_buf *out = pie_output_open(x);
  int err = pie_output_head(x, pie_str_from(status), (struct pie_str){headers, (size_t)n}, out);
  if (!err && size && !pie_output_is_bodiless(x))
    err = pie_output_add_file(x, file, 0, size);
  x->sent = (int64_t)size;
  int closed = pie_output_close(x, true);
  x->final_sent = true;
  return err ? err : closed;
}

int pie_iis_exec_url(struct pie_exchange *x, const char *url) {
  char path[PIE_PATH_MAX], full[PIE_PATH_MAX];
  struct pie_iis_app app = pie_iis_app_of(x);
  char folder[PIE_PATH_MAX];
  snprintf(folder, sizeof folder, "%.*s", (int)app.folder.n, app.folder.p);
  bool inside = child_path(x, url, path) && is_below(pie_str_from(path), app.mount);
  intptr_t file = -1;
  if (inside && path[app.mount.n] == '/' &&
      pie_path_join(full, sizeof full, folder, path + app.mount.n + 1) == 0 &&
      pie_path_is_file(full))
    file = pie_file_open(full);
  int64_t size = file == -1 ? 0 : pie_file_size(file);
  x->child_status = file == -1 ? 404 : 200;
  int err = child_send(x, file == -1 ? "404 Not Found" : "200 OK", type_of(pie_str_from(path)),
                       file, size > 0 ? (uint64_t)size : 0);
  if (file != -1)
    pie_file_close(file);
  return err;
}
