/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for Python's shared library where a test lays out an installation.
 */
__attribute__((visibility("default"))) int pie_test_empty_library(void);

int pie_test_empty_library(void) { return 399; }
