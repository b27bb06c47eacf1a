/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/conditions.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* ---- dates ---- */

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const long_day_names[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                              "Thursday", "Friday", "Saturday"};
enum { DAY_S = 86400, DATE_YEAR_MAX = 9999 };

struct date {
  int64_t year, month, day, hour, minute, second; /* the first month is 1 */
};

/* Of the calendar as it would have been ever since: days from 1970-01-01. The year begins in March,
 * so that the day that leap years have more is its last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2;
  int64_t era = year / 400, of_era = year - era * 400; /* no year is negative */
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t month_length(int64_t year, int64_t month) {
  return month == 12 ? 31 : days_of(year, month + 1, 1) - days_of(year, month, 1);
}

static bool to_unix(const struct date *date, int64_t *unix_s) {
  if (date->month < 1 || date->day < 1 || date->day > month_length(date->year, date->month) ||
      date->hour > 23 || date->minute > 59 || date->second > 60)
    return false;
  *unix_s = days_of(date->year, date->month, date->day) * DAY_S + date->hour * 3600 +
            date->minute * 60 + date->second;
  return true;
}

static bool skip(struct pie_str *text, struct pie_str word) {
  if (!pie_str_starts(*text, word))
    return false;
  text->p += word.n;
  text->n -= word.n;
  return true;
}

/* So many digits; the first of them may be a space where is_padded. */
static bool take_digits(struct pie_str *text, size_t n, bool is_padded, int64_t *out) {
  struct pie_str digits = {text->p, n};
  if (text->n < n)
    return false;
  text->p += n;
  text->n -= n;
  if (is_padded && digits.p[0] == ' ') {
    digits.p++;
    digits.n--;
  }
  return pie_str_to_int64(digits, out) == 0;
}

static bool take_day_name(struct pie_str *text, bool is_long) {
  for (int i = 0; i < 7; i++) {
    if (skip(text, pie_str_from(is_long ? long_day_names[i] : day_names[i])))
      return true;
  }
  return false;
}

static bool take_month(struct pie_str *text, int64_t *month) {
  for (int i = 0; i < 12; i++) {
    if (skip(text, pie_str_from(month_names[i]))) {
      *month = i + 1;
      return true;
    }
  }
  return false;
}

