/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/platform.h"
#include "platform/win/wide.h"

#include <lmcons.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ENV_ENTRY_MAX = 32768 };

/* 100 ns steps from 1601-01-01 to 1970-01-01 */
static const uint64_t EPOCH_STEPS = 116444736000000000ULL;

int pie_wide_from_utf8(const char *text, wchar_t *out, size_t n) {
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, out, (int)n))
    return 0;
  return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? -PIE_ETOOBIG : -PIE_EINVAL;
}

int pie_wide_to_utf8(const wchar_t *text, char *out, size_t n) {
  if (WideCharToMultiByte(CP_UTF8, 0, text, -1, out, (int)n, NULL, NULL))
    return 0;
  return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? -PIE_ETOOBIG : -PIE_EINVAL;
}

int64_t pie_clock_us(void) {
  LARGE_INTEGER now, frequency;
  QueryPerformanceFrequency(&frequency);
  QueryPerformanceCounter(&now);
  return now.QuadPart / frequency.QuadPart * 1000000 +
         now.QuadPart % frequency.QuadPart * 1000000 / frequency.QuadPart;
}

int64_t pie_clock_ms(void) { return (int64_t)GetTickCount64(); }

int64_t pie_clock_unix_s(void) {
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  uint64_t steps = ((uint64_t)now.dwHighDateTime << 32) | now.dwLowDateTime;
  return (int64_t)((steps - EPOCH_STEPS) / 10000000);
}

int64_t pie_clock_unix_us(void) {
  FILETIME now;
  GetSystemTimePreciseAsFileTime(&now);
  uint64_t steps = ((uint64_t)now.dwHighDateTime << 32) | now.dwLowDateTime;
  return (int64_t)((steps - EPOCH_STEPS) / 10);
}

void pie_clock_utc(int64_t unix_s, struct tm *out) {
  time_t seconds = (time_t)unix_s;
  gmtime_s(out, &seconds);
}

size_t pie_log_stamp(char *out, size_t n) {
  SYSTEMTIME t;
  GetSystemTime(&t);
  int used = snprintf(out, n, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %lu", t.wYear, t.wMonth, t.wDay,
                      t.wHour, t.wMinute, t.wSecond, t.wMilliseconds, GetCurrentProcessId());
  return used < 0 ? 0 : (size_t)used < n ? (size_t)used : n - 1;
}

static DWORD attributes_of(const char *path) {
  wchar_t wide[PIE_PATH_MAX];
  return pie_wide_from_utf8(path, wide, PIE_PATH_MAX) ? INVALID_FILE_ATTRIBUTES
                                                      : GetFileAttributesW(wide);
}

const bool pie_path_has_backslash = true;

bool pie_path_is_file(const char *path) {
  DWORD found = attributes_of(path);
  return found != INVALID_FILE_ATTRIBUTES && !(found & FILE_ATTRIBUTE_DIRECTORY);
}

bool pie_path_is_dir(const char *path) {
  DWORD found = attributes_of(path);
  return found != INVALID_FILE_ATTRIBUTES && (found & FILE_ATTRIBUTE_DIRECTORY);
}

static HANDLE open_to_read(const char *path) {
  wchar_t wide[PIE_PATH_MAX];
  if (pie_wide_from_utf8(path, wide, PIE_PATH_MAX))
    return INVALID_HANDLE_VALUE;
  return CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                     NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
}

bool pie_path_is_readable(const char *path) {
  HANDLE file = open_to_read(path);
  if (file == INVALID_HANDLE_VALUE)
    return false;
  CloseHandle(file);
  return true;
}

static bool is_separator(char c) { return c == '\\' || c == '/'; }

int pie_path_join(char *out, size_t n, const char *folder, const char *name) {
  size_t length = strlen(folder);
  const char *slash = length && !is_separator(folder[length - 1]) ? "\\" : "";
  int used = snprintf(out, n, "%s%s%s", folder, slash, name);
  return used < 0 || (size_t)used >= n ? -PIE_ETOOBIG : 0;
}

int pie_path_parent(char *path) {
  size_t n = strlen(path);
  while (n && !is_separator(path[n - 1]))
    n--;
  if (n <= 1 || path[n - 2] == ':')
    return -PIE_ENOENT;
  path[n - 1] = '\0';
  return 0;
}

/* "C:name" and "\\name" depend on a current folder, too, but none below which such a name could be
 * put. */
bool pie_path_is_absolute(const char *path) {
  bool has_drive = path[0] && path[1] == ':';
  return has_drive || is_separator(path[0]);
}

void pie_path_list(const char *folder, const char *prefix, bool (*found)(void *, const char *),
                   void *context) {
  char pattern[PIE_PATH_MAX], name[PIE_PATH_MAX];
  wchar_t wide[PIE_PATH_MAX];
  WIN32_FIND_DATAW entry;
  if (pie_path_join(pattern, sizeof pattern, folder, prefix) ||
      strlen(pattern) + 2 > sizeof pattern)
    return;
  strcat(pattern, "*");
  if (pie_wide_from_utf8(pattern, wide, PIE_PATH_MAX))
    return;
  HANDLE search = FindFirstFileW(wide, &entry);
  if (search == INVALID_HANDLE_VALUE)
    return;
  do {
    if (pie_wide_to_utf8(entry.cFileName, name, sizeof name) == 0 && found(context, name))
      break;
  } while (FindNextFileW(search, &entry));
  FindClose(search);
}

int pie_file_read_text(const char *path, char *out, size_t n) {
  HANDLE file = open_to_read(path);
  if (file == INVALID_HANDLE_VALUE)
    return -PIE_ENOENT;
  DWORD used = 0;
  BOOL good = ReadFile(file, out, (DWORD)(n - 1), &used, NULL);
  CloseHandle(file);
  out[used] = '\0';
  return good ? (int)used : -PIE_EIO;
}

int pie_env_get(const char *name, char *out, size_t n) {
  wchar_t wide_name[256], value[PIE_PATH_MAX];
  if (pie_wide_from_utf8(name, wide_name, 256))
    return -PIE_EINVAL;
  SetLastError(0);
  DWORD length = GetEnvironmentVariableW(wide_name, value, PIE_PATH_MAX);
  if (!length && GetLastError() == ERROR_ENVVAR_NOT_FOUND)
    return -PIE_ENOENT;
  if (length >= PIE_PATH_MAX)
    return -PIE_ETOOBIG;
  value[length] = L'\0';
  return pie_wide_to_utf8(value, out, n);
}

void pie_env_list(const char *prefix, bool (*found)(void *, const char *), void *context) {
  char name[ENV_ENTRY_MAX];
  wchar_t *all = GetEnvironmentStringsW();
  for (wchar_t *entry = all; entry && *entry; entry += wcslen(entry) + 1) {
    if (pie_wide_to_utf8(entry, name, sizeof name))
      continue;
    name[strcspn(name, "=")] = '\0';
    if (strncmp(name, prefix, strlen(prefix)) == 0 && found(context, name))
      break;
  }
  if (all)
    FreeEnvironmentStringsW(all);
}

void pie_user_name(char *out, size_t n) {
  wchar_t name[UNLEN + 1];
  DWORD length = UNLEN + 1;
  if (!GetUserNameW(name, &length) || pie_wide_to_utf8(name, out, n))
    snprintf(out, n, "unknown");
}

int pie_process_id(void) { return (int)GetCurrentProcessId(); }

_Noreturn void pie_process_exit(int code) {
  TerminateProcess(GetCurrentProcess(), (UINT)code);
  abort(); /* not reached */
}

size_t pie_processor_count(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwNumberOfProcessors;
}
