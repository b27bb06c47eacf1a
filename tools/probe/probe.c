/* SPDX-License-Identifier: Apache-2.0
 *
 * pyisapie-probe.dll: an ISAPI extension that tells, as JSON, what its host does. It knows nothing
 * of PyISAPIe and includes <httpext.h> alone. tools/verify-on-iis.ps1 asks it on a real IIS,
 * tests/test_windows_probe.py on our host. The query string says what to do:
 *
 *   do=ecb         the control block and the thread
 *   do=variables   &name=A,B: server variables, ANSI and UNICODE_
 *   do=sizes       &name=A: GetServerVariable with buffers of several sizes
 *   do=send        a response in pieces; options at struct sending
 *   do=file        the first &size= bytes of this DLL; &via=vector|transmit &async &overlapped
 *   do=exec        &url= &flags=4: EXEC_URL
 *   do=read        &async=1 &piece=4096: what reading the body gives, call by call
 *   do=cancel      begins an asynchronous read, then CANCEL_IO
 *   do=connected   &for=10000 &every=50: IS_CONNECTED until it says no
 *   do=cbt         GET_CHANNEL_BINDING_TOKEN
 *   do=functions   &url=: functions that answer at once: paths, certificate, tracing, process
 *   do=token       GET_IMPERSONATION_TOKEN, and who this thread is
 *   do=log         &text=: APPEND_LOG_PARAMETER and lpszLogData
 *   do=hold        &for=1000: waits, then answers
 *   do=unhealthy   REPORT_UNHEALTHY
 *   do=results     what requests with an &id= have found; &name=: the one of that id
 *
 * &pend=1 and &pend=0 choose a thread of its own or the host's. What a request finds that cannot
 * answer any more (its client is gone) is kept under its &id=. The life of the DLL goes to the file
 * pyisapie-probe.log beside it, or to that which the variable PROBE_LOG names.
 *
 * Pointers of the host are read by ReadProcessMemory, buffers are larger than what they are said
 * to be, and what an operation uses that never completes is never freed: whatever the host
 * answers, the process goes on.
 */
#include <windows.h>

#include <httpext.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  TEXT_MAX = 4 * 1024 * 1024,
  SHOWN_MAX = 16 * 1024, /* bytes of a value that are shown */
  VALUE_MAX = 256 * 1024,
  OPTION_MAX = 1024,
  RESULTS_MAX = 128,
  PIECE_MAX = 64 * 1024,
  WAIT_MS = 15000,
  OWN_STACK = 256 * 1024
};

/* ---- JSON ---- */

struct text {
  char *p;
  size_t n, room;
};

static void add(struct text *text, const char *bytes, size_t n) {
  if (text->n + n + 1 > text->room) {
    size_t room = (text->n + n + 1) * 2;
    char *more = room > TEXT_MAX ? NULL : realloc(text->p, room);
    if (!more)
      return;
    text->p = more;
    text->room = room;
  }
  memcpy(text->p + text->n, bytes, n);
  text->n += n;
  text->p[text->n] = '\0';
}

static void adds(struct text *text, const char *bytes) { add(text, bytes, strlen(bytes)); }

static void addf(struct text *text, const char *format, ...) {
  char line[256];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n > 0)
    add(text, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void add_quoted(struct text *text, const char *bytes, size_t n) {
  adds(text, "\"");
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
      addf(text, "\\u%04x", c); /* a byte is a character of latin-1 */
    else
      add(text, bytes + i, 1);
  }
  adds(text, "\"");
}

static void comma(struct text *text) {
  if (text->n && !strchr("{[:", text->p[text->n - 1]))
    adds(text, ",");
}

static void key(struct text *text, const char *name) {
  comma(text);
  add_quoted(text, name, strlen(name));
  adds(text, ":");
}

static void open_value(struct text *text, const char *name, const char *bracket) {
  if (name)
    key(text, name);
  else
    comma(text);
  adds(text, bracket);
}

static void put_number(struct text *text, const char *name, int64_t value) {
  key(text, name);
  addf(text, "%lld", (long long)value);
}

static void put_bool(struct text *text, const char *name, bool value) {
  key(text, name);
  adds(text, value ? "true" : "false");
}

static void put_text(struct text *text, const char *name, const char *value) {
  key(text, name);
  add_quoted(text, value, strlen(value));
}

static void put_bytes(struct text *text, const char *name, const void *bytes, size_t n) {
  const unsigned char *at = bytes;
  size_t shown = n < SHOWN_MAX ? n : SHOWN_MAX;
  open_value(text, name, "{");
  put_number(text, "n", (int64_t)n);
  key(text, "text");
  add_quoted(text, bytes, shown);
  key(text, "hex");
  adds(text, "\"");
  for (size_t i = 0; i < shown; i++)
    addf(text, "%02x", at[i]);
  adds(text, "\"}");
}

/* ---- memory of the host ---- */

static size_t peek(const void *from, void *to, size_t n) {
  SIZE_T got = 0;
  if (!ReadProcessMemory(GetCurrentProcess(), from, to, n, &got))
    return 0;
  return got;
}

/* A text of the host: null, or its bytes. */
static void put_pointer(struct text *text, const char *name, const char *pointer) {
  char bytes[4096];
  size_t n = 0;
  if (!pointer) {
    key(text, name);
    adds(text, "null");
    return;
  }
  while (n < sizeof bytes && peek(pointer + n, bytes + n, 1) && bytes[n])
    n++;
  put_bytes(text, name, bytes, n);
}

/* ---- the file of the DLL's life ---- */

static HMODULE own_module;

static HANDLE open_log(void) {
  wchar_t path[MAX_PATH + 16];
  DWORD n = GetEnvironmentVariableW(L"PROBE_LOG", path, MAX_PATH);
  if (!n || n >= MAX_PATH) {
    n = GetModuleFileNameW(own_module, path, MAX_PATH);
    if (n < 4 || n >= MAX_PATH)
      return INVALID_HANDLE_VALUE;
    wcscpy(path + n - 4, L".log");
  }
  return CreateFileW(path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS,
                     FILE_ATTRIBUTE_NORMAL, NULL);
}

