/* SPDX-License-Identifier: Apache-2.0
 *
 * The exports of the ISAPI extension, and the one process-wide pointer of this binary.
 */
#include "isapi/door.h"
#include "pyisapie/version.h"

#include <stdio.h>

static struct pie_mutex entry_lock = PIE_MUTEX_INIT;
static struct pie_door *the_door;

enum { STOP_TIMEOUT_MS = 30000 }; /* well below IIS's shutdownTimeLimit of 90 s */

static struct pie_door *door(void) {
  struct pie_door *found = __atomic_load_n(&the_door, __ATOMIC_ACQUIRE);
  if (found)
    return found;
  pie_mutex_lock(&entry_lock);
  if (!the_door && pie_door_new(&found) == 0)
    __atomic_store_n(&the_door, found, __ATOMIC_RELEASE);
  found = the_door;
  pie_mutex_unlock(&entry_lock);
  return found;
}

/* May be called more than once, and in a parent process that never serves. Always TRUE: FALSE
 * crashes or hangs httpd (ISAPI.md, section 9, 1 and 2). */
PIE_ISAPI_EXPORT BOOL WINAPI GetExtensionVersion(HSE_VERSION_INFO *info) {
  if (info) {
    info->dwExtensionVersion = MAKELONG(PIE_VERSION_MINOR, PIE_VERSION_MAJOR);
    snprintf(info->lpszExtensionDesc, sizeof info->lpszExtensionDesc,
             "PyISAPIe " PIE_VERSION ": Python behind ISAPI");
  }
  return TRUE;
}

PIE_ISAPI_EXPORT DWORD WINAPI HttpExtensionProc(EXTENSION_CONTROL_BLOCK *ecb) {
  struct pie_door *here = door();
  return here ? pie_door_handle(here, ecb) : HSE_STATUS_ERROR;
}

/* mod_isapi has the two flags swapped, so they tell nothing; the module is pinned anyway. */
PIE_ISAPI_EXPORT BOOL WINAPI TerminateExtension(DWORD flags) {
  (void)flags;
  struct pie_door *here = __atomic_load_n(&the_door, __ATOMIC_ACQUIRE);
  if (here)
    pie_door_stop(here, STOP_TIMEOUT_MS);
  return TRUE;
}

PIE_ISAPI_EXPORT void WINAPI HttpExtensionIdle(DWORD group) {
  struct pie_door *here = door();
  if (here)
    pie_door_idle(here, group);
}

PIE_ISAPI_EXPORT BOOL WINAPI HttpExtensionWarm(EXTENSION_CONTROL_BLOCK *ecb) {
  struct pie_door *here = door();
  return here && pie_door_warm(here, ecb);
}
