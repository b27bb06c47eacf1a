/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and values of settings. Input: parts in turn, name and value.
 */
#include "base/settings.h"
#include "fuzz.h"

#include <string.h>

static void check_set(struct pie_settings *settings, enum pie_setting_id id, struct pie_str value) {
  const struct pie_setting *row = &pie_setting_table[id];
  char why[256];
  int64_t before = settings->number[id];
  const char *text = settings->text[id];
  memset(why, '#', sizeof why);
  if (pie_settings_set(settings, id, value, why, sizeof why)) {
    FUZZ_CHECK(settings->number[id] == before && settings->text[id] == text);
    FUZZ_CHECK(memchr(why, '\0', sizeof why) && strlen(why) > 8);
    return;
  }
  FUZZ_CHECK(row->min == row->max ||
             (settings->number[id] >= row->min && settings->number[id] <= row->max));
  FUZZ_CHECK(memcmp(pie_settings_text(settings, id), value.p, value.n) == 0);
  if (row->type == PIE_SETTING_SWITCH)
    FUZZ_CHECK(settings->number[id] == 0 || settings->number[id] == 1);
  if (row->type == PIE_SETTING_CHOICE)
    FUZZ_CHECK(strchr(row->fallback, '|') && settings->number[id] >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct fuzz_input input;
  struct pie_settings settings;
  fuzz_begin(&input, bytes, n);
  pie_settings_init(&settings);
  for (int i = 0; i < 16 && input.rest.n; i++) {
    struct pie_str name = fuzz_part(&input), value = fuzz_part(&input);
    int id = pie_setting_find(name);
    FUZZ_CHECK(id >= -1 && id < PIE_SETTING_COUNT);
    /* An unknown name still has a value to try: on the setting that its first byte chooses. */
    if (id < 0)
      id = name.n ? (unsigned char)name.p[0] % PIE_SETTING_COUNT : 0;
    check_set(&settings, (enum pie_setting_id)id, value);
  }
  pie_settings_log_level(&settings);
  FUZZ_CHECK(pie_settings_is(&settings, PIE_SET_QUIRKS, "none") ||
             pie_settings_is(&settings, PIE_SET_QUIRKS, "apache"));
  pie_settings_free(&settings);
  fuzz_end();
  return 0;
}