/* Only kernel32, so that DllMain may call it. */
static void log_event(const char *what, long detail) {
  char line[256];
  SYSTEMTIME now;
  DWORD written;
  HANDLE file = open_log();
  if (file == INVALID_HANDLE_VALUE)
    return;
  GetSystemTime(&now);
  int n = snprintf(line, sizeof line,
                   "{\"at\":\"%02u:%02u:%02u.%03u\",\"pid\":%lu,\"thread\":%lu,\"what\":\"%s\","
                   "\"detail\":%ld}\r\n",
                   now.wHour, now.wMinute, now.wSecond, now.wMilliseconds, GetCurrentProcessId(),
                   GetCurrentThreadId(), what, detail);
  WriteFile(file, line, (DWORD)n, &written, NULL);
  CloseHandle(file);
}

/* ---- results that are asked for later ---- */

static struct { char *id, *json; } results[RESULTS_MAX];
static unsigned results_n;
static SRWLOCK results_lock = SRWLOCK_INIT;

static void keep_result(const char *id, const char *json) {
  AcquireSRWLockExclusive(&results_lock);
  unsigned at = 0;
  while (at < RESULTS_MAX && !(results[at].id && strcmp(results[at].id, id) == 0))
    at++;
  if (at == RESULTS_MAX)
    at = results_n++ % RESULTS_MAX;
  free(results[at].id);
  free(results[at].json);
  results[at].id = strdup(id);
  results[at].json = strdup(json);
  ReleaseSRWLockExclusive(&results_lock);
}

/* ---- a request ---- */

struct probe {
  EXTENSION_CONTROL_BLOCK *ecb;
  struct text out;
  void (*act)(struct probe *p);
  char query[4096];
  HANDLE completed;
  DWORD bytes, error, completed_on; /* of the last completion */
  bool pended, answered;
  bool stuck; /* an operation has not completed: the session must not be ended */
  DWORD outcome;
  LONGLONG began;
};

static volatile LONG inside, most_inside, executing;

static LONGLONG now_us(void) {
  LARGE_INTEGER count, rate;
  QueryPerformanceCounter(&count);
  QueryPerformanceFrequency(&rate);
  return (LONGLONG)((double)count.QuadPart * 1e6 / (double)rate.QuadPart);
}

static int hex_digit(char c) {
  const char *digits = "0123456789abcdef";
  const char *at = c ? strchr(digits, c | 0x20) : NULL;
  return at ? (int)(at - digits) : -1;
}

/* Copies a value of the query, decoded, up to its end. */
static void decode(const char *from, char *out) {
  size_t n = 0;
  while (*from && *from != '&' && n < OPTION_MAX - 1) {
    bool coded = *from == '%' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0;
    out[n++] = coded ? (char)(hex_digit(from[1]) << 4 | hex_digit(from[2])) : *from;
    from += coded ? 3 : 1;
  }
  out[n] = '\0';
}

/* out has OPTION_MAX bytes. */
static bool option(const struct probe *p, const char *name, char *out, const char *otherwise) {
  size_t n = strlen(name);
  for (const char *at = p->query; at && *at; at = strchr(at, '&'), at = at ? at + 1 : NULL) {
    if (strncmp(at, name, n) == 0 && at[n] == '=') {
      decode(at + n + 1, out);
      return true;
    }
  }
  strcpy(out, otherwise);
  return false;
}

static long number(const struct probe *p, const char *name, long otherwise) {
  char text[OPTION_MAX];
  return option(p, name, text, "") ? strtol(text, NULL, 0) : otherwise;
}

static bool says(const struct probe *p, const char *name, const char *value) {
  char text[OPTION_MAX];
  option(p, name, text, "");
  return strcmp(text, value) == 0;
}

static BOOL support(struct probe *p, DWORD code, void *buffer, DWORD *size, DWORD *type) {
  SetLastError(0);
  return p->ecb->ServerSupportFunction(p->ecb->ConnID, code, buffer, size, type);
}

/* What a call has given: {"call": ..., "ok": ..., "error": ..., "us": ...}, left open. */
static void open_call(struct probe *p, const char *call, BOOL good) {
  DWORD error = good ? 0 : GetLastError();
  open_value(&p->out, NULL, "{");
  put_text(&p->out, "call", call);
  put_bool(&p->out, "ok", good != FALSE);
  put_number(&p->out, "error", error);
  put_number(&p->out, "us", now_us() - p->began);
}

static void told(struct probe *p, const char *call, BOOL good) {
  open_call(p, call, good);
  adds(&p->out, "}");
}

static void WINAPI on_completion(EXTENSION_CONTROL_BLOCK *ecb, PVOID context, DWORD bytes,
                                 DWORD error) {
  struct probe *p = context;
  (void)ecb;
  p->bytes = bytes;
  p->error = error;
  p->completed_on = GetCurrentThreadId();
  SetEvent(p->completed); /* p is its owner's from here on */
}

static BOOL want_completions(struct probe *p) {
  return support(p, HSE_REQ_IO_COMPLETION, (void *)(uintptr_t)on_completion, NULL, (DWORD *)p);
}

/* Waits for the completion of what good says has begun, and tells of it. */
static bool await(struct probe *p, const char *call, BOOL good, DWORD limit_ms) {
  open_call(p, call, good);
  bool came = good && WaitForSingleObject(p->completed, limit_ms) == WAIT_OBJECT_0;
  if (good)
    put_bool(&p->out, "completed", came);
  if (came) {
    put_number(&p->out, "completed_us", now_us() - p->began);
    put_number(&p->out, "bytes", p->bytes);
    put_number(&p->out, "io_error", p->error);
    put_bool(&p->out, "same_thread", p->completed_on == GetCurrentThreadId());
  }
  p->stuck = good && !came;
  adds(&p->out, "}");
  return came;
}

