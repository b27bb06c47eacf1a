/* SPDX-License-Identifier: Apache-2.0
 *
 * Small trees of files below the test's own folder. Paths are relative to it.
 */
#ifndef PIE_TEST_TREE_H
#define PIE_TEST_TREE_H

/* Begins a tree of its own, so that a loaded copy is never a copy loaded before. */
void tree_new(void);
const char *tree_path(const char *path);             /* the full path; kept for eight calls */
void tree_dir(const char *path);                     /* with its parents */
void tree_file(const char *path, const char *text);  /* the same */
void tree_copy(const char *path, const char *built); /* of what the build made; see meson.build */

#endif