static bool take_time(struct pie_str *text, struct date *date) {
  return take_digits(text, 2, false, &date->hour) && skip(text, PIE_STR(":")) &&
         take_digits(text, 2, false, &date->minute) && skip(text, PIE_STR(":")) &&
         take_digits(text, 2, false, &date->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool parse_fixed(struct pie_str text, struct date *date) {
  return take_day_name(&text, false) && skip(&text, PIE_STR(", ")) &&
         take_digits(&text, 2, false, &date->day) && skip(&text, PIE_STR(" ")) &&
         take_month(&text, &date->month) && skip(&text, PIE_STR(" ")) &&
         take_digits(&text, 4, false, &date->year) && skip(&text, PIE_STR(" ")) &&
         take_time(&text, date) && pie_str_equal(text, PIE_STR(" GMT"));
}

/* "Sunday, 06-Nov-94 08:49:37 GMT". The year is one of this century up to 2069: what this is
 * compared with is a file's time. */
static bool parse_850(struct pie_str text, struct date *date) {
  bool good = take_day_name(&text, true) && skip(&text, PIE_STR(", ")) &&
              take_digits(&text, 2, false, &date->day) && skip(&text, PIE_STR("-")) &&
              take_month(&text, &date->month) && skip(&text, PIE_STR("-")) &&
              take_digits(&text, 2, false, &date->year) && skip(&text, PIE_STR(" ")) &&
              take_time(&text, date) && pie_str_equal(text, PIE_STR(" GMT"));
  date->year += date->year < 70 ? 2000 : 1900;
  return good;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(struct pie_str text, struct date *date) {
  return take_day_name(&text, false) && skip(&text, PIE_STR(" ")) &&
         take_month(&text, &date->month) && skip(&text, PIE_STR(" ")) &&
         take_digits(&text, 2, true, &date->day) && skip(&text, PIE_STR(" ")) &&
         take_time(&text, date) && skip(&text, PIE_STR(" ")) &&
         take_digits(&text, 4, false, &date->year) && !text.n;
}

bool pie_http_date_parse(struct pie_str text, int64_t *unix_s) {
  struct date date = {0};
  text = pie_str_trim(text);
  bool good = parse_fixed(text, &date) || parse_850(text, &date) || parse_asctime(text, &date);
  return good && to_unix(&date, unix_s);
}

void pie_http_date_format(int64_t unix_s, char *out) {
  const int64_t last = days_of(DATE_YEAR_MAX, 12, 31) * DAY_S + DAY_S - 1;
  unix_s = unix_s < 0 ? 0 : unix_s > last ? last : unix_s;
  int64_t days = unix_s / DAY_S, rest = unix_s % DAY_S;
  int64_t year = 1970 + days / 366, month = 1; /* at most a few years too early */
  while (days_of(year + 1, 1, 1) <= days)
    year++;
  while (month < 12 && days_of(year, month + 1, 1) <= days)
    month++;
  snprintf(out, PIE_HTTP_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT",
           day_names[(days + 4) % 7], (int)(days - days_of(year, month, 1) + 1),
           month_names[month - 1], (int)year, (int)(rest / 3600), (int)(rest / 60 % 60),
           (int)(rest % 60));
}

/* ---- fields ---- */

/* The next field of that name, from *at on; false: there is none. */
static bool next_field(const struct pie_request_info *info, struct pie_str name, size_t *at,
                       struct pie_str *value) {
  while (*at < info->header_count) {
    const struct pie_header *header = &info->headers[(*at)++];
    if (pie_str_equal_nocase(header->name, name)) {
      *value = header->value;
      return true;
    }
  }
  return false;
}

/* The field that may come once. False: there is none, or there are several. */
static bool only_field(const struct pie_request_info *info, struct pie_str name,
                       struct pie_str *value) {
  struct pie_str other;
  size_t at = 0;
  return next_field(info, name, &at, value) && !next_field(info, name, &at, &other);
}

static bool has_field(const struct pie_request_info *info, struct pie_str name) {
  struct pie_str value;
  size_t at = 0;
  return next_field(info, name, &at, &value);
}

/* ---- entity tags ---- */

/* [W/] and quotes with anything between them. False: that is not what comes. */
static bool take_tag(struct pie_str *text, struct pie_str *tag, bool *is_weak) {
  *is_weak = skip(text, PIE_STR("W/"));
  if (!text->n || text->p[0] != '"')
    return false;
  const char *end = memchr(text->p + 1, '"', text->n - 1);
  if (!end)
    return false;
  *tag = (struct pie_str){text->p, (size_t)(end - text->p) + 1};
  text->p += tag->n;
  text->n -= tag->n;
  return true;
}

/* A list of tags, or "*", which any file matches. What follows something malformed is not read. */
static bool list_has_tag(struct pie_str list, const struct pie_validators *now, bool weakly) {
  struct pie_str tag;
  bool is_weak;
  list = pie_str_trim(list);
  if (pie_str_equal(list, PIE_STR("*")))
    return true;
  while (take_tag(&list, &tag, &is_weak)) {
    if (pie_str_equal(tag, now->tag) && (weakly || (!is_weak && !now->is_weak)))
      return true;
    do
      list = pie_str_trim(list);
    while (skip(&list, PIE_STR(",")));
  }
  return false;
}

static bool field_has_tag(const struct pie_request_info *info, struct pie_str name,
                          const struct pie_validators *now, bool weakly) {
  struct pie_str value;
  for (size_t at = 0; next_field(info, name, &at, &value);) {
    if (list_has_tag(value, now, weakly))
      return true;
  }
  return false;
}

/* ---- conditions ---- */

/* A date that is none is as if the field were not there (13.1.3, 13.1.4). */
static bool field_is_before(const struct pie_request_info *info, struct pie_str name,
                            int64_t changed_s, bool or_at, bool otherwise) {
  struct pie_str value;
  int64_t date;
  if (!only_field(info, name, &value) || !pie_http_date_parse(value, &date))
    return otherwise;
  return or_at ? changed_s <= date : changed_s > date;
}

enum pie_condition pie_conditions_check(const struct pie_request_info *info,
                                        const struct pie_validators *now) {
  if (has_field(info, PIE_STR("If-Match"))) {
    if (!field_has_tag(info, PIE_STR("If-Match"), now, false))
      return PIE_CONDITION_FAILED;
  } else if (field_is_before(info, PIE_STR("If-Unmodified-Since"), now->changed_s, false, false)) {
    return PIE_CONDITION_FAILED;
  }
  bool same =
      has_field(info, PIE_STR("If-None-Match"))
          ? field_has_tag(info, PIE_STR("If-None-Match"), now, true)
          : field_is_before(info, PIE_STR("If-Modified-Since"), now->changed_s, true, false);
  return same ? PIE_CONDITION_NOT_MODIFIED : PIE_CONDITION_TRUE;
}

/* ---- ranges ---- */

/* A number that is too large for us is larger than any file. */
static bool take_position(struct pie_str text, uint64_t *out) {
  int64_t value = 0;
  int err = pie_str_to_int64(text, &value);
  *out = err == -PIE_ETOOBIG ? UINT64_MAX : (uint64_t)value;
  return err != -PIE_EPROTO;
}

static bool is_number(struct pie_str text) {
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9')
      return false;
  }
  return text.n > 0;
}

/* The last n bytes. */
static enum pie_range_kind suffix(uint64_t n, uint64_t size, struct pie_range *out) {
  if (!n)
    return PIE_RANGE_BEYOND;
  if (!size)
    return PIE_RANGE_WHOLE; /* that can be satisfied, but no Content-Range can say so */
  out->length = n < size ? n : size;
  out->first = size - out->length;
  return PIE_RANGE_PART;
}

static enum pie_range_kind parse_one(struct pie_str text, uint64_t size, struct pie_range *out) {
  uint64_t first, last = UINT64_MAX;
  if (!memchr(text.p, '-', text.n))
    return PIE_RANGE_WHOLE;
  struct pie_str from = pie_str_cut(&text, '-');
  if ((from.n && !is_number(from)) || (text.n && !is_number(text)) || (!from.n && !text.n))
    return PIE_RANGE_WHOLE;
  if (!from.n)
    return take_position(text, &last) ? suffix(last, size, out) : PIE_RANGE_WHOLE;
  if (!take_position(from, &first) || (text.n && !take_position(text, &last)) || last < first)
    return PIE_RANGE_WHOLE;
  if (first >= size)
    return PIE_RANGE_BEYOND;
  if (last >= size)
    last = size - 1;
  *out = (struct pie_range){first, last - first + 1};
  return PIE_RANGE_PART;
}

enum pie_range_kind pie_range_parse(struct pie_str value, uint64_t size, struct pie_range *out) {
  struct pie_str unit = pie_str_trim(pie_str_cut(&value, '=')), only = {NULL, 0};
  if (!pie_str_equal_nocase(unit, PIE_STR("bytes")))
    return PIE_RANGE_WHOLE;
  while (value.n) {
    struct pie_str item = pie_str_trim(pie_str_cut(&value, ','));
    if (item.n && only.n)
      return PIE_RANGE_WHOLE; /* which is always allowed, and cannot be made a burden (14.2) */
    only = item.n ? item : only;
  }
  return only.n ? parse_one(only, size, out) : PIE_RANGE_WHOLE;
}

/* Whether what the client has a part of is what would be sent now (13.1.5). */
static bool is_same(struct pie_str value, const struct pie_validators *now) {
  struct pie_str tag;
  int64_t date;
  bool is_weak;
  value = pie_str_trim(value);
  if (pie_http_date_parse(value, &date))
    return !now->is_weak && date == now->changed_s;
  return take_tag(&value, &tag, &is_weak) && !value.n && !is_weak && !now->is_weak &&
         pie_str_equal(tag, now->tag);
}

enum pie_range_kind pie_range_find(const struct pie_request_info *info,
                                   const struct pie_validators *now, uint64_t size,
                                   struct pie_range *out) {
  struct pie_str range, only_if;
  if (!pie_str_equal(info->method, PIE_STR("GET")) || !only_field(info, PIE_STR("Range"), &range))
    return PIE_RANGE_WHOLE;
  if (has_field(info, PIE_STR("If-Range")) &&
      !(only_field(info, PIE_STR("If-Range"), &only_if) && is_same(only_if, now)))
    return PIE_RANGE_WHOLE;
  return pie_range_parse(range, size, out);
}

/* ---- content codings ---- */

/* "0.5" in thousandths; what is none is as 0: then nothing is sent that may not be wanted. */
static int parse_weight(struct pie_str text) {
  struct pie_str whole = pie_str_cut(&text, '.');
  bool is_one = pie_str_equal(whole, PIE_STR("1"));
  int value = 0;
  if ((!is_one && !pie_str_equal(whole, PIE_STR("0"))) || text.n > 3)
    return 0;
  for (size_t i = 0; i < 3; i++) {
    char digit = i < text.n ? text.p[i] : '0';
    if (digit < '0' || digit > '9')
      return 0;
    value = value * 10 + (digit - '0');
  }
  return is_one ? 1000 : value;
}

static int weight_of(struct pie_str parameters) {
  while (parameters.n) {
    struct pie_str value = pie_str_trim(pie_str_cut(&parameters, ';'));
    struct pie_str name = pie_str_trim(pie_str_cut(&value, '='));
    if (pie_str_equal_nocase(name, PIE_STR("q")))
      return parse_weight(pie_str_trim(value));
  }
  return 1000;
}

enum { UNSAID = -1 };

static void add_coding(struct pie_str item, struct pie_codings *codings, int *others) {
  struct pie_str name = pie_str_trim(pie_str_cut(&item, ';'));
  int weight = weight_of(item);
  if (pie_str_equal_nocase(name, PIE_STR("br")))
    codings->br = weight;
  else if (pie_str_equal_nocase(name, PIE_STR("gzip")) ||
           pie_str_equal_nocase(name, PIE_STR("x-gzip")))
    codings->gzip = weight;
  else if (pie_str_equal_nocase(name, PIE_STR("identity")))
    codings->identity = weight;
  else if (pie_str_equal(name, PIE_STR("*")))
    *others = weight;
}

struct pie_codings pie_codings_find(const struct pie_request_info *info) {
  struct pie_codings codings = {UNSAID, UNSAID, UNSAID};
  int others = UNSAID;
  struct pie_str value;
  for (size_t at = 0; next_field(info, PIE_STR("Accept-Encoding"), &at, &value);) {
    while (value.n)
      add_coding(pie_str_cut(&value, ','), &codings, &others);
  }
  int rest = others > 0 ? others : 0;
  if (codings.br == UNSAID)
    codings.br = rest;
  if (codings.gzip == UNSAID)
    codings.gzip = rest;
  if (codings.identity == UNSAID)
    codings.identity = others == 0 ? 0 : 1; /* it is wanted least where nothing is said of it */
  return codings;
}
