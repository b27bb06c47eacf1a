/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"

#include "base/error.h"
#include "base/folders.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 48 };

const struct pie_setting pie_setting_table[PIE_SETTING_COUNT] = {
#define PIE_SETTING_ROW(id, name, type, fallback, min, max, scope, help)                           \
  {name, fallback, help, PIE_SETTING_##type, PIE_SCOPE_##scope, min, max},
    PIE_SETTINGS(PIE_SETTING_ROW)
#undef PIE_SETTING_ROW
};

static int parse_number(struct pie_str text, int64_t *out) { return pie_str_to_int64(text, out); }

static int parse_size(struct pie_str text, int64_t *out) {
  int shift = 0;
  if (text.n) {
    char unit = pie_ascii_lower(text.p[text.n - 1]);
    shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
    if (shift)
      text.n--;
  }
  int err = pie_str_to_int64(text, out);
  if (err)
    return err;
  if (*out > INT64_MAX >> shift)
    return -PIE_ETOOBIG;
  *out <<= shift;
  return 0;
}

static int parse_time(struct pie_str text, int64_t *out) {
  struct pie_str whole = pie_str_cut(&text, '.');
  int64_t seconds = 0, part = 0;
  int err = pie_str_to_int64(whole, &seconds);
  if (err || seconds > 1000000000)
    return err ? err : -PIE_ETOOBIG;
  if (text.n && (text.n > 3 || pie_str_to_int64(text, &part)))
    return -PIE_EPROTO;
  for (size_t digits = text.n; digits && digits < 3; digits++)
    part *= 10;
  *out = seconds * 1000 + part;
  return 0;
}

static int parse_switch(struct pie_str text, int64_t *out) {
  static const char *const words[][4] = {{"off", "false", "no", "0"}, {"on", "true", "yes", "1"}};
  for (int value = 0; value < 2; value++) {
    for (int i = 0; i < 4; i++) {
      if (pie_str_equal_nocase(text, pie_str_from(words[value][i]))) {
        *out = value;
        return 0;
      }
    }
  }
  return -PIE_EPROTO;
}

static int parse_choice(const struct pie_setting *setting, struct pie_str text, int64_t *out) {
  struct pie_str words = pie_str_from(setting->fallback);
  for (int64_t i = 0; words.n; i++) {
    if (pie_str_equal_nocase(pie_str_cut(&words, '|'), text)) {
      *out = i;
      return 0;
    }
  }
  return -PIE_EPROTO;
}

static int parse(const struct pie_setting *setting, struct pie_str text, int64_t *out) {
  switch (setting->type) {
  case PIE_SETTING_NUMBER:
    return parse_number(text, out);
  case PIE_SETTING_SIZE:
    return parse_size(text, out);
  case PIE_SETTING_TIME:
    return parse_time(text, out);
  case PIE_SETTING_SWITCH:
    return parse_switch(text, out);
  case PIE_SETTING_CHOICE:
    return parse_choice(setting, text, out);
  case PIE_SETTING_TEXT:
    break;
  }
  return 0;
}

static void explain(const struct pie_setting *setting, char *why, size_t n) {
  switch (setting->type) {
  case PIE_SETTING_NUMBER:
    snprintf(why, n, "must be a whole number from %lld to %lld, such as %s",
             (long long)setting->min, (long long)setting->max, setting->fallback);
    break;
  case PIE_SETTING_SIZE:
    snprintf(why, n,
             "must be a size in bytes from %lld to %lld, with K, M or G if you like, such as %s",
             (long long)setting->min, (long long)setting->max, setting->fallback);
    break;
  case PIE_SETTING_TIME:
    snprintf(why, n, "must be a number of seconds from %g to %g, such as %s",
             (double)setting->min / 1000, (double)setting->max / 1000, setting->fallback);
    break;
  case PIE_SETTING_SWITCH:
    snprintf(why, n, "must be on or off");
    break;
  case PIE_SETTING_CHOICE:
    snprintf(why, n, "must be one of %s", setting->fallback);
    break;
  case PIE_SETTING_TEXT:
    snprintf(why, n, "must be a text of at most %d bytes", PIE_SETTING_VALUE_MAX - 1);
    break;
  }
}

void pie_settings_init(struct pie_settings *settings) {
  memset(settings, 0, sizeof *settings);
  for (int id = 0; id < PIE_SETTING_COUNT; id++) {
    const struct pie_setting *setting = &pie_setting_table[id];
    if (setting->type != PIE_SETTING_CHOICE)
      parse(setting, pie_str_from(setting->fallback), &settings->number[id]);
  }
}

void pie_settings_free(struct pie_settings *settings) {
  for (int id = 0; id < PIE_SETTING_COUNT; id++) {
    free(settings->text[id]);
    settings->text[id] = NULL;
  }
}

static bool same_name(struct pie_str name, struct pie_str known) {
  if (name.n != known.n)
    return false;
  for (size_t i = 0; i < name.n; i++) {
    char c = pie_ascii_lower(name.p[i]);
    if ((c == '_' ? '-' : c) != known.p[i])
      return false;
  }
  return true;
}

int pie_setting_find(struct pie_str name) {
  for (int id = 0; id < PIE_SETTING_COUNT; id++) {
    if (same_name(name, pie_str_from(pie_setting_table[id].name)))
      return id;
  }
  return -1;
}

static char fold(char c) {
  c = pie_ascii_lower(c);
  return c == '_' ? '-' : c;
}

static int least(int a, int b, int c) {
  int least_ab = a < b ? a : b;
  return least_ab < c ? least_ab : c;
}

/* How many letters must be put in, left out or changed to make one of the other. */
static int distance(struct pie_str a, struct pie_str b) {
  int row[NAME_MAX_BYTES + 1]; /* of a's first letters to each beginning of b */
  for (size_t j = 0; j <= b.n; j++)
    row[j] = (int)j;
  for (size_t i = 0; i < a.n; i++) {
    int before = row[0]; /* the row above, one to the left */
    row[0] = (int)i + 1;
    for (size_t j = 0; j < b.n; j++) {
      int above = row[j + 1];
      row[j + 1] = least(row[j] + 1, above + 1, before + (fold(a.p[i]) != fold(b.p[j])));
      before = above;
    }
  }
  return row[b.n];
}

int pie_setting_nearest(struct pie_str name) {
  int found = -1, best = (int)(name.n / 2 < 3 ? name.n / 2 : 3) + 1; /* it must be much alike */
  for (int id = 0; id < PIE_SETTING_COUNT && name.n <= NAME_MAX_BYTES; id++) {
    int away = distance(name, pie_str_from(pie_setting_table[id].name));
    if (away < best) {
      best = away;
      found = id;
    }
  }
  return found;
}

void pie_setting_variable(enum pie_setting_id id, char *out) {
  int n = snprintf(out, 64, PIE_SETTING_PREFIX "%s", pie_setting_table[id].name);
  for (int i = 0; i < n; i++) {
    if (out[i] == '-')
      out[i] = '_';
    else if (out[i] >= 'a' && out[i] <= 'z')
      out[i] = (char)(out[i] - ('a' - 'A'));
  }
}

int pie_settings_set(struct pie_settings *settings, enum pie_setting_id id, struct pie_str value,
                     char *why, size_t why_size) {
  const struct pie_setting *setting = &pie_setting_table[id];
  int64_t number = 0;
  int err = value.n >= PIE_SETTING_VALUE_MAX ? -PIE_ETOOBIG : parse(setting, value, &number);
  bool ranged = setting->min != setting->max;
  if (!err && ranged && (number < setting->min || number > setting->max))
    err = -PIE_EINVAL;
  if (err) {
    explain(setting, why, why_size);
    return err;
  }
  if (id == PIE_SET_SCRIPT_NAME && value.n && value.p[0] != '/') {
    snprintf(why, why_size, "must begin with a slash, such as /app");
    return -PIE_EINVAL;
  }
  const char *wrong = id == PIE_SET_STATIC ? pie_folders_check(value) : NULL;
  if (wrong) {
    snprintf(why, why_size, "%s", wrong);
    return -PIE_EINVAL;
  }
  char *copy = malloc(value.n + 1);
  if (!copy) {
    snprintf(why, why_size, "no memory is left to hold it");
    return -PIE_ENOMEM;
  }
  memcpy(copy, value.p, value.n);
  copy[value.n] = '\0';
  free(settings->text[id]);
  settings->text[id] = copy;
  settings->number[id] = number;
  return 0;
}

const char *pie_settings_text(const struct pie_settings *settings, enum pie_setting_id id) {
  return settings->text[id] ? settings->text[id] : pie_setting_table[id].fallback;
}

/* The word that a choice has. */
static struct pie_str chosen(const struct pie_settings *settings, enum pie_setting_id id) {
  struct pie_str words = pie_str_from(pie_setting_table[id].fallback);
  for (int64_t i = settings->number[id]; i > 0; i--)
    pie_str_cut(&words, '|');
  return pie_str_cut(&words, '|');
}

enum pie_log_level pie_settings_log_level(const struct pie_settings *settings) {
  enum pie_log_level level = PIE_LOG_INFO;
  pie_log_level_parse(chosen(settings, PIE_SET_LOG_LEVEL), &level);
  return level;
}

bool pie_settings_is(const struct pie_settings *settings, enum pie_setting_id id,
                     const char *word) {
  return pie_str_equal(chosen(settings, id), pie_str_from(word));
}
