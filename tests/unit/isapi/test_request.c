/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request looks like to the engine: fields, paths (ISAPI.md, section 6), addresses.
 */
#include "base/error.h"
#include "harness/rig.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

static struct rig rig;

static const struct pie_request_info *open_request(enum fake_kind kind, const char *text) {
  rig_open(&rig, kind, text);
  return &rig.request->info;
}

static const struct pie_request_info *parse_again(void) {
  CHECK_INT(rig_parse(&rig), 0);
  return &rig.request->info;
}

static void close_request(void) {
  CHECK(rig.host.breach == NULL);
  rig_close(&rig);
}

/* ---- the parts ---- */

static void a_request_has_its_parts(void) {
  const struct pie_request_info *info = open_request(
      FAKE_IIS, "PUT /a/b?x=%20&y HTTP/1.1\r\nHost: h\r\nContent-Type: text/x\r\n\r\n");
  rig.host.ecb.lpszContentType = (LPSTR)(uintptr_t) "text/x";
  fake_set(&rig.host, "REMOTE_USER", "DOM\\user");
  fake_set(&rig.host, "AUTH_TYPE", "Negotiate");
  info = parse_again();
  CHECK_STR(info->id, "id-1");
  CHECK_STR(info->method, "PUT");
  CHECK_STR(info->target, "/a/b?x=%20&y");
  CHECK_STR(info->query, "x=%20&y");
  CHECK_STR(info->protocol, "HTTP/1.1");
  CHECK_STR(info->scheme, "http");
  CHECK_STR(info->server_name, "example.org");
  CHECK_STR(info->server_port, "8080");
  CHECK_STR(info->server_software, "Microsoft-IIS/10.0");
  CHECK_STR(info->remote_addr, "192.0.2.7");
  CHECK_STR(info->remote_port, "50000");
  CHECK_STR(info->remote_user, "DOM\\user");
  CHECK_STR(info->auth_type, "Negotiate");
  CHECK_STR(info->content_type, "text/x");
  CHECK_INT(info->content_length, PIE_LENGTH_NONE);
  close_request();
}

/* mod_isapi hands out NULL for what is absent (section 2): nothing may be NULL behind us. */
static void null_pointers_are_empty_texts(void) {
  open_request(FAKE_APACHE, "GET / HTTP/1.1\r\n\r\n");
  rig.host.ecb.lpszMethod = rig.host.ecb.lpszQueryString = rig.host.ecb.lpszPathInfo = NULL;
  rig.host.ecb.lpszPathTranslated = rig.host.ecb.lpszContentType = NULL;
  rig.host.ecb.lpbData = NULL;
  for (size_t i = 0; i < rig.host.variable_count; i++)
    rig.host.variables[i].error = ERROR_INVALID_INDEX;
  const struct pie_request_info *info = parse_again();
  const struct pie_str parts[] = {
      info->id,          info->method,      info->target,      info->script_name, info->path_info,
      info->query,       info->protocol,    info->scheme,      info->server_name, info->server_port,
      info->remote_addr, info->remote_port, info->remote_user, info->auth_type,   info->app,
      info->root,        info->config,      info->content_type};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    CHECK(parts[i].p != NULL);
  CHECK_INT(info->header_count, 0);
  CHECK_INT(info->content_length, PIE_LENGTH_NONE);
  close_request();
}

/* ---- header fields ---- */

static void check_headers(const char *raw, const char *want) {
  struct pie_buf text;
  fake_set(&rig.host, "ALL_RAW", raw);
  const struct pie_request_info *info = parse_again();
  pie_buf_init(&text, 100000);
  for (size_t i = 0; i < info->header_count; i++) {
    pie_buf_add(&text, info->headers[i].name);
    pie_buf_adds(&text, "=");
    pie_buf_add(&text, info->headers[i].value);
    pie_buf_adds(&text, ";");
  }
  test_context("%s", raw);
  CHECK_STR(pie_buf_str(&text), want);
  pie_buf_free(&text);
}

