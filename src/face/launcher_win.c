/* SPDX-License-Identifier: Apache-2.0
 *
 * The program pyisapie.exe of a bundle: runs the bundle's Python in this process, wherever the
 * bundle lies. The ._pth file beside Python's DLL keeps out the environment.
 */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { PATH_SIZE = 32768 };

typedef int (*main_fn)(int, wchar_t **); /* Py_Main */

static int fail(const wchar_t *what, const wchar_t *path) {
  fwprintf(stderr, L"pyisapie: %ls %ls (error %lu). Unpack the whole bundle again.\n", what, path,
           GetLastError());
  return 1;
}

/* The folder "python" beside this program. */
static BOOL find_folder(wchar_t *out) {
  DWORD n = GetModuleFileNameW(NULL, out, PATH_SIZE);
  wchar_t *slash = n && n < PATH_SIZE - 64 ? wcsrchr(out, L'\\') : NULL;
  if (slash)
    wcscpy(slash, L"\\python\\");
  return slash != NULL;
}

/* python313.dll, not python3.dll. */
static BOOL find_library(const wchar_t *folder, wchar_t *out) {
  WIN32_FIND_DATAW entry;
  swprintf(out, PATH_SIZE, L"%lspython3??*.dll", folder);
  HANDLE search = FindFirstFileW(out, &entry);
  BOOL found = FALSE;
  while (search != INVALID_HANDLE_VALUE && !found) {
    found = iswdigit(entry.cFileName[7]) != 0;
    if (found)
      swprintf(out, PATH_SIZE, L"%ls%ls", folder, entry.cFileName);
    else if (!FindNextFileW(search, &entry))
      break;
  }
  if (search != INVALID_HANDLE_VALUE)
    FindClose(search);
  return found;
}

/* As python.exe, which sys.executable names: workers and subprocesses are started with it. */
static int run(main_fn python_main, const wchar_t *folder, int count, wchar_t **args) {
  static wchar_t program[PATH_SIZE], module[] = L"-m", name[] = L"pyisapie";
  wchar_t **words = calloc((size_t)count + 3, sizeof *words);
  if (!words)
    return 1;
  swprintf(program, PATH_SIZE, L"%lspython.exe", folder);
  wchar_t *first[] = {program, module, name};
  memcpy(words, first, sizeof first);
  for (int i = 1; i < count; i++)
    words[2 + i] = args[i];
  int code = python_main(count + 2, words);
  free(words);
  return code;
}

int wmain(int count, wchar_t **args); /* the compiler knows it by no header */
int wmain(int count, wchar_t **args) {
  static wchar_t folder[PATH_SIZE], library[PATH_SIZE];
  if (!find_folder(folder) || !find_library(folder, library))
    return fail(L"there is no python3*.dll in", folder);
  HMODULE python = LoadLibraryExW(library, NULL,
                                  LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
  if (!python)
    return fail(L"cannot load", library);
  FARPROC found = GetProcAddress(python, "Py_Main");
  main_fn python_main = NULL;
  memcpy(&python_main, &found, sizeof found);
  return python_main ? run(python_main, folder, count, args) : fail(L"no Py_Main in", library);
}
