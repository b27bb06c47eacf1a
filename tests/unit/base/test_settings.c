/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/settings.h"
#include "base/str.h"
#include "harness/test.h"

#include <stdio.h>
#include <string.h>

static struct pie_settings settings;
static char why[256];

static int set(enum pie_setting_id id, const char *value) {
  why[0] = '\0';
  return pie_settings_set(&settings, id, pie_str_from(value), why, sizeof why);
}

static void check_taken(enum pie_setting_id id, const char *value, int64_t number) {
  test_context("%s = \"%s\"", pie_setting_table[id].name, value);
  CHECK_INT(set(id, value), 0);
  CHECK_INT(settings.number[id], number);
  CHECK_TEXT(pie_settings_text(&settings, id), value);
  CHECK_TEXT(why, "");
}

/* Refused, with the right form in words; what was set before stays. */
static void check_refused(enum pie_setting_id id, const char *value, const char *form) {
  int64_t number = settings.number[id];
  const char *text = settings.text[id];
  test_context("%s = \"%.40s\"", pie_setting_table[id].name, value);
  CHECK(set(id, value) < 0);
  CHECK_INT(settings.number[id], number);
  CHECK(settings.text[id] == text);
  CHECK_HAS(why, form);
}

static void every_default_is_right_by_its_own_rules(void) {
  struct pie_settings defaults;
  pie_settings_init(&settings);
  pie_settings_init(&defaults);
  for (int id = 0; id < PIE_SETTING_COUNT; id++) {
    const struct pie_setting *row = &pie_setting_table[id];
    char first[256];
    struct pie_str rest = pie_str_from(row->fallback);
    struct pie_str word = row->type == PIE_SETTING_CHOICE ? pie_str_cut(&rest, '|') : rest;
    snprintf(first, sizeof first, "%.*s", (int)word.n, word.p);
    test_context("%s", row->name);
    CHECK_INT(set((enum pie_setting_id)id, first), 0);
    CHECK_INT(settings.number[id], defaults.number[id]);
    CHECK_TEXT(pie_settings_text(&settings, (enum pie_setting_id)id), first);
    CHECK(defaults.text[id] == NULL);
    CHECK(row->min <= row->max);
    CHECK(*row->help != '\0');
  }
  pie_settings_free(&settings);
  CHECK(settings.text[PIE_SET_THREADS] == NULL);
}

static void names_are_found_in_each_spelling(void) {
  for (int id = 0; id < PIE_SETTING_COUNT; id++) {
    char variable[64];
    pie_setting_variable((enum pie_setting_id)id, variable);
    test_context("%s", variable);
    CHECK(strncmp(variable, "PYISAPIE_", 9) == 0);
    CHECK_INT(pie_setting_find(pie_str_from(variable + 9)), id);
    CHECK_INT(pie_setting_find(pie_str_from(pie_setting_table[id].name)), id);
    CHECK(strlen(variable) < 60);
  }
  char variable[64];
  test_context(NULL);
  pie_setting_variable(PIE_SET_LOG_LEVEL, variable);
  CHECK_TEXT(variable, "PYISAPIE_LOG_LEVEL");
  CHECK_INT(pie_setting_find(PIE_STR("Log_Level")), PIE_SET_LOG_LEVEL);
  static const char *const wrong[] = {"", "log-levels", "loglevel", "log level", "threads "};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_INT(pie_setting_find(pie_str_from(wrong[i])), -1);
  CHECK_INT(pie_setting_find(PIE_STR("app\0")), -1);
}

static void a_misspelled_name_has_a_nearest(void) {
  static const struct {
    const char *name;
    int id;
  } rows[] = {{"threads", PIE_SET_THREADS},
              {"THREAD", PIE_SET_THREADS},
              {"workres", PIE_SET_WORKERS},
              {"LOGLEVEL", PIE_SET_LOG_LEVEL},
              {"boddy_limit", PIE_SET_BODY_LIMIT},
              {"rot", PIE_SET_ROOT},
              {"", -1},
              {"x", -1},
              {"xyz", -1},
              {"something-else", -1}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    test_context("%s", rows[i].name);
    CHECK_INT(pie_setting_nearest(pie_str_from(rows[i].name)), rows[i].id);
  }
  char longest[5000];
  memset(longest, 'x', sizeof longest);
  CHECK_INT(pie_setting_nearest((struct pie_str){longest, sizeof longest}), -1);
}

