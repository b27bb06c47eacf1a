/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/files.h"

#include "base/error.h"
#include "base/path.h"
#include "isapi/conditions.h"
#include "isapi/door.h"
#include "isapi/media.h"
#include "isapi/response.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = 10, TAG_SIZE = 64, RANGE_SIZE = 80, NS = 1000000000 };

#define INDEX "index.html"

/* ---- names that are not given out ---- */

static bool is_one_of(struct pie_str name, const struct pie_str *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (pie_str_equal_nocase(name, names[i]))
      return true;
  }
  return false;
}

#define S PIE_STR_INIT

/* What may follow a dot in no name of a page: "a.py", "a.py.bak", "a.sqlite3-wal". */
static bool is_private_word(struct pie_str word) {
  static const struct pie_str words[] = {
      /* source and what is made of it */
      S("py"), S("pyc"), S("pyo"), S("pyw"), S("pyi"), S("pyd"), S("pyx"), S("pxd"), S("pyz"),
      S("ipynb"), S("pth"), S("whl"), S("egg"), S("so"), S("dll"), S("dylib"), S("exe"), S("sh"),
      S("bat"), S("cmd"), S("ps1"), S("php"), S("asp"), S("aspx"), S("cgi"), S("wsgi"), S("jinja"),
      S("jinja2"), S("j2"), S("tmpl"), S("mako"), S("po"), S("mo"),
      /* settings and secrets */
      S("toml"), S("ini"), S("cfg"), S("conf"), S("config"), S("yaml"), S("yml"), S("env"),
      S("properties"), S("lock"), S("pem"), S("key"), S("p12"), S("pfx"), S("htpasswd"),
      /* data */
      S("db"), S("db3"), S("sqlite"), S("sqlite3"), S("sql"), S("dump"), S("mdb"), S("pkl"),
      S("pickle"), S("log"), S("pid"), S("sock"),
      /* what editors and others leave */
      S("bak"), S("old"), S("orig"), S("rej"), S("save"), S("swp"), S("swo"), S("tmp"), S("part")};
  return is_one_of(pie_str_cut(&word, '-'), words, sizeof words / sizeof words[0]);
}

static bool is_private_name(struct pie_str name) {
  static const struct pie_str names[] = {S("__pycache__"), S("requirements.txt"), S("pipfile"),
                                         S("dockerfile"), S("makefile")};
  if (is_one_of(name, names, sizeof names / sizeof names[0]) || name.p[name.n - 1] == '~' ||
      memchr(name.p, ':', name.n))
    return true;
  pie_str_cut(&name, '.');
  while (name.n) {
    if (is_private_word(pie_str_cut(&name, '.')))
      return true;
  }
  return false;
}

#undef S

static bool is_hidden(struct pie_str path, int flags) {
  while (path.n) {
    struct pie_str name = pie_str_cut(&path, '/');
    if (!name.n || (name.p[0] == '.' && !pie_str_equal(name, PIE_STR(".well-known"))) ||
        ((flags & PIE_FILES_OF_PAGES) && is_private_name(name)))
      return true;
  }
  return false;
}

/* ---- answers without a file ---- */

int pie_files_say(struct pie_request *request, const char *status, struct pie_header more) {
  char text[64], length[24];
  int n = snprintf(text, sizeof text, "%s\n", status);
  snprintf(length, sizeof length, "%d", n);
  const struct pie_header headers[] = {
      {PIE_STR("Content-Type"), PIE_STR("text/plain; charset=utf-8")},
      {PIE_STR("X-Content-Type-Options"), PIE_STR("nosniff")},
      {PIE_STR("Content-Length"), pie_str_from(length)}, /* for HEAD, too */
      more,
  };
  struct pie_str reason = pie_str_from(status), body = {text, (size_t)n};
  int64_t code = 500;
  pie_str_to_int64(pie_str_cut(&reason, ' '), &code);
  const struct pie_response_head head = {.status = (int)code,
                                         .reason = reason,
                                         .headers = headers,
                                         .header_count = more.name.n ? 4 : 3};
  int err = pie_response_take(request, &head);
  return err ? err : pie_response_write(request, &body, 1, PIE_WRITE_FINAL);
}

static const struct pie_header nothing = {{"", 0}, {"", 0}};