/* ---- do=ecb ---- */

static void put_stack(struct probe *p) {
  ULONG_PTR low = 0, high = 0;
  typedef VOID(WINAPI * limits_fn)(PULONG_PTR, PULONG_PTR);
  limits_fn limits = (limits_fn)(void *)GetProcAddress(GetModuleHandleA("kernel32.dll"),
                                                       "GetCurrentThreadStackLimits");
  if (limits)
    limits(&low, &high);
  put_number(&p->out, "stack", (int64_t)(high - low));
}

static void show_ecb(struct probe *p) {
  const EXTENSION_CONTROL_BLOCK *e = p->ecb;
  struct text *out = &p->out;
  BOOL keeps = FALSE;
  put_number(out, "cbSize", e->cbSize);
  put_number(out, "sizeof", sizeof *e);
  put_number(out, "dwVersion", e->dwVersion);
  put_bool(out, "ConnID", e->ConnID != NULL);
  put_number(out, "dwHttpStatusCode", e->dwHttpStatusCode);
  put_bytes(out, "lpszLogData", e->lpszLogData, strnlen(e->lpszLogData, sizeof e->lpszLogData));
  put_pointer(out, "lpszMethod", e->lpszMethod);
  put_pointer(out, "lpszQueryString", e->lpszQueryString);
  put_pointer(out, "lpszPathInfo", e->lpszPathInfo);
  put_pointer(out, "lpszPathTranslated", e->lpszPathTranslated);
  put_pointer(out, "lpszContentType", e->lpszContentType);
  put_number(out, "cbTotalBytes", e->cbTotalBytes);
  put_number(out, "cbAvailable", e->cbAvailable);
  put_bool(out, "lpbData", e->lpbData != NULL);
  put_number(out, "pid", GetCurrentProcessId());
  put_number(out, "thread", GetCurrentThreadId());
  put_stack(p);
  put_number(out, "most_inside", most_inside);
  open_value(out, "calls", "[");
  told(p, "IO_COMPLETION", want_completions(p));
  bool good = support(p, HSE_REQ_IS_KEEP_CONN, &keeps, NULL, NULL);
  open_call(p, "IS_KEEP_CONN", good);
  put_bool(out, "value", keeps != FALSE);
  adds(out, "}]");
}

/* ---- do=variables, do=sizes ---- */

static const char names[] =
    "ALL_HTTP,ALL_RAW,APPL_MD_PATH,APPL_PHYSICAL_PATH,APP_POOL_ID,AUTH_PASSWORD,AUTH_TYPE,"
    "AUTH_USER,CACHE_URL,CERT_COOKIE,CERT_FLAGS,CERT_ISSUER,CERT_KEYSIZE,CERT_SECRETKEYSIZE,"
    "CERT_SERIALNUMBER,CERT_SERVER_ISSUER,CERT_SERVER_SUBJECT,CERT_SUBJECT,CONTENT_LENGTH,"
    "CONTENT_TYPE,CRYPT_PROTOCOL,GATEWAY_INTERFACE,HTTPS,HTTPS_KEYSIZE,HTTPS_SECRETKEYSIZE,"
    "HTTPS_SERVER_ISSUER,HTTPS_SERVER_SUBJECT,HTTP_HOST,HTTP_METHOD,HTTP_URL,HTTP_USER_AGENT,"
    "HTTP_VERSION,HTTP_X_ORIGINAL_URL,INSTANCE_ID,INSTANCE_META_PATH,INSTANCE_NAME,LOCAL_ADDR,"
    "LOGON_USER,ORIG_PATH_INFO,PATH_INFO,PATH_TRANSLATED,QUERY_STRING,REMOTE_ADDR,REMOTE_HOST,"
    "REMOTE_PORT,REMOTE_USER,REQUEST_METHOD,SCRIPT_FILENAME,SCRIPT_NAME,SCRIPT_TRANSLATED,"
    "SERVER_ADDR,SERVER_NAME,SERVER_PORT,SERVER_PORT_SECURE,SERVER_PROTOCOL,SERVER_SOFTWARE,"
    "SSI_EXEC_DISABLED,UNENCODED_URL,UNMAPPED_REMOTE_USER,URL,URL_PATH_INFO,NO_SUCH_VARIABLE";

static void put_variable(struct probe *p, const char *label, char *name, char *space) {
  DWORD size = VALUE_MAX;
  SetLastError(0);
  BOOL good = p->ecb->GetServerVariable(p->ecb->ConnID, name, space, &size);
  DWORD error = good ? 0 : GetLastError();
  open_value(&p->out, label, "{");
  put_bool(&p->out, "ok", good != FALSE);
  put_number(&p->out, "error", error);
  put_number(&p->out, "size", size);
  if (good && size <= VALUE_MAX)
    put_bytes(&p->out, "value", space, size);
  adds(&p->out, "}");
}

static void show_variables(struct probe *p) {
  char wanted[OPTION_MAX], wide[OPTION_MAX + 16], *space = calloc(1, VALUE_MAX + 16);
  char list[sizeof names];
  bool chosen = option(p, "name", wanted, "");
  strcpy(list, names);
  for (char *name = strtok(chosen ? wanted : list, ","); name && space; name = strtok(NULL, ",")) {
    open_value(&p->out, name, "{");
    put_variable(p, "ansi", name, space);
    snprintf(wide, sizeof wide, "UNICODE_%s", name);
    put_variable(p, "unicode", wide, space);
    adds(&p->out, "}");
  }
  free(space);
}

static void try_sizes(struct probe *p) {
  static const DWORD tried[] = {0, 1, 2, 16, VALUE_MAX};
  char name[OPTION_MAX], *space = calloc(1, VALUE_MAX + 16);
  option(p, "name", name, "HTTP_URL");
  open_value(&p->out, "calls", "[");
  for (size_t i = 0; i < sizeof tried / sizeof tried[0] && space; i++) {
    DWORD size = tried[i];
    memset(space, 0x7e, VALUE_MAX + 16);
    SetLastError(0);
    BOOL good = p->ecb->GetServerVariable(p->ecb->ConnID, name, space, &size);
    open_call(p, "GetServerVariable", good);
    put_number(&p->out, "given", tried[i]);
    put_number(&p->out, "size", size);
    put_bool(&p->out, "kept_within", space[tried[i]] == 0x7e);
    adds(&p->out, "}");
  }
  adds(&p->out, "]");
  free(space);
}

