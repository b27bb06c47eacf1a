/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/win/wide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  LOOK_EVERY = 16 * 1024, /* bytes */
  SHARING = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE
};

struct pie_log_file {
  SRWLOCK lock; /* shared: of who writes */
  HANDLE handle;
  wchar_t *path; /* NULL: a stream that is not ours */
  wchar_t mutex[64];
  int64_t size_max;
  int keep;
  volatile LONG64 unseen; /* bytes since the size was looked at */
};

static HANDLE open_log(const wchar_t *path) {
  return CreateFileW(path, FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, SHARING, NULL,
                     OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
}

/* Processes that write to the same file agree by the name of a mutex. */
static void name_mutex(struct pie_log_file *file) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (const wchar_t *at = file->path; *at; at++)
    hash = (hash ^ (uint64_t)towlower(*at)) * 1099511628211u;
  swprintf(file->mutex, sizeof file->mutex / sizeof file->mutex[0], L"Local\\pyisapie-log-%llx",
           (unsigned long long)hash);
}

struct opening {
  struct pie_log_file *file;
  DWORD error;
};

static void open_first(void *raw) {
  struct opening *opening = raw;
  opening->file->handle = open_log(opening->file->path);
  opening->error = GetLastError();
}

static struct pie_log_file *open_path(struct pie_log_file *file, const char *path, char *why,
                                      size_t why_size) {
  wchar_t wide[PIE_PATH_MAX], full[PIE_PATH_MAX];
  struct opening opening = {file, ERROR_INVALID_NAME};
  file->handle = INVALID_HANDLE_VALUE;
  /* An application may change to another folder. */
  if (!pie_wide_from_utf8(path, wide, PIE_PATH_MAX) && _wfullpath(full, wide, PIE_PATH_MAX) &&
      (file->path = _wcsdup(full)))
    pie_token_without(open_first, &opening);
  if (file->handle != INVALID_HANDLE_VALUE) {
    name_mutex(file);
    return file;
  }
  char text[256];
  pie_os_error_text(opening.error, text, sizeof text);
  snprintf(why, why_size, "cannot write the log file %s: %s", path, text);
  free(file->path);
  free(file);
  return NULL;
}

struct pie_log_file *pie_log_file_open(const char *path, char *why, size_t why_size) {
  struct pie_log_file *file = calloc(1, sizeof *file);
  if (!file)
    return NULL;
  InitializeSRWLock(&file->lock);
  if (path && *path && strcmp(path, "-") != 0)
    return open_path(file, path, why, why_size);
  /* NULL without a console: then no log. */
  file->handle = GetStdHandle(path && *path ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE);
  return file;
}

void pie_log_file_limit(struct pie_log_file *file, int64_t size, int keep) {
  file->size_max = size;
  file->keep = keep;
  file->unseen = LOOK_EVERY;
}

/* False: somebody has renamed it already. */
static bool is_current(const struct pie_log_file *file) {
  BY_HANDLE_FILE_INFORMATION open, named;
  HANDLE other =
      CreateFileW(file->path, FILE_READ_ATTRIBUTES, SHARING, NULL, OPEN_EXISTING, 0, NULL);
  bool same = other != INVALID_HANDLE_VALUE && GetFileInformationByHandle(file->handle, &open) &&
              GetFileInformationByHandle(other, &named) &&
              open.dwVolumeSerialNumber == named.dwVolumeSerialNumber &&
              open.nFileIndexLow == named.nFileIndexLow &&
              open.nFileIndexHigh == named.nFileIndexHigh;
  if (other != INVALID_HANDLE_VALUE)
    CloseHandle(other);
  return same;
}

static void rename_all(const struct pie_log_file *file) {
  wchar_t from[PIE_PATH_MAX], to[PIE_PATH_MAX];
  for (int i = file->keep; i > 0; i--) {
    swprintf(to, PIE_PATH_MAX, L"%ls.%d", file->path, i);
    swprintf(from, PIE_PATH_MAX, L"%ls.%d", file->path, i - 1);
    MoveFileExW(i > 1 ? from : file->path, to, MOVEFILE_REPLACE_EXISTING);
  }
}

static void rename_once(const struct pie_log_file *file) {
  HANDLE mutex = CreateMutexW(NULL, FALSE, file->mutex);
  DWORD got = mutex ? WaitForSingleObject(mutex, 0) : WAIT_FAILED;
  if (got == WAIT_OBJECT_0 || got == WAIT_ABANDONED) {
    if (is_current(file))
      rename_all(file);
    ReleaseMutex(mutex);
  }
  if (mutex)
    CloseHandle(mutex);
}

/* Who does not get the mutex finds out when it looks again. */
static void turn_over(void *raw) {
  struct pie_log_file *file = raw;
  rename_once(file);
  if (is_current(file))
    return;
  HANDLE next = open_log(file->path);
  if (next == INVALID_HANDLE_VALUE)
    return;
  CloseHandle(file->handle);
  file->handle = next;
}

/* With the lock held, exclusively. */
static void look(struct pie_log_file *file) {
  LARGE_INTEGER size;
  if (GetFileSizeEx(file->handle, &size) && size.QuadPart >= file->size_max)
    pie_token_without(turn_over, file);
}

static void count(struct pie_log_file *file, size_t n) {
  if (!file->path || !file->size_max || InterlockedAdd64(&file->unseen, (LONG64)n) < LOOK_EVERY)
    return;
  AcquireSRWLockExclusive(&file->lock);
  if (file->unseen >= LOOK_EVERY) {
    file->unseen = 0;
    look(file);
  }
  ReleaseSRWLockExclusive(&file->lock);
}

void pie_log_file_write(void *log_file, const char *line, size_t n) {
  struct pie_log_file *file = log_file;
  DWORD put;
  if (!file->handle || file->handle == INVALID_HANDLE_VALUE)
    return;
  AcquireSRWLockShared(&file->lock);
  WriteFile(file->handle, line, (DWORD)n, &put, NULL);
  ReleaseSRWLockShared(&file->lock);
  count(file, n);
}

/* Files are opened with FILE_SHARE_DELETE, and rotation by others has no signal here. */
void pie_log_file_reopen(struct pie_log_file *file) { (void)file; }

void pie_log_file_close(struct pie_log_file *file) {
  if (file && file->path)
    CloseHandle(file->handle);
  if (file)
    free(file->path);
  free(file);
}

void pie_system_log(const char *text) {
  wchar_t wide[2048];
  HANDLE source = RegisterEventSourceW(NULL, L"PyISAPIe");
  const wchar_t *texts[] = {wide};
  if (source && !pie_wide_from_utf8(text, wide, sizeof wide / sizeof wide[0]))
    ReportEventW(source, EVENTLOG_ERROR_TYPE, 0, 1, NULL, 1, 0, texts, NULL);
  if (source)
    DeregisterEventSource(source);
}
