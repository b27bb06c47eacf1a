/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/fake_python.h"

bool fake_python_runs;
const char *fake_python_version = "3.99.0 (main, Jan  1 2026)";

__attribute__((visibility("default"))) int Py_IsInitialized(void) { return fake_python_runs; }

__attribute__((visibility("default"))) const char *Py_GetVersion(void) {
  return fake_python_version;
}