/* ---- do=send ---- */

/* Options, with what they are when left out:
 *   status=200 OK  framing=chunked|length|none  parts=3  size=10  wait=0 (ms before each part)
 *   via=vector|write  flush=0 (SET_FLUSH_FLAG)  head=with|alone  skip=1 (TRY_SKIP_CUSTOM_ERRORS)
 *   async=0  end=final|return|close|abort  last=1 (0: the body lacks its end)
 *   outcome=2 (what HttpExtensionProc or DONE_WITH_SESSION gives) */
struct sending {
  char status[OPTION_MAX], headers[OPTION_MAX];
  char part[PIECE_MAX + 32];
  DWORD flags;
  bool chunked, by_write, final, last;
  long parts, size;
};

static void read_sending(const struct probe *p, struct sending *s) {
  s->parts = number(p, "parts", 3);
  s->size = number(p, "size", 10);
  s->size = s->size < 0 || s->size > PIECE_MAX ? PIECE_MAX : s->size;
  s->chunked = !says(p, "framing", "none") && !says(p, "framing", "length");
  s->by_write = says(p, "via", "write");
  s->final = !(says(p, "end", "return") || says(p, "end", "close") || says(p, "end", "abort"));
  s->last = number(p, "last", 1) != 0;
  s->flags = (number(p, "async", 0) ? HSE_IO_ASYNC : HSE_IO_SYNC) |
             (number(p, "skip", 1) ? HSE_IO_TRY_SKIP_CUSTOM_ERRORS : 0);
  option(p, "status", s->status, "200 OK");
  const char *framing = s->chunked ? "Transfer-Encoding: chunked\r\n" : "";
  int n = snprintf(s->headers, sizeof s->headers, "Content-Type: text/plain\r\n%s", framing);
  if (says(p, "framing", "length"))
    n += snprintf(s->headers + n, sizeof s->headers - (size_t)n, "Content-Length: %ld\r\n",
                  s->parts * s->size);
  strcpy(s->headers + n, "\r\n");
}

/* Part number i with the extension's own framing; its bytes. */
static size_t make_part(struct sending *s, long i) {
  size_t n = 0;
  if (s->chunked && s->size)
    n = (size_t)sprintf(s->part, "%lx\r\n", (unsigned long)s->size);
  memset(s->part + n, 'a' + (int)(i % 26), (size_t)s->size);
  n += (size_t)s->size;
  if (s->chunked && s->size)
    n += (size_t)sprintf(s->part + n, "\r\n");
  if (s->chunked && s->last && i == s->parts - 1)
    n += (size_t)sprintf(s->part + n, "0\r\n\r\n");
  return n;
}

static BOOL send_header_ex(struct probe *p, const char *status, const char *headers) {
  HSE_SEND_HEADER_EX_INFO info = {status, headers, (DWORD)strlen(status), (DWORD)strlen(headers),
                                  TRUE};
  return support(p, HSE_REQ_SEND_RESPONSE_HEADER_EX, &info, NULL, NULL);
}

static BOOL write_part(struct probe *p, struct sending *s, size_t n, bool with_head) {
  DWORD size = (DWORD)n;
  BOOL good = !with_head || send_header_ex(p, s->status, s->headers);
  if (with_head)
    told(p, "SEND_RESPONSE_HEADER_EX", good);
  if (!good || !n)
    return good;
  SetLastError(0);
  good = p->ecb->WriteClient(p->ecb->ConnID, s->part, &size, HSE_IO_SYNC);
  told(p, "WriteClient", good);
  return good;
}

static BOOL vector_part(struct probe *p, struct sending *s, size_t n, bool with_head, bool final) {
  HSE_VECTOR_ELEMENT element = {HSE_VECTOR_ELEMENT_TYPE_MEMORY_BUFFER, s->part, 0, n};
  HSE_RESPONSE_VECTOR vector = {s->flags, NULL, NULL, n ? 1 : 0, &element};
  if (with_head) {
    vector.dwFlags |= HSE_IO_SEND_HEADERS;
    vector.pszStatus = s->status;
    vector.pszHeaders = s->headers;
  }
  if (final)
    vector.dwFlags |= HSE_IO_FINAL_SEND;
  BOOL good = support(p, HSE_REQ_VECTOR_SEND, &vector, NULL, NULL);
  if (!(s->flags & HSE_IO_ASYNC)) {
    told(p, "VECTOR_SEND", good);
    return good;
  }
  bool came = await(p, "VECTOR_SEND", good, WAIT_MS);
  while (p->stuck) /* the vector lies on this stack */
    Sleep(1000);
  return came && !p->error;
}

static BOOL send_part(struct probe *p, struct sending *s, size_t n, bool with_head, bool final) {
  BOOL good = s->by_write ? write_part(p, s, n, with_head) : vector_part(p, s, n, with_head, final);
  p->answered = p->answered || good;
  return good;
}

static void send_parts(struct probe *p, struct sending *s) {
  bool alone = says(p, "head", "alone");
  BOOL good = !alone || send_part(p, s, 0, true, s->final && !s->parts);
  for (long i = 0; i < s->parts && good; i++) {
    Sleep((DWORD)number(p, "wait", 0));
    good = send_part(p, s, make_part(s, i), !alone && !i, s->final && i == s->parts - 1);
  }
}

