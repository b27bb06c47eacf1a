/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request asks of a file: no range leaves the file, and whatever is a date comes back.
 * Input: a byte for the size and the tag, then parts: the fields' values, a path, a setting static.
 */
#include "base/folders.h"
#include "base/path.h"
#include "fuzz.h"
#include "isapi/conditions.h"

#include <string.h>

enum { FIELDS = 7 };

static const uint64_t sizes[] = {0, 1, 10, 4294967296, INT64_MAX};

static void check_date(struct pie_str text) {
  char back[PIE_HTTP_DATE_SIZE];
  int64_t unix_s, again;
  if (!pie_http_date_parse(text, &unix_s) || unix_s < 0)
    return;
  pie_http_date_format(unix_s, back);
  FUZZ_CHECK(strlen(back) == PIE_HTTP_DATE_SIZE - 1);
  FUZZ_CHECK(pie_http_date_parse(pie_str_from(back), &again));
  FUZZ_CHECK(again == unix_s || unix_s > INT64_C(253402300799)); /* a leap second in 9999 */
}

static void check_range(const struct pie_request_info *info, const struct pie_validators *now,
                        uint64_t size) {
  struct pie_range range = {0, size};
  if (pie_range_find(info, now, size, &range) == PIE_RANGE_PART) {
    FUZZ_CHECK(range.length > 0 && range.first < size);
    FUZZ_CHECK(range.length <= size - range.first);
  } else {
    FUZZ_CHECK(range.first == 0 && range.length == size);
  }
}

static bool is_weight(int weight) { return weight >= 0 && weight <= 1000; }

static void check_path(struct pie_str path, struct pie_str setting) {
  struct pie_folder folder;
  struct pie_str rest;
  if (pie_path_is_plain(path, true))
    FUZZ_CHECK(pie_path_is_plain(path, false));
  if (pie_path_is_plain(path, false)) {
    FUZZ_CHECK(path.n && path.p[0] != '/' && path.p[path.n - 1] != '/');
    FUZZ_CHECK(!memchr(path.p, '\0', path.n) && !memchr(path.p, '\\', path.n));
  }
  FUZZ_CHECK(pie_path_extension(path).n <= path.n);
  bool is_good = pie_folders_check(setting) == NULL;
  if (pie_folders_find(setting, path, &folder, &rest)) {
    FUZZ_CHECK(rest.n == 0 || rest.p[0] == '/');
    FUZZ_CHECK(folder.prefix.n + rest.n == path.n);
    FUZZ_CHECK(!is_good || folder.folder.n);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static const char *const names[FIELDS] = {
      "Range",           "If-Range",           "If-Match", "If-None-Match", "If-Modified-Since",
      "Accept-Encoding", "If-Unmodified-Since"};
  struct pie_header fields[FIELDS];
  struct fuzz_input input;
  fuzz_begin(&input, bytes, n);
  uint8_t how = fuzz_byte(&input);
  for (int i = 0; i < FIELDS; i++)
    fields[i] = (struct pie_header){pie_str_from(names[i]), fuzz_part(&input)};
  struct pie_request_info info = {.method = PIE_STR("GET"), .headers = fields};
  const struct pie_validators now = {PIE_STR("\"abc\""), how & 128, 784111777};
  for (info.header_count = 0; info.header_count <= FIELDS; info.header_count++) {
    check_range(&info, &now, sizes[how % 5]);
    pie_conditions_check(&info, &now);
    struct pie_codings codings = pie_codings_find(&info);
    FUZZ_CHECK(is_weight(codings.br) && is_weight(codings.gzip) && is_weight(codings.identity));
  }
  for (int i = 0; i < FIELDS; i++)
    check_date(fields[i].value);
  struct pie_str path = fuzz_part(&input);
  check_path(path, fuzz_part(&input));
  fuzz_end();
  return 0;
}
