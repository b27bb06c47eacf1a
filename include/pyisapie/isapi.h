/* SPDX-License-Identifier: Apache-2.0
 *
 * The ISAPI extension ABI: everything that a host and an extension share.
 *
 * On Windows this is the SDK's <httpext.h>. Elsewhere the same structures are declared with the
 * same layout, so that a host such as httpd's mod_isapi, which compiles there too, can call us.
 * Source of the facts: Microsoft's ISAPI extension reference (IIS 6.0 SDK).
 */
#ifndef PYISAPIE_ISAPI_H
#define PYISAPIE_ISAPI_H

#include "pyisapie/str.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#include <winsock2.h>

#include <windows.h>

#include <httpext.h>
#define PIE_ISAPI_EXPORT /* pyisapie.def names the exports */
#else

#define PIE_ISAPI_EXPORT __attribute__((visibility("default")))
#define WINAPI
#define TRUE 1
#define FALSE 0

typedef int BOOL;
typedef char CHAR;
typedef char *LPSTR;
typedef const char *LPCSTR;
typedef uint8_t BYTE, *LPBYTE;
typedef uint16_t USHORT, WCHAR, *LPWSTR;
typedef uint32_t DWORD;
typedef DWORD *LPDWORD;
typedef uint64_t ULONGLONG;
typedef void *LPVOID;
typedef void *PVOID;
typedef void *HANDLE;
typedef int32_t HRESULT;
typedef LPVOID HCONN;

/* The last error of a callback travels in errno here, as it does in httpd's mod_isapi. */
#define ERROR_INVALID_PARAMETER 22    /* EINVAL */
#define ERROR_INVALID_INDEX 22        /* EINVAL: mod_isapi has no code of its own for it */
#define ERROR_INSUFFICIENT_BUFFER 105 /* ENOBUFS */
#define ERROR_NO_DATA 61              /* ENODATA */
#define ERROR_READ_FAULT 5            /* EIO */
#define ERROR_NETNAME_DELETED 104     /* ECONNRESET */
#define ERROR_NOT_SUPPORTED 95        /* EOPNOTSUPP */
#define ERROR_NOT_FOUND 2             /* ENOENT */
#define ERROR_OPERATION_ABORTED 125   /* ECANCELED */
#define WSAEINVAL 22                  /* EINVAL */
#define MAX_PATH 260

#define MAKELONG(low, high) ((DWORD)((((DWORD)(high)) << 16) | (((DWORD)(low)) & 0xffffu)))
#define HIWORD(value) ((uint16_t)(((DWORD)(value)) >> 16))

#define HSE_LOG_BUFFER_LEN 80
#define HSE_MAX_EXT_DLL_NAME_LEN 256

/* What HttpExtensionProc returns. */
#define HSE_STATUS_SUCCESS 1
#define HSE_STATUS_SUCCESS_AND_KEEP_CONN 2
#define HSE_STATUS_PENDING 3
#define HSE_STATUS_ERROR 4

