/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct pie_str pie_str_from(const char *text) {
  if (!text)
    return (struct pie_str){"", 0};
  return (struct pie_str){text, strlen(text)};
}

char pie_ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

bool pie_str_equal(struct pie_str a, struct pie_str b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool pie_str_equal_nocase(struct pie_str a, struct pie_str b) {
  if (a.n != b.n)
    return false;
  if (a.n && memcmp(a.p, b.p, a.n) == 0)
    return true; /* mostly they are written alike */
  for (size_t i = 0; i < a.n; i++) {
    if (pie_ascii_lower(a.p[i]) != pie_ascii_lower(b.p[i]))
      return false;
  }
  return true;
}

bool pie_str_starts(struct pie_str text, struct pie_str prefix) {
  return text.n >= prefix.n && pie_str_equal((struct pie_str){text.p, prefix.n}, prefix);
}

bool pie_str_starts_nocase(struct pie_str text, struct pie_str prefix) {
  return text.n >= prefix.n && pie_str_equal_nocase((struct pie_str){text.p, prefix.n}, prefix);
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

struct pie_str pie_str_trim(struct pie_str text) {
  while (text.n && is_blank(text.p[0])) {
    text.p++;
    text.n--;
  }
  while (text.n && is_blank(text.p[text.n - 1]))
    text.n--;
  return text;
}

struct pie_str pie_str_cut(struct pie_str *rest, char separator) {
  const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
  struct pie_str head = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
  size_t used = head.n + (at ? 1 : 0);
  rest->p += used;
  rest->n -= used;
  return head;
}

bool pie_str_has_token(struct pie_str list, struct pie_str token) {
  while (list.n) {
    struct pie_str item = pie_str_trim(pie_str_cut(&list, ','));
    if (pie_str_equal_nocase(item, token))
      return true;
  }
  return false;
}

int pie_str_to_int64(struct pie_str text, int64_t *out) {
  int64_t value = 0;
  if (!text.n)
    return -PIE_EPROTO;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9')
      return -PIE_EPROTO;
    int digit = text.p[i] - '0';
    if (value > (INT64_MAX - digit) / 10)
      return -PIE_ETOOBIG;
    value = value * 10 + digit;
  }
  *out = value;
  return 0;
}

bool pie_str_is_port(struct pie_str text) {
  int64_t port;
  return pie_str_to_int64(text, &port) == 0 && port <= 65535;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = pie_ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t pie_str_percent_decode(struct pie_str text, char *out) {
  size_t length = 0;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] == '%' && i + 2 < text.n) {
      int high = hex_value(text.p[i + 1]), low = hex_value(text.p[i + 2]);
      if (high >= 0 && low >= 0) {
        out[length++] = (char)(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out[length++] = text.p[i];
  }
  return length;
}

size_t pie_str_remove_dots(char *path, size_t length) {
  size_t in = 0, out = 0;
  while (in < length) {
    size_t end = in + 1;
    while (end < length && path[end] != '/')
      end++;
    struct pie_str segment = {path + in, end - in}; /* with its leading slash */
    bool last = end == length;
    if (pie_str_equal(segment, PIE_STR("/."))) {
      if (last)
        path[out++] = '/';
    } else if (pie_str_equal(segment, PIE_STR("/.."))) {
      while (out && path[out - 1] != '/')
        out--;
      if (out)
        out--;
      if (last)
        path[out++] = '/';
    } else {
      memmove(path + out, segment.p, segment.n);
      out += segment.n;
    }
    in = end;
  }
  return out;
}

/* RFC 9110, 5.6.2: tchar */
static const bool token_bytes[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
    ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

bool pie_str_is_token(struct pie_str text) {
  for (size_t i = 0; i < text.n; i++) {
    if (!token_bytes[(unsigned char)text.p[i]])
      return false;
  }
  return text.n > 0;
}

char *pie_str_copy(struct pie_str text) {
  char *out = malloc(text.n + 1);
  if (!out)
    return NULL;
  if (text.n)
    memcpy(out, text.p, text.n);
  out[text.n] = '\0';
  return out;
}

int pie_str_copy_to(struct pie_str *out, struct pie_str text) {
  *out = (struct pie_str){pie_str_copy(text), text.n};
  return out->p ? 0 : -PIE_ENOMEM;
}

void pie_str_free(struct pie_str copy) { free((void *)(uintptr_t)copy.p); }

bool pie_str_is_field_value(struct pie_str text) {
  for (size_t i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f)
      return false;
  }
  return true;
}