static int add_encoded(struct pie_buf *out, struct pie_str text, const char *kept) {
  int err = 0;
  for (size_t i = 0; i < text.n && !err; i++) {
    unsigned char c = (unsigned char)text.p[i];
    bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    (c && strchr(kept, c));
    err = is_plain ? pie_buf_append(out, &text.p[i], 1) : pie_buf_addf(out, "%%%02X", c);
  }
  return err;
}

#define NAME_KEPT "-._~!$&'()*+,;=@"

/* To the same URL with a slash behind it, as seen from there: "./name/". So it stays on the site,
 * whatever the path, and is right behind a proxy that serves the site elsewhere. */
static int redirect(struct pie_request *request) {
  const struct pie_request_info *info = &request->info;
  struct pie_str path = info->path_info.n ? info->path_info : info->script_name, name = path;
  for (size_t i = path.n; i > 0 && path.p[i - 1] != '/'; i--)
    name = (struct pie_str){path.p + i - 1, path.n - i + 1};
  if (!path.n || path.p[path.n - 1] == '/')
    return -PIE_ENOENT; /* the URL is another one than the file's */
  struct pie_buf location;
  pie_buf_init(&location, PIE_RESPONSE_HEAD_MAX);
  int err = pie_buf_adds(&location, "./");
  err = err ? err : add_encoded(&location, name, NAME_KEPT);
  err = err ? err : pie_buf_adds(&location, "/");
  if (!err && info->query.n) {
    err = pie_buf_adds(&location, "?");
    err = err ? err : add_encoded(&location, info->query, NAME_KEPT "/?:%[]{}|^`");
  }
  const struct pie_header field = {PIE_STR("Location"), pie_buf_str(&location)};
  if (err || pie_files_say(request, "301 Moved Permanently", field) == -PIE_ETOOBIG)
    err = pie_files_say(request, "414 URI Too Long", nothing);
  pie_buf_free(&location);
  return err;
}

/* ---- what is sent ---- */

struct sending {
  struct pie_file_below file;
  const struct pie_media *media;
  const char *coding; /* of the content, or NULL */
  char tag[TAG_SIZE], changed[PIE_HTTP_DATE_SIZE];
  struct pie_validators now;
};

