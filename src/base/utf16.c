/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf16.h"

#include <stdbool.h>

/* Decodes one UTF-8 sequence of at most limit bytes; its length, or 0 when it is malformed. */
static size_t decode(const unsigned char *s, size_t limit, uint32_t *out) {
  size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
  if (!n || n > limit || s[0] > 0xf4)
    return 0;
  uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (s[i] & 0x3f);
  }
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
    return 0;
  *out = c;
  return n;
}

size_t pie_utf16_from(struct pie_str text, uint16_t *out) {
  size_t units = 0;
  for (size_t i = 0; i < text.n;) {
    uint32_t c = (unsigned char)text.p[i];
    size_t used = decode((const unsigned char *)text.p + i, text.n - i, &c);
    i += used ? used : 1;
    if (out && c < 0x10000)
      out[units] = (uint16_t)c;
    else if (out) {
      out[units] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
      out[units + 1] = (uint16_t)(0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    units += c < 0x10000 ? 1 : 2;
  }
  return units;
}

static size_t put(char *out, uint32_t c) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 0x3f));
  out[2] = (char)(0x80 | (c >> 6 & 0x3f));
  out[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

size_t pie_utf16_to_utf8(const uint16_t *units, size_t n, char *out) {
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t c = units[i];
    bool pair = c >= 0xd800 && c < 0xdc00 && i + 1 < n && (units[i + 1] & 0xfc00) == 0xdc00;
    if (pair)
      c = 0x10000 + ((c - 0xd800) << 10) + (units[++i] - 0xdc00u);
    used += put(out + used, c);
  }
  return used;
}

size_t pie_utf16_length(const uint16_t *text) {
  size_t n = 0;
  while (text[n])
    n++;
  return n;
}
