/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "platform/win/wide.h"

enum { STOP_TRIES = 100, STOP_WAIT_MS = 100, NAME_SIZE = 257 };

static struct {
  wchar_t name[NAME_SIZE];
  int (*run)(void *);
  void *context;
  SERVICE_STATUS_HANDLE handle;
  int code;
} service; /* there is one per process, and its callbacks get no pointer */

static void tell(DWORD state, DWORD wait_ms) {
  SERVICE_STATUS status = {
      .dwServiceType = SERVICE_WIN32_OWN_PROCESS,
      .dwCurrentState = state,
      .dwControlsAccepted =
          state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN : 0,
      .dwWin32ExitCode = service.code ? ERROR_SERVICE_SPECIFIC_ERROR : NO_ERROR,
      .dwServiceSpecificExitCode = (DWORD)service.code,
      .dwWaitHint = wait_ms,
  };
  SetServiceStatus(service.handle, &status);
}

/* The host listens for that soon after it has started. */
static DWORD WINAPI ask_to_stop(void *unused) {
  (void)unused;
  for (int i = 0; i < STOP_TRIES && pie_process_ask_to_stop(pie_process_id()); i++)
    Sleep(STOP_WAIT_MS);
  return 0;
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context) {
  (void)type, (void)data, (void)context;
  if (control == SERVICE_CONTROL_INTERROGATE)
    return NO_ERROR;
  if (control != SERVICE_CONTROL_STOP && control != SERVICE_CONTROL_SHUTDOWN)
    return ERROR_CALL_NOT_IMPLEMENTED;
  tell(SERVICE_STOP_PENDING, 60 * 1000);
  HANDLE thread = CreateThread(NULL, 0, ask_to_stop, NULL, 0, NULL);
  if (thread)
    CloseHandle(thread);
  return NO_ERROR;
}

static void WINAPI service_main(DWORD count, wchar_t **args) {
  (void)count, (void)args;
  service.handle = RegisterServiceCtrlHandlerExW(service.name, on_control, NULL);
  if (!service.handle)
    return;
  tell(SERVICE_RUNNING, 0);
  service.code = service.run(service.context);
  tell(SERVICE_STOPPED, 0);
}

int pie_service_run(const char *name, int (*run)(void *), void *context) {
  service.run = run;
  service.context = context;
  if (pie_wide_from_utf8(name, service.name, NAME_SIZE))
    return -PIE_EINVAL;
  const SERVICE_TABLE_ENTRYW table[] = {{service.name, service_main}, {NULL, NULL}};
  return StartServiceCtrlDispatcherW(table) ? service.code : -PIE_ENOTSUP;
}