static void header_fields_come_in_order(void) {
  open_request(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n");
  check_headers("Host: a\r\nX-One: 1\r\nx-one:  2 \t\r\nHost: b\r\n",
                "Host=a;X-One=1;x-one=2;Host=b;");
  check_headers("A: 1\nB: 2\n", "A=1;B=2;"); /* LF alone, as in IIS's ALL_HTTP */
  check_headers("A: 1\r\nB: 2", "A=1;B=2;");
  check_headers("A:\r\nB: x:y\r\n", "A=;B=x:y;");
  check_headers("A: \xe4\xff\r\n", "A=\xe4\xff;");
  check_headers("", "");
  check_headers("\r\n\r\n", "");
  close_request();
}

/* Fields that CGI's names would make indistinguishable from others, and httpoxy's. */
static void unsafe_fields_are_dropped(void) {
  open_request(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n");
  check_headers("Proxy: http://evil\r\nA: 1\r\nPROXY: x\r\n", "A=1;");
  check_headers("Content_Length: 5\r\nX_Real_IP: 1\r\n_: 2\r\nA_: 3\r\nA: 1\r\n", "A=1;");
  check_headers("Proxy-Connection: a\r\nProxyX: b\r\n", "Proxy-Connection=a;ProxyX=b;");
  check_headers("A : 1\r\n B: 2\r\n: 3\r\nC(: 4\r\n\tD: 5\r\nE\xe4: 6\r\nF: 7\r\n", "F=7;");
  close_request();
}

static void many_fields_have_an_end(void) {
  struct pie_buf raw;
  pie_buf_init(&raw, 1 << 20);
  for (int i = 0; i < PIE_REQUEST_HEADERS_MAX; i++)
    pie_buf_addf(&raw, "X-%d: %d\r\n", i, i);
  open_request(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n");
  fake_set(&rig.host, "ALL_RAW", raw.p);
  const struct pie_request_info *info = parse_again();
  CHECK_INT(info->header_count, PIE_REQUEST_HEADERS_MAX);
  CHECK_STR(info->headers[9999].value, "9999");
  pie_buf_adds(&raw, "X-Forwarded-For: 192.0.2.7\r\n");
  fake_set(&rig.host, "ALL_RAW", raw.p);
  CHECK_INT(rig_parse(&rig), -PIE_ETOOBIG);
  close_request();
  pie_buf_free(&raw);
}

/* A request whose fields do not fit must not be served as one without any. */
static void fields_that_do_not_fit_are_not_dropped_in_silence(void) {
  struct pie_buf raw;
  pie_buf_init(&raw, 64 << 20);
  pie_buf_adds(&raw, "Authorization: secret\r\nX: ");
  while (raw.n < 40 << 20)
    pie_buf_adds(&raw, "0123456789abcdef");
  pie_buf_adds(&raw, "\r\n");
  open_request(FAKE_OURS, "GET / HTTP/1.1\r\n\r\n");
  fake_set(&rig.host, "ALL_RAW", raw.p);
  int err = rig_parse(&rig);
  CHECK(err != 0 || rig.request->info.header_count == 2);
  close_request();
  pie_buf_free(&raw);
}

static void fields_are_found_in_any_case(void) {
  open_request(FAKE_IIS, "GET / HTTP/1.1\r\nX-A: 1\r\nx-a: 2\r\n\r\n");
  CHECK_STR(pie_request_header(rig.request, PIE_STR("x-A")), "1");
  CHECK_STR(pie_request_header(rig.request, PIE_STR("x")), "");
  close_request();
}

/* ---- paths ---- */

struct path_row {
  const char *mount, *script, *path; /* APPL_MD_PATH, SCRIPT_NAME, PATH_INFO */
  const char *want_script, *want_path_info;
};

static void check_paths(enum fake_kind kind, const struct path_row *rows, size_t n) {
  open_request(kind, "GET /raw HTTP/1.1\r\n\r\n");
  for (size_t i = 0; i < n; i++) {
    fake_set(&rig.host, "APPL_MD_PATH", rows[i].mount);
    fake_set(&rig.host, "SCRIPT_NAME", rows[i].script);
    rig.host.ecb.lpszPathInfo = (LPSTR)(uintptr_t)rows[i].path;
    const struct pie_request_info *info = parse_again();
    test_context("row %zu: %s, %s", i, rows[i].script, rows[i].path);
    CHECK_STR(info->script_name, rows[i].want_script);
    CHECK_STR(info->path_info, rows[i].want_path_info);
    CHECK_STR(info->target, "/raw");
  }
  test_context(NULL);
  close_request();
}

#define ROOT "/LM/W3SVC/1/ROOT"

static void paths_of_iis_are_split_at_the_application(void) {
  static const struct path_row rows[] = {
      {ROOT "/app", "/app/x/y", "/app/x/y", "/app", "/x/y"},
      {ROOT "/app", "/app", "/app", "/app", ""},
      {ROOT "/app", "/app/", "/app/", "/app", "/"},
      {ROOT "/a/b", "/a/b/c", "/a/b/c", "/a/b", "/c"},
      {ROOT, "/x", "/x", "", "/x"},
      {ROOT "/", "/x", "/x", "", "/x"},
      {ROOT, "/", "/", "", "/"},
      {NULL, "/x", "/x", "", "/x"},
      {ROOT "/shop", "/shopping", "/shopping", "", "/shopping"}, /* not below it */
      {ROOT "/app", "/other/x", "/other/x", "", "/other/x"},
      {ROOT "/App", "/aPP/x", "/aPP/x", "/aPP", "/x"}, /* the request's spelling */
      {"/lm/w3svc/7/root/app", "/app/x", "/app/x", "/app", "/x"},
      {ROOT "/app", "/app//x", "/app//x", "/app", "//x"},
  };
  check_paths(FAKE_IIS, rows, sizeof rows / sizeof rows[0]);
  check_paths(FAKE_OURS, rows, sizeof rows / sizeof rows[0]);
}

static void script_maps_keep_their_script(void) {
  static const struct path_row rows[] = {
      {ROOT "/app", "/app/a.wsgi", "/app/a.wsgi/x", "/app/a.wsgi", "/x"},
      {ROOT, "/a.dll", "/a.dll/", "/a.dll", "/"},
      {ROOT, "/a.dll", "/a.dll/x/y", "/a.dll", "/x/y"},
  };
  check_paths(FAKE_IIS, rows, sizeof rows / sizeof rows[0]);
}

static void allow_path_info_gives_the_rest_only(void) {
  static const struct path_row rows[] = {
      {ROOT "/app", "/app/a.wsgi", "/x", "/app/a.wsgi", "/x"},
      {ROOT "/app", "/app/a.wsgi", "", "/app/a.wsgi", ""},
      {ROOT, "/a.dll", "/b.dll", "/a.dll", "/b.dll"},
  };
  check_paths(FAKE_IIS, rows, sizeof rows / sizeof rows[0]);
}

static void paths_of_mod_isapi_are_split_already(void) {
  static const struct path_row rows[] = {
      {NULL, "/app", "/x/y", "/app", "/x/y"},
      {NULL, "", "/x", "", "/x"},
      {NULL, "/", "/x", "", "/x"}, /* never SCRIPT_NAME "/" */
      {NULL, "/app", NULL, "/app", ""},
      {NULL, "/app", "/app/x", "/app", "/app/x"},
  };
  open_request(FAKE_APACHE, "GET /raw HTTP/1.1\r\n\r\n");
  close_request();
  check_paths(FAKE_APACHE, rows, sizeof rows / sizeof rows[0]);
}

/* Windows: "/site/x." has the PATH_INFO "/x", which httpd does not find in the URL. */
static void an_alias_of_the_door_tells_where_the_site_begins(void) {
  static const struct {
    const char *prefix, *place, *script, *path, *want_script;
  } rows[] = {
      {"/site", "Z:/p/pyisapie.dll", "/site/x.", "/x", "/site"},
      {"/site", "z:/P/pyisapie.dll", "/site", "/x", "/site"},
      {"/", "Z:/p/pyisapie.dll/", "/x.", "/x", ""},
      {"/", "Z:/p/pyisapie.dll/", "/", "/x", ""},
      {"/site", "Z:/p/pyisapie.dll", "/site", NULL, "/site"},
      {"/scripts/", "Z:/p/", "/scripts/pyisapie.dll", "/x", "/scripts/pyisapie.dll"},
      {"/other", "Z:/p/pyisapie.dll", "/site", "/x", "/site"}, /* not where the URL is */
      {"", "Z:/htdocs", "/pyisapie.dll", "/x", "/pyisapie.dll"},
      {NULL, NULL, "/site", "/x", "/site"},
  };
  open_request(FAKE_APACHE, "GET / HTTP/1.1\r\n\r\n");
  fake_set(&rig.host, "SCRIPT_FILENAME", "Z:/p/pyisapie.dll");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    test_context("%s, %s: %s", rows[i].prefix, rows[i].script, rows[i].path);
    fake_set(&rig.host, "CONTEXT_PREFIX", rows[i].prefix);
    fake_set(&rig.host, "CONTEXT_DOCUMENT_ROOT", rows[i].place);
    fake_set(&rig.host, "SCRIPT_NAME", rows[i].script);
    rig.host.ecb.lpszPathInfo = (LPSTR)(uintptr_t)rows[i].path;
    const struct pie_request_info *info = parse_again();
    CHECK_STR(info->script_name, rows[i].want_script);
    CHECK_STR(info->path_info, rows[i].path ? rows[i].path : "");
  }
  test_context(NULL);
  close_request();
}

static void script_name_splits_anew(void) {
  static const struct {
    const char *mount, *script, *path, *want_script, *want_path;
  } rows[] = {
      {"/", "/x/y", "", "", "/x/y"},
      {"/", "/x", "/y", "", "/x/y"},
      {"/", "", "/", "", "/"},
      {"/", "/", "", "", "/"}, /* never SCRIPT_NAME "/" */
      {"/app", "/app/x", "", "/app", "/x"},
      {"/app/", "/app", "", "/app", ""},
      {"/app", "/apple/x", "", "/apple/x", ""}, /* it is not below */
      {"/app", "/App/x", "", "/App/x", ""},
      {"/app", "*", "", "*", ""},
  };
  open_request(FAKE_APACHE, "GET / HTTP/1.1\r\n\r\n");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    test_context("%s: %s, %s", rows[i].mount, rows[i].script, rows[i].path);
    fake_set(&rig.host, "PYISAPIE_SCRIPT_NAME", rows[i].mount);
    fake_set(&rig.host, "SCRIPT_NAME", rows[i].script);
    rig.host.ecb.lpszPathInfo = (LPSTR)(uintptr_t)rows[i].path;
    const struct pie_request_info *info = parse_again();
    CHECK_STR(info->script_name, rows[i].want_script);
    CHECK_STR(info->path_info, rows[i].want_path);
  }
  close_request();
}

/* IIS converts PATH_INFO to the system's code page and loses characters. */
static void the_wide_path_is_preferred_on_iis(void) {
  open_request(FAKE_IIS, "GET /app/%C3%A9 HTTP/1.1\r\n\r\n");
  fake_set(&rig.host, "APPL_MD_PATH", ROOT "/app");
  fake_set(&rig.host, "SCRIPT_NAME", "/app/?");
  rig.host.ecb.lpszPathInfo = (LPSTR)(uintptr_t) "/app/?";
  fake_set_wide(&rig.host, "UNICODE_PATH_INFO", u"/app/\u00e9\u65e5\U0001f600", 9);
  fake_set_wide(&rig.host, "UNICODE_SCRIPT_NAME", u"/app/\u00e9\u65e5\U0001f600", 9);
  const struct pie_request_info *info = parse_again();
  CHECK_STR(info->script_name, "/app");
  CHECK_STR(info->path_info, "/\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80");
  CHECK_STR(info->target, "/app/%C3%A9"); /* REQUEST_URI stays raw */
  close_request();
}

/* And so does APPL_MD_PATH: "/gr?n" would not be found in the path. */
static void the_wide_mount_is_preferred_on_iis(void) {
  open_request(FAKE_IIS, "GET /gr%C3%BCn/x HTTP/1.1\r\n\r\n");
  fake_set(&rig.host, "APPL_MD_PATH", ROOT "/gr\xfcn");
  fake_set_wide(&rig.host, "UNICODE_APPL_MD_PATH", u"" ROOT "/gr\u00fcn", sizeof ROOT + 4);
  fake_set_wide(&rig.host, "UNICODE_PATH_INFO", u"/gr\u00fcn/x", 8);
  fake_set_wide(&rig.host, "UNICODE_SCRIPT_NAME", u"/gr\u00fcn/x", 8);
  const struct pie_request_info *info = parse_again();
  CHECK_STR(info->script_name, "/gr\xc3\xbcn");
  CHECK_STR(info->path_info, "/x");
  fake_set_wide(&rig.host, "UNICODE_PATH_INFO", u"/GR\u00dcN/x", 8); /* IIS takes it for the same */
  fake_set_wide(&rig.host, "UNICODE_SCRIPT_NAME", u"/GR\u00dcN/x", 8);
  info = parse_again();
  CHECK_STR(info->script_name, "/GR\xc3\x9cN");
  CHECK_STR(info->path_info, "/x");
  fake_set_wide(&rig.host, "UNICODE_PATH_INFO", u"/gr\u00fcne", 7);
  fake_set_wide(&rig.host, "UNICODE_SCRIPT_NAME", u"/gr\u00fcne", 7);
  info = parse_again();
  CHECK_STR(info->script_name, "");
  CHECK_STR(info->path_info, "/gr\xc3\xbcne");
  close_request();
}

static void our_host_has_the_exact_bytes(void) {
  open_request(FAKE_OURS, "GET /%ff HTTP/1.1\r\n\r\n");
  fake_set_wide(&rig.host, "UNICODE_PATH_INFO", u"/wrong", 6);
  fake_set(&rig.host, "SCRIPT_NAME", "/\xff");
  rig.host.ecb.lpszPathInfo = (LPSTR)(uintptr_t) "/\xff";
  CHECK_STR(parse_again()->path_info, "/\xff");
  close_request();
}

static void the_target_has_fallbacks(void) {
  open_request(FAKE_IIS, "GET /a HTTP/1.1\r\n\r\n");
  fake_set(&rig.host, "HTTP_URL", NULL);
  fake_set(&rig.host, "UNENCODED_URL", "/b?c");
  CHECK_STR(parse_again()->target, "/b?c");
  fake_set(&rig.host, "UNENCODED_URL", NULL);
  CHECK_STR(parse_again()->target, "/a");
  close_request();
}

/* ---- the rest ---- */

static void check_scheme(const char *https, const char *secure, const char *want) {
  fake_set(&rig.host, "HTTPS", https);
  fake_set(&rig.host, "SERVER_PORT_SECURE", secure);
  test_context("HTTPS %s, SERVER_PORT_SECURE %s", https ? https : "none", secure ? secure : "none");
  CHECK_STR(parse_again()->scheme, want);
}

static void the_scheme_follows_the_host(void) {
  open_request(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n");
  check_scheme("on", "1", "https");
  check_scheme("ON", NULL, "https");
  check_scheme(NULL, "1", "https");
  check_scheme("off", "0", "http");
  check_scheme("OFF", NULL, "http");
  check_scheme(NULL, NULL, "http");
  check_scheme("", "", "http");
  check_scheme("1", NULL, "https");
  close_request();
}

static void check_local(const char *addr, const char *raw, bool want) {
  fake_set(&rig.host, "REMOTE_ADDR", addr);
  fake_set(&rig.host, "ALL_RAW", raw);
  parse_again();
  test_context("%s with %s", addr ? addr : "none", raw);
  CHECK_INT(pie_request_is_local(rig.request), want);
}

/* Only they see the text of a failure. */
static void who_is_on_this_machine(void) {
  open_request(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n");
  check_local("127.0.0.1", "", true);
  check_local("127.8.9.1", "", true);
  check_local("::1", "", true);
  check_local("::ffff:127.0.0.1", "", true);
  check_local(NULL, "", true); /* a Unix socket */
  check_local("192.0.2.7", "", false);
  check_local("::2", "", false);
  check_local("::ffff:192.0.2.7", "", false);
  check_local("12.7.0.1", "", false);
  check_local("127.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", false);
  check_local("::1", "forwarded: for=x\r\n", false);
  check_local("127.0.0.1", "X-Real-IP: 192.0.2.7\r\n", false);
  check_local("127.0.0.1", "Via: 1.1 proxy\r\n", false);
  check_local("192.0.2.7", "X-Forwarded-For: 127.0.0.1\r\n", false);
  close_request();
}

static void the_application_is_named_by_the_host_or_the_settings(void) {
  char why[256];
  open_request(FAKE_APACHE, "GET / HTTP/1.1\r\n\r\n");
  pie_settings_set(&rig.door->settings, PIE_SET_APP, PIE_STR("a:app"), why, sizeof why);
  CHECK_STR(parse_again()->app, "a:app");
  fake_set(&rig.host, "PYISAPIE_APP", "b:app"); /* SetEnv of this virtual host */
  fake_set(&rig.host, "PYISAPIE_ROOT", "/b");
  fake_set(&rig.host, "PYISAPIE_CONFIG", "/b/x.toml");
  CHECK_STR(parse_again()->app, "b:app");
  CHECK_STR(rig.request->info.root, "/b");
  CHECK_STR(rig.request->info.config, "/b/x.toml");
  close_request();
}

static void the_root_is_the_folder_of_the_site(void) {
  open_request(FAKE_IIS, "GET / HTTP/1.1\r\n\r\n");
  fake_set(&rig.host, "APPL_PHYSICAL_PATH", "C:\\site\\");
  CHECK_STR(parse_again()->root, "C:\\site\\");
  close_request();
  open_request(FAKE_APACHE, "GET / HTTP/1.1\r\n\r\n");
  fake_set(&rig.host, "APPL_PHYSICAL_PATH", "/x");
  CHECK_STR(parse_again()->root, "");
  close_request();
}

/* Our own host tells all at once: it must come out the same, with the same care. */
static void our_host_shares_what_it_knows(void) {
  static const struct pie_isapi_header headers[] = {
      {PIE_STR_INIT("Host"), PIE_STR_INIT("h")},
      {PIE_STR_INIT("Proxy"), PIE_STR_INIT("evil")},
      {PIE_STR_INIT("X_Y"), PIE_STR_INIT("spoofed")},
      {PIE_STR_INIT("X-Y"), PIE_STR_INIT("real")},
  };
  const struct pie_isapi_request shared = {.size = sizeof shared,
                                           .method = PIE_STR("PUT"),
                                           .query = PIE_STR("q"),
                                           .secure = true,
                                           .target = PIE_STR("/t?q"),
                                           .path = PIE_STR("/p"),
                                           .protocol = PIE_STR("HTTP/1.1"),
                                           .server_name = PIE_STR("n"),
                                           .server_port = PIE_STR("1"),
                                           .server_software = PIE_STR("s"),
                                           .remote_addr = PIE_STR("a"),
                                           .remote_port = PIE_STR("2"),
                                           .remote_user = PIE_STR("u"),
                                           .auth_type = PIE_STR("y"),
                                           .content_type = PIE_STR("c"),
                                           .content_length = 7,
                                           .headers = headers,
                                           .header_count = 4};
  open_request(FAKE_OURS, "PUT /x?q HTTP/1.1\r\n\r\n");
  rig.host.shared = &shared;
  const struct pie_request_info *info = parse_again();
  CHECK_INT(info->header_count, 2);
  CHECK_STR(info->headers[1].name, "X-Y");
  CHECK_STR(info->headers[1].value, "real");
  CHECK_STR(info->method, "PUT");
  CHECK_STR(info->query, "q");
  CHECK_STR(info->target, "/t?q");
  CHECK_STR(info->script_name, "");
  CHECK_STR(info->path_info, "/p");
  CHECK_STR(info->scheme, "https");
  CHECK_STR(info->remote_user, "u");
  CHECK_INT(info->content_length, 7);
  struct pie_isapi_request other = shared;
  other.size++; /* another version of it: not ours to read */
  rig.host.shared = &other;
  CHECK_STR(parse_again()->path_info, "/x");
  close_request();
}

static const struct test_case cases[] = {
    CASE(a_request_has_its_parts),
    CASE(null_pointers_are_empty_texts),
    CASE(header_fields_come_in_order),
    CASE(unsafe_fields_are_dropped),
    CASE(many_fields_have_an_end),
    CASE(fields_that_do_not_fit_are_not_dropped_in_silence),
    CASE(fields_are_found_in_any_case),
    CASE(paths_of_iis_are_split_at_the_application),
    CASE(script_maps_keep_their_script),
    CASE(allow_path_info_gives_the_rest_only),
    CASE(paths_of_mod_isapi_are_split_already),
    CASE(an_alias_of_the_door_tells_where_the_site_begins),
    CASE(script_name_splits_anew),
    CASE(the_wide_path_is_preferred_on_iis),
    CASE(the_wide_mount_is_preferred_on_iis),
    CASE(our_host_has_the_exact_bytes),
    CASE(the_target_has_fallbacks),
    CASE(the_scheme_follows_the_host),
    CASE(who_is_on_this_machine),
    CASE(the_application_is_named_by_the_host_or_the_settings),
    CASE(the_root_is_the_folder_of_the_site),
    CASE(our_host_shares_what_it_knows),
};
TEST_MAIN(cases)