static void send_response(struct probe *p) {
  struct sending *s = calloc(1, sizeof *s);
  if (!s)
    return;
  read_sending(p, s);
  open_value(&p->out, "calls", "[");
  if (s->flags & HSE_IO_ASYNC)
    told(p, "IO_COMPLETION", want_completions(p));
  if (number(p, "flush", 0))
    told(p, "SET_FLUSH_FLAG",
         support(p, HSE_REQ_SET_FLUSH_FLAG, (void *)(intptr_t)TRUE, NULL, NULL));
  send_parts(p, s);
  if (says(p, "end", "close"))
    told(p, "CLOSE_CONNECTION", support(p, HSE_REQ_CLOSE_CONNECTION, NULL, NULL, NULL));
  if (says(p, "end", "abort"))
    told(p, "ABORTIVE_CLOSE", support(p, HSE_REQ_ABORTIVE_CLOSE, NULL, NULL, NULL));
  adds(&p->out, "]");
  p->outcome = (DWORD)number(p, "outcome", HSE_STATUS_SUCCESS_AND_KEEP_CONN);
  free(s);
}

/* ---- do=file ---- */

static HANDLE open_self(bool overlapped) {
  wchar_t path[MAX_PATH];
  DWORD n = GetModuleFileNameW(own_module, path, MAX_PATH);
  if (!n || n >= MAX_PATH)
    return INVALID_HANDLE_VALUE;
  return CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                     FILE_FLAG_SEQUENTIAL_SCAN | (overlapped ? FILE_FLAG_OVERLAPPED : 0), NULL);
}

/* What a send of a file uses; it is freed only when its operation has completed. */
struct file_send {
  char headers[128];
  HSE_VECTOR_ELEMENT element;
  HSE_RESPONSE_VECTOR vector;
  HSE_TF_INFO info;
};

static BOOL begin_file(struct probe *p, struct file_send *f, HANDLE file, DWORD size, DWORD way) {
  snprintf(f->headers, sizeof f->headers,
           "Content-Type: application/octet-stream\r\nContent-Length: %lu\r\n\r\n", size);
  DWORD flags = way | HSE_IO_SEND_HEADERS;
  if (says(p, "via", "transmit")) {
    f->info = (HSE_TF_INFO){.pfnHseIO = on_completion,
                            .pContext = p,
                            .hFile = file,
                            .pszStatusCode = "200 OK",
                            .BytesToWrite = size,
                            .pHead = f->headers,
                            .HeadLength = (DWORD)strlen(f->headers),
                            .dwFlags = flags};
    return support(p, HSE_REQ_TRANSMIT_FILE, &f->info, NULL, NULL);
  }
  f->element = (HSE_VECTOR_ELEMENT){HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE, file, 0, size};
  f->vector = (HSE_RESPONSE_VECTOR){flags | HSE_IO_FINAL_SEND, (char *)(uintptr_t) "200 OK",
                                    f->headers, 1, &f->element};
  return support(p, HSE_REQ_VECTOR_SEND, &f->vector, NULL, NULL);
}

static void send_file(struct probe *p) {
  struct file_send *f = calloc(1, sizeof *f);
  HANDLE self = open_self(number(p, "overlapped", 0) != 0);
  DWORD way = number(p, "async", 0) ? HSE_IO_ASYNC : HSE_IO_SYNC;
  open_value(&p->out, "calls", "[");
  told(p, "CreateFile", self != INVALID_HANDLE_VALUE);
  told(p, "IO_COMPLETION", want_completions(p));
  if (f && self != INVALID_HANDLE_VALUE) {
    BOOL good = begin_file(p, f, self, (DWORD)number(p, "size", 1000), way);
    p->answered = good != FALSE;
    if (way == HSE_IO_ASYNC)
      await(p, "send", good, WAIT_MS);
    else
      told(p, "send", good);
  }
  adds(&p->out, "]");
  if (p->stuck)
    return;
  free(f);
  CloseHandle(self);
}

/* ---- do=exec ---- */

static void put_status(struct probe *p) {
  HSE_EXEC_URL_STATUS status = {0};
  BOOL good = support(p, HSE_REQ_GET_EXEC_URL_STATUS, &status, NULL, NULL);
  open_call(p, "GET_EXEC_URL_STATUS", good);
  put_number(&p->out, "status", status.uHttpStatusCode);
  put_number(&p->out, "sub_status", status.uHttpSubStatus);
  put_number(&p->out, "win32_error", status.dwWin32Error);
  adds(&p->out, "}");
}

/* Should the child request come here again, it would ask for another one, and so on. */
static void exec_url(struct probe *p) {
  char *url = calloc(1, OPTION_MAX);
  HSE_EXEC_URL_INFO *info = calloc(1, sizeof *info);
  long depth = InterlockedIncrement(&executing);
  put_bool(&p->out, "recursion", depth > 1);
  if (depth == 1 && url && info) {
    bool named = option(p, "url", url, "");
    info->pszUrl = named ? url : NULL;
    info->dwExecUrlFlags = (DWORD)number(p, "flags", HSE_EXEC_URL_IGNORE_CURRENT_INTERCEPTOR);
    open_value(&p->out, "calls", "[");
    told(p, "IO_COMPLETION", want_completions(p));
    p->answered = await(p, "EXEC_URL", support(p, HSE_REQ_EXEC_URL, info, NULL, NULL), WAIT_MS);
    if (p->answered)
      put_status(p);
    adds(&p->out, "]");
  }
  InterlockedDecrement(&executing);
  if (p->stuck)
    return;
  free(url);
  free(info);
}

/* ---- do=read, do=cancel ---- */

static BOOL begin_read(struct probe *p, char *space, DWORD *size) {
  static DWORD as_async = HSE_IO_ASYNC;
  return support(p, HSE_REQ_ASYNC_READ_CLIENT, space, size, &as_async);
}

/* One call; the bytes that came, or -1. */
static int64_t read_piece(struct probe *p, char *space, DWORD *size, bool async) {
  if (async)
    return await(p, "ASYNC_READ_CLIENT", begin_read(p, space, size), 120000) && !p->error
               ? (int64_t)p->bytes
               : -1;
  SetLastError(0);
  BOOL good = p->ecb->ReadClient(p->ecb->ConnID, space, size);
  open_call(p, "ReadClient", good);
  put_number(&p->out, "bytes", *size);
  adds(&p->out, "}");
  return good ? (int64_t)*size : -1;
}

