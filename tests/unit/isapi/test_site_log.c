/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/site_log.h"

#include "base/error.h"
#include "harness/rig.h"
#include "harness/test.h"
#include "harness/tree.h"
#include "isapi/door.h"

#include <stdio.h>

static struct fake_host host;
static struct pie_door *door;
static const struct pie_log_origin one = {.app = PIE_STR("one:app"), .root = PIE_STR("/sites")};
static const struct pie_log_origin two = {.app = PIE_STR("two:app"), .root = PIE_STR("/sites")};

static void open_door(void) {
  tree_new();
  tree_file("here", "");
  fake_open(&host, FAKE_IIS, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  door = rig_door_ready(&host);
}

static void close_door(void) {
  rig_door_free(door);
  fake_close(&host);
}

static int choose(const struct pie_log_origin *site, const char *path, const char *level) {
  char why[256] = "";
  struct pie_log_choice choice = {.path = path, .size = -1, .keep = -1, .level = level};
  int err = pie_site_log_choose(door, site, &choice, why, sizeof why);
  CHECK(!err || *why);
  return err;
}

static void say(const struct pie_log_origin *site, const char *text) {
  pie_log_text(pie_site_log_of(door, site), PIE_LOG_INFO, PIE_STR("1"), pie_str_from(text));
}

static const char *content(const char *name) {
  static char text[4096];
  CHECK(pie_file_read_text(tree_path(name), text, sizeof text) >= 0);
  return text;
}

static void without_a_choice_it_is_the_doors(void) {
  open_door();
  const struct pie_log_origin nobody = {.id = PIE_STR("")};
  CHECK(pie_site_log_of(door, &nobody) == &door->log);
  CHECK(pie_site_log_of(door, &one) == &door->log);
  CHECK_INT(choose(&one, "", ""), 0);
  CHECK(pie_site_log_of(door, &one) == &door->log);
  close_door();
}

static void each_site_has_its_own(void) {
  open_door();
  CHECK_INT(choose(&one, tree_path("one.log"), NULL), 0);
  CHECK(pie_site_log_of(door, &two) == &door->log);
  CHECK_INT(choose(&two, tree_path("two.log"), NULL), 0);
  say(&one, "of one");
  say(&two, "of two");
  CHECK_HAS(content("one.log"), "INFO [1] of one\n");
  CHECK_HAS_NOT(content("one.log"), "of two");
  CHECK_HAS(content("two.log"), "INFO [1] of two\n");
  close_door();
}

static void one_file_has_one_writer(void) {
  open_door();
  CHECK_INT(choose(&one, tree_path("both.log"), NULL), 0);
  CHECK_INT(choose(&two, tree_path("both.log"), "error"), 0);
  const struct pie_log *first = pie_site_log_of(door, &one), *second = pie_site_log_of(door, &two);
  CHECK(first != second);
  CHECK(first->context == second->context);
  say(&one, "is heard");
  say(&two, "is not");
  CHECK_HAS(content("both.log"), "is heard");
  CHECK_HAS_NOT(content("both.log"), "is not");
  close_door();
}

static void the_file_of_the_process_has_its_writer(void) {
  char why[256];
  open_door();
  door->log_file = pie_log_file_open(tree_path("all.log"), why, sizeof why);
  REQUIRE(door->log_file != NULL);
  pie_settings_set(&door->settings, PIE_SET_LOG, pie_str_from(tree_path("all.log")), why,
                   sizeof why);
  CHECK_INT(choose(&one, tree_path("all.log"), NULL), 0);
  CHECK(pie_site_log_of(door, &one)->context == door->log_file);
  close_door();
}

static void the_last_choice_counts(void) {
  open_door();
  CHECK_INT(choose(&one, tree_path("first.log"), NULL), 0);
  const struct pie_log *first = pie_site_log_of(door, &one);
  CHECK_INT(choose(&one, tree_path("first.log"), NULL), 0);
  CHECK(pie_site_log_of(door, &one) == first);
  CHECK_INT(choose(&one, tree_path("here/no.log"), NULL), -PIE_EINVAL);
  CHECK(pie_site_log_of(door, &one) == first);
  CHECK_INT(choose(&one, tree_path("second.log"), NULL), 0);
  say(&one, "later");
  CHECK_HAS(content("second.log"), "later");
  CHECK_INT(choose(&one, NULL, NULL), 0);
  CHECK(pie_site_log_of(door, &one) == &door->log);
  close_door();
}

static void a_variable_is_for_all(void) {
  open_door();
  door->log_given = true;
  CHECK_INT(choose(&one, tree_path("one.log"), NULL), 0);
  CHECK(pie_site_log_of(door, &one) == &door->log);
  close_door();
}

static const struct test_case cases[] = {
    CASE(without_a_choice_it_is_the_doors), CASE(each_site_has_its_own),
    CASE(one_file_has_one_writer),          CASE(the_file_of_the_process_has_its_writer),
    CASE(the_last_choice_counts),           CASE(a_variable_is_for_all),
};

TEST_MAIN(cases)
