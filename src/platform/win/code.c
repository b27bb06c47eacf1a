/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"
#include "platform/win/wide.h"

#include <psapi.h>
#include <stdio.h>
#include <string.h>

/* A struct pie_lib is the HMODULE. */

/* With "C:/Python313/python313.dll" Windows would not look for what that needs beside it. */
static bool find_full_path(const wchar_t *path, wchar_t *full) {
  DWORD n = GetFullPathNameW(path, PIE_PATH_MAX, full, NULL);
  return n && n < PIE_PATH_MAX;
}

struct pie_lib *pie_lib_open(const char *path, bool global, char *why, size_t why_size) {
  (void)global;
  wchar_t wide[PIE_PATH_MAX], full[PIE_PATH_MAX];
  HMODULE module = NULL;
  if (!pie_wide_from_utf8(path, wide, PIE_PATH_MAX) && find_full_path(wide, full))
    module =
        LoadLibraryExW(full, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
  if (!module)
    pie_os_error_text(GetLastError(), why, why_size);
  return (struct pie_lib *)module;
}

void *pie_lib_symbol(struct pie_lib *lib, const char *name) {
  return (void *)(uintptr_t)GetProcAddress((HMODULE)lib, name);
}

void *pie_lib_symbol_any(const char *name) {
  HMODULE modules[512];
  DWORD bytes = 0;
  if (!EnumProcessModules(GetCurrentProcess(), modules, sizeof modules, &bytes))
    return NULL;
  if (bytes > sizeof modules)
    bytes = sizeof modules;
  for (DWORD i = 0; i < bytes / sizeof modules[0]; i++) {
    FARPROC found = GetProcAddress(modules[i], name);
    if (found)
      return (void *)(uintptr_t)found;
  }
  return NULL;
}

static HMODULE module_of(const void *address, DWORD flags) {
  HMODULE module = NULL;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | flags, (LPCWSTR)address, &module);
  return module;
}

int pie_lib_path_of(const void *address, char *out, size_t n) {
  wchar_t wide[PIE_PATH_MAX];
  HMODULE module = module_of(address, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT);
  DWORD length = module ? GetModuleFileNameW(module, wide, PIE_PATH_MAX) : 0;
  if (!length || length >= PIE_PATH_MAX)
    return -PIE_ENOENT;
  return pie_wide_to_utf8(wide, out, n);
}

void pie_lib_pin(const void *address) { module_of(address, GET_MODULE_HANDLE_EX_FLAG_PIN); }

uint32_t pie_os_error(void) { return GetLastError(); }

void pie_os_error_set(uint32_t code) { SetLastError(code); }

void pie_os_error_text(uint32_t code, char *out, size_t n) {
  char text[256] = "";
  FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code, 0, text,
                 sizeof text, NULL);
  text[strcspn(text, "\r\n")] = '\0';
  snprintf(out, n, "%s (error %u)", text, code);
}