/* Codes of ServerSupportFunction. */
#define HSE_REQ_SEND_URL_REDIRECT_RESP 1
#define HSE_REQ_SEND_URL 2
#define HSE_REQ_SEND_RESPONSE_HEADER 3
#define HSE_REQ_DONE_WITH_SESSION 4
#define HSE_REQ_MAP_URL_TO_PATH 1001
#define HSE_REQ_GET_SSPI_INFO 1002
#define HSE_APPEND_LOG_PARAMETER 1003
#define HSE_REQ_IO_COMPLETION 1005
#define HSE_REQ_TRANSMIT_FILE 1006
#define HSE_REQ_REFRESH_ISAPI_ACL 1007
#define HSE_REQ_IS_KEEP_CONN 1008
#define HSE_REQ_ASYNC_READ_CLIENT 1010
#define HSE_REQ_GET_IMPERSONATION_TOKEN 1011
#define HSE_REQ_MAP_URL_TO_PATH_EX 1012
#define HSE_REQ_ABORTIVE_CLOSE 1014
#define HSE_REQ_GET_CERT_INFO_EX 1015
#define HSE_REQ_SEND_RESPONSE_HEADER_EX 1016
#define HSE_REQ_CLOSE_CONNECTION 1017
#define HSE_REQ_IS_CONNECTED 1018
#define HSE_REQ_MAP_UNICODE_URL_TO_PATH 1023
#define HSE_REQ_MAP_UNICODE_URL_TO_PATH_EX 1024
#define HSE_REQ_EXEC_UNICODE_URL 1025
#define HSE_REQ_EXEC_URL 1026
#define HSE_REQ_GET_EXEC_URL_STATUS 1027
#define HSE_REQ_SEND_CUSTOM_ERROR 1028
#define HSE_REQ_IS_IN_PROCESS 1030
#define HSE_REQ_REPORT_UNHEALTHY 1032
#define HSE_REQ_NORMALIZE_URL 1033
#define HSE_REQ_VECTOR_SEND 1037
#define HSE_REQ_GET_ANONYMOUS_TOKEN 1038
#define HSE_REQ_GET_CACHE_INVALIDATION_CALLBACK 1040
#define HSE_REQ_GET_UNICODE_ANONYMOUS_TOKEN 1041
#define HSE_REQ_GET_TRACE_INFO 1042
#define HSE_REQ_SET_FLUSH_FLAG 1043
#define HSE_REQ_GET_TRACE_INFO_EX 1044
#define HSE_REQ_RAISE_TRACE_EVENT 1045
#define HSE_REQ_GET_CONFIG_OBJECT 1046
#define HSE_REQ_GET_WORKER_PROCESS_SETTINGS 1047
#define HSE_REQ_GET_PROTOCOL_MANAGER_CUSTOM_INTERFACE_CALLBACK 1048
#define HSE_REQ_CANCEL_IO 1049
#define HSE_REQ_GET_CHANNEL_BINDING_TOKEN 1050

#define HSE_APP_FLAG_IN_PROCESS 0

#define HSE_URL_FLAGS_READ 0x1
#define HSE_URL_FLAGS_SCRIPT 0x200

#define HSE_TERM_ADVISORY_UNLOAD 1
#define HSE_TERM_MUST_UNLOAD 2

#define HSE_IO_SYNC 0x1
#define HSE_IO_ASYNC 0x2
#define HSE_IO_DISCONNECT_AFTER_SEND 0x4
#define HSE_IO_SEND_HEADERS 0x8
#define HSE_IO_FINAL_SEND 0x10
#define HSE_IO_CACHE_RESPONSE 0x20
#define HSE_IO_TRY_SKIP_CUSTOM_ERRORS 0x40
#define HSE_IO_NODELAY 0x1000

#define HSE_EXEC_URL_IGNORE_CURRENT_INTERCEPTOR 0x4

#define HSE_VECTOR_ELEMENT_TYPE_MEMORY_BUFFER 0
#define HSE_VECTOR_ELEMENT_TYPE_FILE_HANDLE 1

typedef struct HSE_VERSION_INFO {
  DWORD dwExtensionVersion;
  CHAR lpszExtensionDesc[HSE_MAX_EXT_DLL_NAME_LEN];
} HSE_VERSION_INFO;

typedef struct EXTENSION_CONTROL_BLOCK {
  DWORD cbSize;
  DWORD dwVersion;
  HCONN ConnID;
  DWORD dwHttpStatusCode;
  CHAR lpszLogData[HSE_LOG_BUFFER_LEN];
  LPSTR lpszMethod;
  LPSTR lpszQueryString;
  LPSTR lpszPathInfo;
  LPSTR lpszPathTranslated;
  DWORD cbTotalBytes;
  DWORD cbAvailable;
  LPBYTE lpbData;
  LPSTR lpszContentType;
  BOOL(WINAPI *GetServerVariable)(HCONN conn, LPSTR name, LPVOID buffer, LPDWORD size);
  BOOL(WINAPI *WriteClient)(HCONN conn, LPVOID buffer, LPDWORD size, DWORD flags);
  BOOL(WINAPI *ReadClient)(HCONN conn, LPVOID buffer, LPDWORD size);
  /* clang-format off */
  BOOL(WINAPI *ServerSupportFunction)(HCONN conn, DWORD code, LPVOID buffer, LPDWORD size,
                                      LPDWORD type);
  /* clang-format on */
} EXTENSION_CONTROL_BLOCK;

typedef void(WINAPI *PFN_HSE_IO_COMPLETION)(EXTENSION_CONTROL_BLOCK *ecb, PVOID context,
                                            DWORD bytes, DWORD error);

