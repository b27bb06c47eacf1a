/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A struct pie_lib is the loader's own handle: there is nothing to add to it. */

struct pie_lib *pie_lib_open(const char *path, bool global, char *why, size_t why_size) {
  void *handle = dlopen(path, RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL));
  if (!handle)
    snprintf(why, why_size, "%s", dlerror());
  return handle;
}

void *pie_lib_symbol(struct pie_lib *lib, const char *name) { return dlsym(lib, name); }

void *pie_lib_symbol_any(const char *name) { return dlsym(RTLD_DEFAULT, name); }

int pie_lib_path_of(const void *address, char *out, size_t n) {
  Dl_info info;
  char full[PATH_MAX];
  if (!dladdr(address, &info) || !info.dli_fname || !realpath(info.dli_fname, full))
    return -PIE_ENOENT;
  if (strlen(full) >= n)
    return -PIE_ETOOBIG;
  strcpy(out, full);
  return 0;
}

void pie_lib_pin(const void *address) {
  Dl_info info;
  if (dladdr(address, &info) && info.dli_fname)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

uint32_t pie_os_error(void) { return (uint32_t)errno; }

void pie_os_error_set(uint32_t code) { errno = (int)code; }

void pie_os_error_text(uint32_t code, char *out, size_t n) {
  char space[256];
  snprintf(out, n, "%s (error %u)", strerror_r((int)code, space, sizeof space), code);
}