struct reading {
  char *space;
  DWORD size;
};

static struct reading *reading_new(void) {
  struct reading *reading = calloc(1, sizeof *reading);
  if (reading)
    reading->space = calloc(1, PIECE_MAX + 16);
  return reading;
}

static void reading_free(struct reading *reading) {
  if (reading)
    free(reading->space);
  free(reading);
}

static void read_all(struct probe *p, struct reading *reading) {
  bool async = number(p, "async", 0) != 0, known = p->ecb->cbTotalBytes != 0xffffffffu;
  long piece = number(p, "piece", 4096);
  int64_t total = p->ecb->cbAvailable, got = 1;
  DWORD wanted = piece < 1 || piece > PIECE_MAX ? PIECE_MAX : (DWORD)piece;
  if (async)
    told(p, "IO_COMPLETION", want_completions(p));
  while (got > 0 && !p->stuck && !(known && total >= p->ecb->cbTotalBytes)) {
    reading->size = wanted;
    got = read_piece(p, reading->space, &reading->size, async);
    total += got > 0 ? got : 0;
  }
  open_call(p, "end", TRUE);
  put_number(&p->out, "total", total);
  adds(&p->out, "}");
}

static void read_body(struct probe *p) {
  struct reading *reading = reading_new();
  put_number(&p->out, "cbTotalBytes", p->ecb->cbTotalBytes);
  put_number(&p->out, "cbAvailable", p->ecb->cbAvailable);
  open_value(&p->out, "calls", "[");
  if (reading && reading->space)
    read_all(p, reading);
  adds(&p->out, "]");
  if (!p->stuck)
    reading_free(reading);
}

static void cancel_read(struct probe *p) {
  struct reading *reading = reading_new();
  open_value(&p->out, "calls", "[");
  told(p, "IO_COMPLETION", want_completions(p));
  bool begun = reading && reading->space;
  if (begun) {
    reading->size = 1000;
    begun = begin_read(p, reading->space, &reading->size);
    told(p, "ASYNC_READ_CLIENT", begun);
  }
  Sleep(300);
  BOOL good = begun && support(p, HSE_REQ_CANCEL_IO, NULL, NULL, NULL);
  open_call(p, "CANCEL_IO", good);
  adds(&p->out, "}");
  if (begun && !await(p, "wait", TRUE, 3000)) {
    p->answered = true; /* with that nobody can be answered any more */
    told(p, "CLOSE_CONNECTION", support(p, HSE_REQ_CLOSE_CONNECTION, NULL, NULL, NULL));
    await(p, "wait", TRUE, WAIT_MS);
  }
  adds(&p->out, "]");
  if (!p->stuck)
    reading_free(reading);
}

/* ---- the rest ---- */

static void watch(struct probe *p) {
  LONGLONG until = now_us() + number(p, "for", 10000) * 1000LL;
  long every = number(p, "every", 50), asked = 0;
  BOOL *yes = calloc(1, 64); /* "persistent memory" */
  BOOL good = yes != NULL;
  for (*yes = TRUE; good && *yes && now_us() < until; asked++) {
    Sleep(every < 1 ? 1 : (DWORD)every);
    *yes = TRUE;
    good = support(p, HSE_REQ_IS_CONNECTED, yes, NULL, NULL);
  }
  open_value(&p->out, "calls", "[");
  open_call(p, "IS_CONNECTED", good);
  put_bool(&p->out, "connected", yes && *yes);
  put_number(&p->out, "asked", asked);
  adds(&p->out, "}]");
  free(yes);
}

/* How its arguments are meant is documented nowhere: all have memory of ours behind them, and what
 * has been written there is shown. */
static void try_cbt(struct probe *p, const char *label, DWORD size) {
  char *space = calloc(1, 8192), *pointed = NULL, first[64] = "";
  DWORD type[16] = {0};
  if (!space)
    return;
  BOOL good = support(p, HSE_REQ_GET_CHANNEL_BINDING_TOKEN, space, &size, type);
  open_call(p, label, good);
  put_number(&p->out, "size", size);
  put_number(&p->out, "type", type[0]);
  put_bytes(&p->out, "buffer", space, 128);
  memcpy(&pointed, space, sizeof pointed);
  put_bytes(&p->out, "pointed", first, peek(pointed, first, sizeof first));
  adds(&p->out, "}");
  free(space);
}

static void show_cbt(struct probe *p) {
  open_value(&p->out, "calls", "[");
  try_cbt(p, "size 4096", 4096);
  try_cbt(p, "size 0", 0);
  try_cbt(p, "size of a pointer", sizeof(void *));
  adds(&p->out, "]");
}

/* What a function has put into space. */
static void tell_value(struct probe *p, const char *call, BOOL good, const void *value, size_t n) {
  open_call(p, call, good);
  put_bytes(&p->out, "value", value, n);
  adds(&p->out, "}");
}

static size_t wide_bytes(const WCHAR *text, size_t max) { return wcsnlen(text, max) * 2; }