typedef struct HSE_TF_INFO {
  PFN_HSE_IO_COMPLETION pfnHseIO;
  PVOID pContext;
  HANDLE hFile;
  LPCSTR pszStatusCode;
  DWORD BytesToWrite;
  DWORD Offset;
  PVOID pHead;
  DWORD HeadLength;
  PVOID pTail;
  DWORD TailLength;
  DWORD dwFlags;
} HSE_TF_INFO;

typedef struct HSE_SEND_HEADER_EX_INFO {
  LPCSTR pszStatus;
  LPCSTR pszHeader;
  DWORD cchStatus;
  DWORD cchHeader;
  BOOL fKeepConn;
} HSE_SEND_HEADER_EX_INFO;

typedef struct HSE_EXEC_URL_INFO {
  LPSTR pszUrl;
  LPSTR pszMethod;
  LPSTR pszChildHeaders;
  PVOID pUserInfo;
  PVOID pEntity;
  DWORD dwExecUrlFlags;
} HSE_EXEC_URL_INFO;

typedef struct HSE_EXEC_UNICODE_URL_INFO {
  LPWSTR pszUrl;
  LPSTR pszMethod;
  LPSTR pszChildHeaders;
  PVOID pUserInfo;
  PVOID pEntity;
  DWORD dwExecUrlFlags;
} HSE_EXEC_UNICODE_URL_INFO;

typedef struct HSE_URL_MAPEX_INFO {
  CHAR lpszPath[MAX_PATH];
  DWORD dwFlags;
  DWORD cchMatchingPath;
  DWORD cchMatchingURL;
  DWORD dwReserved1;
  DWORD dwReserved2;
} HSE_URL_MAPEX_INFO;

typedef struct HSE_UNICODE_URL_MAPEX_INFO {
  WCHAR lpszPath[MAX_PATH];
  DWORD dwFlags;
  DWORD cchMatchingPath;
  DWORD cchMatchingURL;
} HSE_UNICODE_URL_MAPEX_INFO;

typedef struct CERT_CONTEXT {
  DWORD dwCertEncodingType;
  BYTE *pbCertEncoded;
  DWORD cbCertEncoded;
  PVOID pCertInfo;
  PVOID hCertStore;
} CERT_CONTEXT;

typedef struct CERT_CONTEXT_EX {
  CERT_CONTEXT CertContext;
  DWORD cbAllocated;
  DWORD dwCertificateFlags;
} CERT_CONTEXT_EX;

#define X509_ASN_ENCODING 1

typedef struct HSE_TRACE_INFO {
  BOOL fTraceRequest;
  BYTE TraceContextId[16];
  DWORD dwReserved1;
  DWORD dwReserved2;
} HSE_TRACE_INFO;

typedef HRESULT(WINAPI *PFN_HSE_CACHE_INVALIDATION_CALLBACK)(WCHAR *url);

typedef struct HSE_EXEC_URL_STATUS {
  USHORT uHttpStatusCode;
  USHORT uHttpSubStatus;
  DWORD dwWin32Error;
} HSE_EXEC_URL_STATUS;

typedef struct HSE_CUSTOM_ERROR_INFO {
  CHAR *pszStatus;
  USHORT uHttpSubError;
  BOOL fAsync;
} HSE_CUSTOM_ERROR_INFO;

typedef struct HSE_VECTOR_ELEMENT {
  DWORD ElementType;
  PVOID pvContext;
  ULONGLONG cbOffset;
  ULONGLONG cbSize;
} HSE_VECTOR_ELEMENT;

typedef struct HSE_RESPONSE_VECTOR {
  DWORD dwFlags;
  LPSTR pszStatus;
  LPSTR pszHeaders;
  DWORD nElementCount;
  HSE_VECTOR_ELEMENT *lpElementArray;
} HSE_RESPONSE_VECTOR;

#endif /* !_WIN32 */

/* A ServerSupportFunction of our own host, and optional: the buffer is a pointer to a
 * struct pie_isapi_request *, which is set to what the server variables would tell one by one. It
 * is valid until the session is done. Texts are bytes as they came; absent ones are empty. */
#define HSE_REQ_PIE_REQUEST 0x50494500

