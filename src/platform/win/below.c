/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/path.h"
#include "platform/win/wide.h"

enum { SHARING = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE };

/* 100 ns steps from 1601-01-01 to 1970-01-01 */
static const int64_t EPOCH_STEPS = 116444736000000000LL;

/* "\\?\C:\folder\name", or "\\?\UNC\server\..."; its length, or 0. */
static DWORD true_name(HANDLE file, wchar_t *out) {
  DWORD n = GetFinalPathNameByHandleW(file, out, PIE_PATH_MAX, VOLUME_NAME_DOS);
  return n < PIE_PATH_MAX ? n : 0;
}

static int code_of(DWORD error, const wchar_t *path) {
  if (error == ERROR_ACCESS_DENIED) {
    DWORD attributes = GetFileAttributesW(path);
    bool is_folder =
        attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
    return is_folder ? -PIE_EFOLDER : -PIE_EDENIED;
  }
  return error == ERROR_SHARING_VIOLATION || error == ERROR_LOCK_VIOLATION ? -PIE_EDENIED
         : error == ERROR_TOO_MANY_OPEN_FILES                              ? -PIE_ENOMEM
                                                                           : -PIE_ENOENT;
}

static int look_at(HANDLE file, struct pie_file_below *out) {
  BY_HANDLE_FILE_INFORMATION info;
  if (GetFileType(file) != FILE_TYPE_DISK || !GetFileInformationByHandle(file, &info))
    return -PIE_ENOENT;
  if (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
    return -PIE_EFOLDER;
  int64_t steps = (int64_t)((uint64_t)info.ftLastWriteTime.dwHighDateTime << 32 |
                            info.ftLastWriteTime.dwLowDateTime);
  out->size = (uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow;
  out->changed_ns = (steps - EPOCH_STEPS) * 100;
  out->id = ((uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow) ^
            (uint64_t)info.dwVolumeSerialNumber << 32;
  return 0;
}

/* The true name must be the one that was opened: so there are no short names, streams or links, and
 * the case is the file's own. */
static int take_name(HANDLE file, const wchar_t *asked, DWORD root_n, struct pie_file_below *out) {
  wchar_t found[PIE_PATH_MAX];
  DWORD n = true_name(file, found);
  if (!n || CompareStringOrdinal(found, (int)n, asked, -1, TRUE) != CSTR_EQUAL)
    return -PIE_EOUTSIDE;
  if (pie_wide_to_utf8(found + root_n + 1, out->name, sizeof out->name))
    return -PIE_ENOENT;
  for (char *at = out->name; *at; at++)
    *at = *at == '\\' ? '/' : *at;
  return 0;
}

/* asked: "\\?\" names are taken as they are, without what Windows makes of others. */
static int open_below(const wchar_t *asked, DWORD root_n, struct pie_file_below *out) {
  HANDLE file = CreateFileW(asked, GENERIC_READ, SHARING, NULL, OPEN_EXISTING,
                            FILE_FLAG_OVERLAPPED | FILE_FLAG_SEQUENTIAL_SCAN, NULL);
  if (file == INVALID_HANDLE_VALUE)
    return code_of(GetLastError(), asked);
  int err = look_at(file, out);
  err = err ? err : take_name(file, asked, root_n, out);
  if (err)
    CloseHandle(file);
  else
    out->file = (intptr_t)file;
  return err;
}

static DWORD name_of_folder(const char *path, wchar_t *out) {
  wchar_t wide[PIE_PATH_MAX];
  if (pie_wide_from_utf8(path, wide, PIE_PATH_MAX))
    return 0;
  HANDLE folder =
      CreateFileW(wide, 0, SHARING, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  if (folder == INVALID_HANDLE_VALUE)
    return 0;
  DWORD n = true_name(folder, out);
  CloseHandle(folder);
  if (n && out[n - 1] == L'\\')
    n--; /* a drive */
  return n;
}

int pie_file_open_below(const char *root, struct pie_str path, struct pie_file_below *out) {
  wchar_t asked[PIE_PATH_MAX];
  char name[PIE_PATH_MAX];
  if (path.n >= sizeof name || !pie_path_is_plain(path, true))
    return -PIE_ENOENT;
  memcpy(name, path.p, path.n);
  name[path.n] = '\0';
  DWORD n = name_of_folder(root, asked);
  if (!n)
    return -PIE_EIO;
  asked[n] = L'\\';
  if (pie_wide_from_utf8(name, asked + n + 1, PIE_PATH_MAX - n - 1))
    return -PIE_ENOENT;
  for (wchar_t *at = asked + n; *at; at++)
    *at = *at == L'/' ? L'\\' : *at;
  return open_below(asked, n, out);
}