static void numbers(void) {
  pie_settings_init(&settings);
  check_taken(PIE_SET_THREADS, "1", 1);
  check_taken(PIE_SET_THREADS, "1024", 1024);
  check_taken(PIE_SET_THREADS, "0008", 8);
  static const char *const wrong[] = {"0",  "1025", "",   "-1", "+1",  "1.0",
                                      "8K", "many", " 8", "8 ", "0x8", "99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    check_refused(PIE_SET_THREADS, wrong[i], "a whole number from 1 to 1024, such as ");
  pie_settings_free(&settings);
}

static void sizes(void) {
  pie_settings_init(&settings);
  CHECK_INT(settings.number[PIE_SET_STACK_SIZE], 8 << 20);
  check_taken(PIE_SET_STACK_SIZE, "262144", 262144);
  check_taken(PIE_SET_STACK_SIZE, "256k", 262144);
  check_taken(PIE_SET_STACK_SIZE, "2M", 2 << 20);
  check_taken(PIE_SET_STACK_SIZE, "1g", 1 << 30);
  check_taken(PIE_SET_BODY_LIMIT, "0", 0);
  check_taken(PIE_SET_BODY_LIMIT, "1073741824G", INT64_C(1) << 60);
  static const char *const wrong[] = {"262143", "255K", "1025M", "2G", "",    "K",  "-1K",
                                      "1KB",    "1 K",  "1.5M",  "K1", "1KK", "1T", "0x1K"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    check_refused(PIE_SET_STACK_SIZE, wrong[i], "a size in bytes from 262144 to 1073741824");
  check_refused(PIE_SET_BODY_LIMIT, "9223372036854775807G", "a size"); /* no overflow into range */
  check_refused(PIE_SET_BODY_LIMIT, "17179869184G", "a size");
  check_refused(PIE_SET_BODY_LIMIT, "17179869185G", "a size");
  pie_settings_free(&settings);
}

static void times(void) {
  pie_settings_init(&settings);
  CHECK_INT(settings.number[PIE_SET_START_TIMEOUT], 60000);
  check_taken(PIE_SET_HEADER_TIMEOUT, "0", 0);
  check_taken(PIE_SET_HEADER_TIMEOUT, "20", 20000);
  check_taken(PIE_SET_HEADER_TIMEOUT, "0.5", 500);
  check_taken(PIE_SET_HEADER_TIMEOUT, "0.25", 250);
  check_taken(PIE_SET_HEADER_TIMEOUT, "1.001", 1001);
  check_taken(PIE_SET_HEADER_TIMEOUT, "1.050", 1050);
  check_taken(PIE_SET_HEADER_TIMEOUT, "86400", 86400000);
  static const char *const wrong[] = {
      "86400.001", "86401", "",    "-1",   "1s", "1,5",    ".5",         "1.2.3",
      "1.x",       "1.-1",  "1e3", "soon", " 1", "1.2345", "9999999999", "99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    check_refused(PIE_SET_HEADER_TIMEOUT, wrong[i], "a number of seconds from 0 to 86400, such as");
  check_refused(PIE_SET_START_TIMEOUT, "0", "from 0.1 to 86400");
  check_refused(PIE_SET_START_TIMEOUT, "0.099", "from 0.1 to 86400");
  check_taken(PIE_SET_START_TIMEOUT, "0.1", 100);
  pie_settings_free(&settings);
}

static void switches(void) {
  static const char *const on[] = {"on", "ON", "true", "True", "yes", "1"};
  static const char *const off[] = {"off", "Off", "false", "no", "0"};
  static const char *const wrong[] = {"", "2", "y", "enabled", "on ", "onoff", "-1"};
  pie_settings_init(&settings);
  for (size_t i = 0; i < sizeof on / sizeof on[0]; i++)
    check_taken(PIE_SET_RELOAD, on[i], 1);
  for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
    check_taken(PIE_SET_RELOAD, off[i], 0);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    check_refused(PIE_SET_RELOAD, wrong[i], "must be on or off");
  pie_settings_free(&settings);
}

static void choices(void) {
  static const char *const wrong[] = {"", "loca", "locally", "local|always", "|", "local ", "0"};
  pie_settings_init(&settings);
  CHECK(pie_settings_is(&settings, PIE_SET_SHOW_ERRORS, "local")); /* the first is the default */
  CHECK(!pie_settings_is(&settings, PIE_SET_SHOW_ERRORS, "always"));
  check_taken(PIE_SET_SHOW_ERRORS, "never", 2);
  CHECK(pie_settings_is(&settings, PIE_SET_SHOW_ERRORS, "never"));
  check_taken(PIE_SET_SHOW_ERRORS, "ALWAYS", 1);
  CHECK(pie_settings_is(&settings, PIE_SET_SHOW_ERRORS, "always"));
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    check_refused(PIE_SET_SHOW_ERRORS, wrong[i], "must be one of local|always|never");
  pie_settings_free(&settings);
}

static void the_log_level_is_a_choice(void) {
  static const struct {
    const char *word;
    enum pie_log_level level;
  } rows[] = {{"error", PIE_LOG_ERROR},
              {"warning", PIE_LOG_WARNING},
              {"info", PIE_LOG_INFO},
              {"debug", PIE_LOG_DEBUG}};
  pie_settings_init(&settings);
  CHECK_INT(pie_settings_log_level(&settings), PIE_LOG_INFO);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    CHECK_INT(set(PIE_SET_LOG_LEVEL, rows[i].word), 0);
    CHECK_INT(pie_settings_log_level(&settings), rows[i].level);
  }
  pie_settings_free(&settings);
}

static void texts(void) {
  static char longest[PIE_SETTING_VALUE_MAX + 2];
  pie_settings_init(&settings);
  CHECK_TEXT(pie_settings_text(&settings, PIE_SET_APP), "");
  CHECK_TEXT(pie_settings_text(&settings, PIE_SET_BIND), "127.0.0.1:8000");
  check_taken(PIE_SET_APP, "/=a:app,/b=b:app", 0);
  check_taken(PIE_SET_APP, "", 0);
  memset(longest, 'a', PIE_SETTING_VALUE_MAX - 1);
  check_taken(PIE_SET_APP, longest, 0);
  longest[PIE_SETTING_VALUE_MAX - 1] = 'a';
  check_refused(PIE_SET_APP, longest, "a text of at most 4095 bytes");
  check_refused(PIE_SET_THREADS, longest, "a whole number");
  pie_settings_free(&settings);
}

static void the_reason_fits_where_it_goes(void) {
  for (int id = 0; id < PIE_SETTING_COUNT; id++) {
    static char much[PIE_SETTING_VALUE_MAX + 1];
    char small[8];
    pie_settings_init(&settings);
    memset(much, 'x', PIE_SETTING_VALUE_MAX);
    memset(small, '#', sizeof small);
    test_context("%s", pie_setting_table[id].name);
    CHECK(pie_settings_set(&settings, (enum pie_setting_id)id, pie_str_from(much), small, 4) < 0);
    CHECK_INT(strlen(small), 3);
    CHECK_INT(small[4], '#');
    CHECK(set((enum pie_setting_id)id, much) < 0);
    CHECK(strncmp(why, "must be ", 8) == 0);
    CHECK(strlen(why) < sizeof why - 1);
    pie_settings_free(&settings);
  }
}

static const struct test_case cases[] = {
    CASE(every_default_is_right_by_its_own_rules),
    CASE(names_are_found_in_each_spelling),
    CASE(a_misspelled_name_has_a_nearest),
    CASE(numbers),
    CASE(sizes),
    CASE(times),
    CASE(switches),
    CASE(choices),
    CASE(the_log_level_is_a_choice),
    CASE(texts),
    CASE(the_reason_fits_where_it_goes),
};
TEST_MAIN(cases)