/* All that tells two states of files apart, so that none of it can be read from the outside. */
static uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = a + 0x9e3779b97f4a7c15 * (b + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/* A file that is written to twice within a tick of the file system's clock (2 s on FAT) can have
 * the same time and size with another content. So the tag is strong only when that is over. */
static void find_validators(struct sending *s) {
  const struct pie_file_below *file = &s->file;
  int64_t now_ns = pie_clock_unix_us() * 1000;
  uint64_t state = mix(mix((uint64_t)file->changed_ns, file->id), file->size);
  int n = snprintf(s->tag, sizeof s->tag, "\"%016llx%s%s\"", (unsigned long long)state,
                   s->coding ? "-" : "", s->coding ? s->coding : "");
  int64_t changed_s = file->changed_ns > 0 ? file->changed_ns / NS : 0;
  if (changed_s > now_ns / NS)
    changed_s = now_ns / NS; /* RFC 9110, 8.8.2.1 */
  pie_http_date_format(changed_s, s->changed);
  s->now = (struct pie_validators){
      .tag = {s->tag, (size_t)n},
      .is_weak = file->changed_ns > now_ns - (int64_t)PIE_FILES_STRONG_S * NS,
      .changed_s = changed_s,
  };
  if (s->now.is_weak) {
    memmove(s->tag + 2, s->tag, (size_t)n + 1);
    memcpy(s->tag, "W/", 2);
    s->now.tag.p += 2;
  }
}

static int open_visible(const char *root, struct pie_str path, int flags,
                        struct pie_file_below *out) {
  if (is_hidden(path, flags))
    return -PIE_ENOENT;
  int err = pie_file_open_below(root, path, out);
  if (!err && is_hidden(pie_str_from(out->name), flags)) {
    pie_file_close(out->file);
    err = -PIE_ENOENT; /* by a link, or a name in another case */
  }
  return err;
}

/* A compressed copy beside the file, unless it is older or empty. */
static bool take_copy(const char *root, struct pie_str path, int flags, const char *extension,
                      struct sending *s) {
  char name[PIE_PATH_MAX];
  struct pie_file_below copy;
  int n = snprintf(name, sizeof name, "%.*s.%s", (int)path.n, path.p, extension);
  if (n < 0 || (size_t)n >= sizeof name ||
      open_visible(root, (struct pie_str){name, (size_t)n}, flags, &copy))
    return false;
  bool is_good = copy.size && copy.changed_ns / NS >= s->file.changed_ns / NS;
  pie_file_close(is_good ? s->file.file : copy.file);
  if (is_good)
    s->file = copy;
  return is_good;
}

static void choose_coding(struct pie_request *request, const char *root, struct pie_str path,
                          int flags, struct sending *s) {
  struct pie_codings wanted = pie_codings_find(&request->info);
  bool br = wanted.br && wanted.br >= wanted.identity;
  bool gzip = wanted.gzip && wanted.gzip >= wanted.identity;
  if (br && wanted.br >= wanted.gzip && take_copy(root, path, flags, "br", s))
    s->coding = "br";
  else if (gzip && take_copy(root, path, flags, "gz", s))
    s->coding = "gzip";
  else if (br && wanted.br < wanted.gzip && take_copy(root, path, flags, "br", s))
    s->coding = "br";
}

struct fields {
  struct pie_header list[FIELDS_MAX];
  size_t count;
};

static void add_field(struct fields *fields, struct pie_str name, const char *value) {
  fields->list[fields->count++] = (struct pie_header){name, pie_str_from(value)};
}

static void add_validators(struct fields *fields, const struct sending *s) {
  add_field(fields, PIE_STR("ETag"), s->tag);
  add_field(fields, PIE_STR("Last-Modified"), s->changed);
  if (s->media->is_coarse)
    add_field(fields, PIE_STR("Vary"), "Accept-Encoding");
}

static int take(struct pie_request *request, int status, const char *reason,
                const struct fields *fields) {
  const struct pie_response_head head = {.status = status,
                                         .reason = pie_str_from(reason),
                                         .headers = fields->list,
                                         .header_count = fields->count};
  return pie_response_take(request, &head);
}

static int say_not_modified(struct pie_request *request, const struct sending *s) {
  struct fields fields = {.count = 0};
  add_validators(&fields, s);
  int err = take(request, 304, "Not Modified", &fields);
  return err ? err : pie_response_write(request, NULL, 0, PIE_WRITE_FINAL);
}

static int say_beyond(struct pie_request *request, uint64_t size) {
  char range[RANGE_SIZE];
  snprintf(range, sizeof range, "bytes */%llu", (unsigned long long)size);
  const struct pie_header field = {PIE_STR("Content-Range"), pie_str_from(range)};
  return pie_files_say(request, "416 Range Not Satisfiable", field);
}

static int send_range(struct pie_request *request, const struct sending *s,
                      const struct pie_range *range, bool is_part) {
  char length[24], text[RANGE_SIZE];
  struct fields fields = {.count = 0};
  snprintf(length, sizeof length, "%llu", (unsigned long long)range->length);
  add_field(&fields, PIE_STR("Content-Type"), s->media->type);
  add_field(&fields, PIE_STR("X-Content-Type-Options"), "nosniff");
  add_field(&fields, PIE_STR("Accept-Ranges"), "bytes");
  add_field(&fields, PIE_STR("Content-Length"), length);
  add_validators(&fields, s);
  if (s->coding)
    add_field(&fields, PIE_STR("Content-Encoding"), s->coding);
  if (is_part) {
    snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)range->first,
             (unsigned long long)(range->first + range->length - 1),
             (unsigned long long)s->file.size);
    add_field(&fields, PIE_STR("Content-Range"), text);
  }
  int err =
      is_part ? take(request, 206, "Partial Content", &fields) : take(request, 200, "OK", &fields);
  return err ? err
             : pie_response_send_file(request, s->file.file, range->first, range->length,
                                      PIE_WRITE_FINAL);
}

static int answer(struct pie_request *request, struct sending *s) {
  struct pie_range range = {0, s->file.size};
  switch (pie_conditions_check(&request->info, &s->now)) {
  case PIE_CONDITION_FAILED:
    return pie_files_say(request, "412 Precondition Failed", nothing);
  case PIE_CONDITION_NOT_MODIFIED:
    return say_not_modified(request, s);
  case PIE_CONDITION_TRUE:
    break;
  }
  switch (pie_range_find(&request->info, &s->now, s->file.size, &range)) {
  case PIE_RANGE_BEYOND:
    return say_beyond(request, s->file.size);
  case PIE_RANGE_PART:
    return send_range(request, s, &range, true);
  case PIE_RANGE_WHOLE:
    break;
  }
  return send_range(request, s, &range, false);
}