static void map_paths(struct probe *p, const char *url, char *space) {
  WCHAR wide[OPTION_MAX] = L"";
  HSE_URL_MAPEX_INFO *info = (HSE_URL_MAPEX_INFO *)(void *)space;
  HSE_UNICODE_URL_MAPEX_INFO *wide_info = (HSE_UNICODE_URL_MAPEX_INFO *)(void *)space;
  DWORD size = PIECE_MAX;
  MultiByteToWideChar(CP_UTF8, 0, url, -1, wide, OPTION_MAX);
  strcpy(space, url);
  BOOL good = support(p, HSE_REQ_MAP_URL_TO_PATH, space, &size, NULL);
  tell_value(p, "MAP_URL_TO_PATH", good, space, strnlen(space, PIECE_MAX));
  size = PIECE_MAX;
  wcscpy((WCHAR *)(void *)space, wide);
  good = support(p, HSE_REQ_MAP_UNICODE_URL_TO_PATH, space, &size, NULL);
  tell_value(p, "MAP_UNICODE_URL_TO_PATH", good, space,
             wide_bytes((WCHAR *)(void *)space, PIECE_MAX / 2));
  memset(space, 0, PIECE_MAX);
  size = (DWORD)strlen(url);
  good = support(p, HSE_REQ_MAP_URL_TO_PATH_EX, (void *)(uintptr_t)url, &size, (DWORD *)space);
  open_call(p, "MAP_URL_TO_PATH_EX", good);
  put_bytes(&p->out, "value", info->lpszPath, strnlen(info->lpszPath, MAX_PATH));
  put_number(&p->out, "flags", info->dwFlags);
  put_number(&p->out, "of_path", info->cchMatchingPath);
  put_number(&p->out, "of_url", info->cchMatchingURL);
  adds(&p->out, "}");
  memset(space, 0, PIECE_MAX);
  size = (DWORD)wcslen(wide) * 2;
  good = support(p, HSE_REQ_MAP_UNICODE_URL_TO_PATH_EX, wide, &size, (DWORD *)space);
  tell_value(p, "MAP_UNICODE_URL_TO_PATH_EX", good, space,
             wide_bytes(wide_info->lpszPath, MAX_PATH));
  strcpy(space, url);
  good = support(p, HSE_REQ_NORMALIZE_URL, space, NULL, NULL);
  tell_value(p, "NORMALIZE_URL", good, space, strnlen(space, PIECE_MAX));
}

static void show_certificate(struct probe *p, char *space) {
  static const BYTE nothing[1];
  CERT_CONTEXT_EX cert = {.cbAllocated = PIECE_MAX};
  cert.CertContext.pbCertEncoded = (BYTE *)space;
  BOOL good = support(p, HSE_REQ_GET_CERT_INFO_EX, &cert, NULL, NULL);
  bool is_ours = good && cert.CertContext.cbCertEncoded <= PIECE_MAX;
  tell_value(p, "GET_CERT_INFO_EX", good, is_ours ? (BYTE *)space : nothing,
             is_ours ? cert.CertContext.cbCertEncoded : 0);
}

static void show_functions(struct probe *p) {
  char url[OPTION_MAX], *space = calloc(2, PIECE_MAX); /* more than it is said to be */
  option(p, "url", url, "/a/../b%20c");
  open_value(&p->out, "calls", "[");
  if (space) {
    map_paths(p, url, space);
    memset(space, 0, PIECE_MAX);
    show_certificate(p, space);
    memset(space, 0, PIECE_MAX);
    BOOL good = support(p, HSE_REQ_IS_IN_PROCESS, space, NULL, NULL);
    tell_value(p, "IS_IN_PROCESS", good, space, sizeof(DWORD));
    memset(space, 0, PIECE_MAX);
    good = support(p, HSE_REQ_GET_TRACE_INFO, space, NULL, NULL);
    tell_value(p, "GET_TRACE_INFO", good, space, sizeof(HSE_TRACE_INFO));
    memset(space, 0, PIECE_MAX);
    told(p, "GET_CACHE_INVALIDATION_CALLBACK",
         support(p, HSE_REQ_GET_CACHE_INVALIDATION_CALLBACK, space, NULL, NULL));
    told(p, "GET_SSPI_INFO", support(p, HSE_REQ_GET_SSPI_INFO, space, NULL, (DWORD *)space + 64));
  }
  adds(&p->out, "]");
  free(space);
}

static void put_account(struct text *out, const char *name, HANDLE token) {
  union {
    TOKEN_USER user;
    char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  } info;
  char user[256] = "", domain[256] = "", both[520];
  DWORD size = sizeof info, user_n = sizeof user, domain_n = sizeof domain;
  SID_NAME_USE use;
  bool good = token && GetTokenInformation(token, TokenUser, &info, size, &size) &&
              LookupAccountSidA(NULL, info.user.User.Sid, user, &user_n, domain, &domain_n, &use);
  snprintf(both, sizeof both, "%s\\%s", domain, user);
  put_text(out, name, good ? both : "");
}

static void show_token(struct probe *p) {
  HANDLE of_user = NULL, of_process = NULL, of_thread = NULL;
  open_value(&p->out, "calls", "[");
  told(p, "GET_IMPERSONATION_TOKEN",
       support(p, HSE_REQ_GET_IMPERSONATION_TOKEN, &of_user, NULL, NULL));
  BOOL has = OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &of_thread);
  told(p, "OpenThreadToken", has);
  adds(&p->out, "]");
  OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &of_process);
  put_account(&p->out, "user", of_user);
  put_account(&p->out, "thread", of_thread);
  put_account(&p->out, "process", of_process);
  if (of_thread)
    CloseHandle(of_thread);
  if (of_process)
    CloseHandle(of_process); /* of_user is the host's */
}

static void log_text(struct probe *p) {
  char text[OPTION_MAX];
  option(p, "text", text, "probe=1");
  open_value(&p->out, "calls", "[");
  DWORD size = (DWORD)strlen(text);
  told(p, "APPEND_LOG_PARAMETER", support(p, HSE_APPEND_LOG_PARAMETER, text, &size, NULL));
  adds(&p->out, "]");
  snprintf(p->ecb->lpszLogData, sizeof p->ecb->lpszLogData, "data-%.40s", text);
}

static void hold(struct probe *p) {
  put_number(&p->out, "inside", inside);
  Sleep((DWORD)number(p, "for", 1000));
  put_number(&p->out, "most_inside", most_inside);
}

static void unhealthy(struct probe *p) {
  char why[] = "pyisapie-probe was asked to say so";
  put_number(&p->out, "pid", GetCurrentProcessId());
  open_value(&p->out, "calls", "[");
  told(p, "REPORT_UNHEALTHY", support(p, HSE_REQ_REPORT_UNHEALTHY, why, NULL, NULL));
  adds(&p->out, "]");
}

