/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens: who a thread acts as.
 */
#include "base/error.h"
#include "platform/win/wide.h"

enum { NAME_MAX = 256 };

static HANDLE make_token(void) {
  HANDLE process, token = NULL;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_DUPLICATE | TOKEN_QUERY, &process))
    return NULL;
  if (!DuplicateTokenEx(process, TOKEN_QUERY | TOKEN_IMPERSONATE | TOKEN_DUPLICATE, NULL,
                        SecurityImpersonation, TokenImpersonation, &token))
    token = NULL;
  CloseHandle(process);
  return token;
}

intptr_t pie_token_of_user(void) {
  static PVOID volatile kept;
  HANDLE token = kept ? NULL : make_token();
  if (token && InterlockedCompareExchangePointer(&kept, token, NULL))
    CloseHandle(token);
  return (intptr_t)kept;
}

int pie_token_take(intptr_t token) { return SetThreadToken(NULL, (HANDLE)token) ? 0 : -PIE_EINVAL; }

bool pie_token_give_back(void) { return SetThreadToken(NULL, NULL) || RevertToSelf(); }

static bool acts_as_user(void) {
  HANDLE token;
  if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token))
    return GetLastError() != ERROR_NO_TOKEN;
  CloseHandle(token);
  return true;
}

/* A new thread has no token. To lay this one's down would be simpler, but the process may not have
 * the right to take it up again. */
void pie_token_without(void (*work)(void *), void *arg) {
  struct pie_thread thread;
  if (acts_as_user() && pie_thread_start(&thread, 256 * 1024, work, arg) == 0)
    pie_thread_join(&thread);
  else
    work(arg);
}

static HANDLE current_token(void) {
  HANDLE token = NULL;
  if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token) &&
      !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
    return NULL;
  return token;
}

int pie_token_name(char *out, size_t n) {
  union {
    TOKEN_USER user;
    char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  } info;
  wchar_t name[NAME_MAX * 2 + 1], user[NAME_MAX];
  DWORD size = sizeof info, domain_n = NAME_MAX, user_n = NAME_MAX;
  SID_NAME_USE use;
  HANDLE token = current_token();
  bool good = token && GetTokenInformation(token, TokenUser, &info, size, &size) &&
              LookupAccountSidW(NULL, info.user.User.Sid, user, &user_n, name, &domain_n, &use);
  if (token)
    CloseHandle(token);
  if (!good)
    return -PIE_ENOENT;
  size_t at = wcslen(name);
  if (at)
    name[at++] = L'\\';
  wcscpy(name + at, user);
  return pie_wide_to_utf8(name, out, n) ? -PIE_ETOOBIG : (int)strlen(out);
}