/* ---- which file ---- */

static bool has_index(const char *root, struct pie_str path, int flags) {
  char name[PIE_PATH_MAX];
  struct pie_file_below file;
  int n = snprintf(name, sizeof name, "%.*s%s" INDEX, (int)path.n, path.p, path.n ? "/" : "");
  if (n < 0 || (size_t)n >= sizeof name ||
      open_visible(root, (struct pie_str){name, (size_t)n}, flags, &file))
    return false;
  pie_file_close(file.file);
  return true;
}

static bool is_method(const struct pie_request *request, struct pie_str name) {
  return pie_str_equal(request->info.method, name);
}

static bool is_read(const struct pie_request *request) {
  return is_method(request, PIE_STR("GET")) || is_method(request, PIE_STR("HEAD"));
}

static void log_trouble(struct pie_request *request, const char *root, struct pie_str path,
                        int err) {
  char text[PIE_PATH_MAX * 2];
  enum pie_log_level level = err == -PIE_EIO       ? PIE_LOG_ERROR
                             : err == -PIE_EDENIED ? PIE_LOG_WARNING
                                                   : PIE_LOG_INFO;
  if (err == -PIE_EIO)
    snprintf(text, sizeof text, "the folder %s cannot be opened: files in it are not served", root);
  else
    snprintf(text, sizeof text, "%.*s in %s is not served: %s", (int)path.n, path.p, root,
             err == -PIE_ENOTSUP ? "its true name is not known, since /proc is missing"
                                 : pie_error_text(err));
  pie_request_log(request, level, text);
}

/* The file could not be opened. */
static int refuse(struct pie_request *request, const char *root, struct pie_str path, int flags,
                  int err) {
  if (err == -PIE_ENOENT)
    return err;
  if (err == -PIE_EFOLDER)
    return has_index(root, path, flags) && is_read(request) ? redirect(request) : -PIE_ENOENT;
  log_trouble(request, root, path, err);
  if (err == -PIE_EDENIED)
    return pie_files_say(request, "403 Forbidden", nothing);
  if (err == -PIE_ENOMEM)
    return pie_files_say(request, "503 Service Unavailable", nothing);
  return err == -PIE_EOUTSIDE ? -PIE_ENOENT : -PIE_EIO;
}

static int serve(struct pie_request *request, const char *root, struct pie_str path, int flags) {
  struct sending s = {.coding = NULL};
  int err = path.n ? open_visible(root, path, flags, &s.file) : -PIE_EFOLDER;
  if (err)
    return refuse(request, root, path, flags, err);
  s.media = pie_media_find(pie_path_extension(path));
  if (!is_read(request)) {
    const struct pie_header allow = {PIE_STR("Allow"), PIE_STR("GET, HEAD")};
    err = pie_files_say(request, "405 Method Not Allowed", allow);
  } else {
    if (s.media->is_coarse)
      choose_coding(request, root, path, flags, &s);
    find_validators(&s);
    err = answer(request, &s);
  }
  pie_file_close(s.file.file);
  return err;
}

/* The file that a path names: index.html where it ends with a slash. */
static int name_of(struct pie_str path, char *out, size_t n) {
  bool is_folder = path.n && path.p[path.n - 1] == '/';
  if (path.n && path.p[0] == '/') {
    path.p++;
    path.n--;
  }
  int length = snprintf(out, n, "%.*s%s", (int)path.n, path.p, is_folder ? INDEX : "");
  return length < 0 || (size_t)length >= n || (size_t)length < path.n ? -PIE_ENOENT : length;
}

int pie_files_serve(struct pie_request *request, const char *root, struct pie_str path, int flags) {
  char name[PIE_PATH_MAX];
  struct pie_response *response = &request->response;
  if (response->state > PIE_RESPONSE_HELD)
    return -PIE_ESTATE;
  int n = path.n < sizeof name ? name_of(path, name, sizeof name) : -PIE_ENOENT;
  if (n < 0)
    return n;
  int err = serve(request, root, (struct pie_str){name, (size_t)n}, flags);
  if (!err || err == -PIE_ENOENT)
    return err;
  return response->state == PIE_RESPONSE_BROKEN ? -PIE_EGONE : -PIE_EIO;
}