static void show_results(struct probe *p) {
  char name[OPTION_MAX];
  bool chosen = option(p, "name", name, "");
  open_value(&p->out, "results", "{");
  AcquireSRWLockShared(&results_lock);
  for (size_t i = 0; i < RESULTS_MAX; i++) {
    if (!results[i].id || !results[i].json || (chosen && strcmp(name, results[i].id) != 0))
      continue;
    key(&p->out, results[i].id);
    adds(&p->out, results[i].json);
  }
  ReleaseSRWLockShared(&results_lock);
  adds(&p->out, "}");
}

/* ---- the way of a request ---- */

static const struct {
  const char *name;
  void (*act)(struct probe *p);
  bool pends; /* on a thread of its own, unless &pend=0 */
} actions[] = {{"ecb", show_ecb, false},
               {"variables", show_variables, false},
               {"sizes", try_sizes, false},
               {"send", send_response, true},
               {"file", send_file, true},
               {"exec", exec_url, true},
               {"read", read_body, true},
               {"cancel", cancel_read, true},
               {"connected", watch, true},
               {"cbt", show_cbt, false},
               {"functions", show_functions, false},
               {"token", show_token, false},
               {"log", log_text, false},
               {"hold", hold, true},
               {"unhealthy", unhealthy, false},
               {"results", show_results, false}};

static void answer(struct probe *p) {
  char headers[128];
  snprintf(headers, sizeof headers,
           "Content-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: %zu\r\n"
           "\r\n",
           p->out.n);
  if (!send_header_ex(p, "200 OK", headers))
    return;
  for (size_t sent = 0; sent < p->out.n;) {
    DWORD size = (DWORD)(p->out.n - sent);
    if (!p->ecb->WriteClient(p->ecb->ConnID, p->out.p + sent, &size, HSE_IO_SYNC) || !size)
      return;
    sent += size;
  }
}

/* The end of a request, but for that of its session; what HttpExtensionProc is to give. */
static DWORD finish(struct probe *p) {
  char id[OPTION_MAX];
  DWORD outcome = p->outcome;
  bool stuck = p->stuck;
  put_bool(&p->out, "stuck", stuck);
  adds(&p->out, "}");
  if (option(p, "id", id, "") && p->out.p)
    keep_result(id, p->out.p);
  if (!p->answered && !stuck)
    answer(p);
  if (stuck)
    return HSE_STATUS_PENDING;
  CloseHandle(p->completed);
  free(p->out.p);
  free(p);
  return outcome;
}

static DWORD WINAPI run_pended(void *arg) {
  struct probe *p = arg;
  EXTENSION_CONTROL_BLOCK *block = p->ecb;
  p->act(p);
  DWORD outcome = finish(p);
  InterlockedDecrement(&inside);
  if (outcome != HSE_STATUS_PENDING)
    block->ServerSupportFunction(block->ConnID, HSE_REQ_DONE_WITH_SESSION, &outcome, NULL, NULL);
  return 0;
}

static bool pend(struct probe *p) {
  p->pended = want_completions(p);
  if (!p->pended)
    return false;
  HANDLE thread =
      CreateThread(NULL, OWN_STACK, run_pended, p, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  if (!thread)
    return false;
  CloseHandle(thread);
  return true;
}

static struct probe *probe_new(EXTENSION_CONTROL_BLOCK *block) {
  struct probe *p = calloc(1, sizeof *p);
  if (!p)
    return NULL;
  p->ecb = block;
  p->began = now_us();
  p->outcome = HSE_STATUS_SUCCESS_AND_KEEP_CONN;
  p->completed = CreateEventA(NULL, FALSE, FALSE, NULL);
  for (size_t i = 0; i < sizeof p->query - 1; i++) {
    if (!block->lpszQueryString || !peek(block->lpszQueryString + i, p->query + i, 1) ||
        !p->query[i])
      break;
  }
  return p;
}

static void count_in(void) {
  LONG now = InterlockedIncrement(&inside), most = most_inside;
  while (now > most) {
    LONG was = InterlockedCompareExchange(&most_inside, now, most);
    if (was == most)
      break;
    most = was;
  }
}

DWORD WINAPI HttpExtensionProc(EXTENSION_CONTROL_BLOCK *block) {
  char wanted[OPTION_MAX];
  bool pends = false;
  struct probe *p = probe_new(block);
  if (!p)
    return HSE_STATUS_ERROR;
  count_in();
  option(p, "do", wanted, "ecb");
  adds(&p->out, "{");
  put_text(&p->out, "do", wanted);
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    if (strcmp(actions[i].name, wanted) == 0) {
      p->act = actions[i].act;
      pends = actions[i].pends;
    }
  }
  if (p->act && number(p, "pend", pends) && pend(p))
    return HSE_STATUS_PENDING; /* p may be gone */
  if (p->act)
    p->act(p);
  else
    put_bool(&p->out, "unknown", true);
  DWORD outcome = finish(p);
  InterlockedDecrement(&inside);
  return outcome;
}

/* ---- the life of the DLL ---- */

BOOL WINAPI GetExtensionVersion(HSE_VERSION_INFO *info) {
  info->dwExtensionVersion = MAKELONG(0, 1);
  strcpy(info->lpszExtensionDesc, "pyisapie-probe");
  log_event("GetExtensionVersion", 0);
  return TRUE;
}

BOOL WINAPI TerminateExtension(DWORD flags) {
  log_event("TerminateExtension", (long)flags);
  log_event("requests inside", inside);
  return TRUE;
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved);

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved) {
  if (reason == DLL_PROCESS_ATTACH)
    own_module = module;
  if (reason == DLL_PROCESS_ATTACH || reason == DLL_PROCESS_DETACH)
    log_event(reason == DLL_PROCESS_ATTACH ? "attach" : reserved ? "process ends" : "unload", 0);
  return TRUE;
}
