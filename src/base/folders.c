/* SPDX-License-Identifier: Apache-2.0 */
#include "base/folders.h"

#include "base/path.h"

bool pie_folders_next(struct pie_str *rest, struct pie_folder *out) {
  while (rest->n) {
    struct pie_str folder = pie_str_trim(pie_str_cut(rest, ','));
    if (!folder.n)
      continue;
    struct pie_str prefix = pie_str_trim(pie_str_cut(&folder, '='));
    if (prefix.n && prefix.p[prefix.n - 1] == '/')
      prefix.n--;
    *out = (struct pie_folder){prefix, pie_str_trim(folder)};
    return true;
  }
  return false;
}

static bool is_good(const struct pie_folder *one) {
  struct pie_str names = {one->prefix.p + 1, one->prefix.n ? one->prefix.n - 1 : 0};
  return one->folder.n && one->prefix.p[0] == '/' &&
         (!one->prefix.n || pie_path_is_plain(names, false));
}

static bool has_twin(struct pie_str rest, struct pie_str prefix) {
  struct pie_folder other;
  while (pie_folders_next(&rest, &other)) {
    if (pie_str_equal(other.prefix, prefix))
      return true;
  }
  return false;
}

const char *pie_folders_check(struct pie_str value) {
  struct pie_folder one;
  while (pie_folders_next(&value, &one)) {
    if (!is_good(&one))
      return "must be paths and folders such as /static=assets, separated by commas";
    if (has_twin(value, one.prefix))
      return "must not name a path twice";
  }
  return NULL;
}

bool pie_folders_find(struct pie_str value, struct pie_str path, struct pie_folder *out,
                      struct pie_str *rest) {
  struct pie_folder one;
  bool found = false;
  while (pie_folders_next(&value, &one)) {
    size_t n = one.prefix.n;
    bool is_below = pie_str_starts(path, one.prefix) && (path.n == n || path.p[n] == '/');
    if (is_below && (!found || n > out->prefix.n)) {
      *out = one;
      *rest = (struct pie_str){path.p + n, path.n - n};
      found = true;
    }
  }
  return found;
}