struct pie_isapi_header {
  struct pie_str name, value;
};

struct pie_isapi_request {
  uint32_t size; /* of this structure */
  bool secure;   /* the scheme is https */
  struct pie_str method, query;
  struct pie_str target; /* HTTP_URL */
  struct pie_str path;   /* PATH_INFO */
  struct pie_str protocol, server_name, server_port, server_software;
  struct pie_str remote_addr, remote_port, remote_user, auth_type;
  struct pie_str content_type;
  int64_t content_length; /* bytes; -1: no body; -2: one of unknown length */
  const struct pie_isapi_header *headers;
  size_t header_count;
};

/* cbTotalBytes of a request whose length is unknown (chunked) or does not fit into 32 bits. */
#define PIE_ISAPI_LENGTH_UNKNOWN 0xffffffffu

#if UINTPTR_MAX == 0xffffffffffffffffu
static_assert(sizeof(EXTENSION_CONTROL_BLOCK) == 192, "ECB size is part of the ABI");
static_assert(offsetof(EXTENSION_CONTROL_BLOCK, ConnID) == 8, "ECB.ConnID");
static_assert(offsetof(EXTENSION_CONTROL_BLOCK, lpszMethod) == 104, "ECB.lpszMethod");
static_assert(offsetof(EXTENSION_CONTROL_BLOCK, cbTotalBytes) == 136, "ECB.cbTotalBytes");
static_assert(offsetof(EXTENSION_CONTROL_BLOCK, GetServerVariable) == 160, "ECB callbacks");
static_assert(sizeof(HSE_TF_INFO) == 72, "HSE_TF_INFO size");
static_assert(sizeof(HSE_SEND_HEADER_EX_INFO) == 32, "HSE_SEND_HEADER_EX_INFO size");
static_assert(sizeof(HSE_VECTOR_ELEMENT) == 32, "HSE_VECTOR_ELEMENT size");
static_assert(sizeof(HSE_RESPONSE_VECTOR) == 40, "HSE_RESPONSE_VECTOR size");
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The entry points of an extension. HttpExtensionWarm is ours and optional: a host that knows it
 * calls it once, on a thread that may block, with a control block of which only GetServerVariable
 * may be used, so that Python and the application are loaded before the first request. FALSE: they
 * could not be, and the log says why; requests are served all the same. */
typedef BOOL(WINAPI *pie_get_extension_version_fn)(HSE_VERSION_INFO *info);
typedef DWORD(WINAPI *pie_http_extension_proc_fn)(EXTENSION_CONTROL_BLOCK *ecb);
typedef BOOL(WINAPI *pie_terminate_extension_fn)(DWORD flags);
typedef BOOL(WINAPI *pie_http_extension_warm_fn)(EXTENSION_CONTROL_BLOCK *ecb);

/* HttpExtensionIdle is ours and optional, too: the calling thread is about to block, or brings no
 * further request soon, so the extension gives up what it holds on it (Python's GIL). A host that
 * calls it once before its first request promises to do so always: on each thread that has called
 * HttpExtensionProc, and in the callbacks of a control block, on whatever thread, before they
 * block. In return the extension may run requests on the host's threads and keep them short of
 * hand-overs. And when it sends all of a response as one file, by an asynchronous VECTOR_SEND, the
 * completion may come on the calling thread before that call is back: what the client takes at once
 * needs no other thread. group: threads of one group bring one request at a time, unless one lasts.
 * A host that has no such groups gives HSE_NO_GROUP. */
#define HSE_NO_GROUP 0xffffffffu
typedef void(WINAPI *pie_http_extension_idle_fn)(DWORD group);

PIE_ISAPI_EXPORT BOOL WINAPI GetExtensionVersion(HSE_VERSION_INFO *info);
PIE_ISAPI_EXPORT DWORD WINAPI HttpExtensionProc(EXTENSION_CONTROL_BLOCK *ecb);
PIE_ISAPI_EXPORT BOOL WINAPI TerminateExtension(DWORD flags);
PIE_ISAPI_EXPORT BOOL WINAPI HttpExtensionWarm(EXTENSION_CONTROL_BLOCK *ecb);
PIE_ISAPI_EXPORT void WINAPI HttpExtensionIdle(DWORD group);

#ifdef __cplusplus
}
#endif

#endif
