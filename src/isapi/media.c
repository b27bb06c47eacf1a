/* SPDX-License-Identifier: Apache-2.0 */
#include "isapi/media.h"

#include <stdlib.h>
#include <string.h>

/* Sorted by the extension. Text is UTF-8, whatever it may have been once. */
static const struct pie_media table[] = {
    {"7z", "application/x-7z-compressed", false},
    {"aac", "audio/aac", false},
    {"ai", "application/postscript", true},
    {"apng", "image/apng", false},
    {"atom", "application/atom+xml", true},
    {"avi", "video/x-msvideo", false},
    {"avif", "image/avif", false},
    {"bmp", "image/bmp", true},
    {"bz2", "application/x-bzip2", false},
    {"cjs", "text/javascript; charset=utf-8", true},
    {"css", "text/css; charset=utf-8", true},
    {"csv", "text/csv; charset=utf-8", true},
    {"cur", "image/x-icon", true},
    {"doc", "application/msword", true},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
    {"eot", "application/vnd.ms-fontobject", true},
    {"eps", "application/postscript", true},
    {"epub", "application/epub+zip", false},
    {"flac", "audio/flac", false},
    {"geojson", "application/geo+json", true},
    {"gif", "image/gif", false},
    {"glb", "model/gltf-binary", true},
    {"gltf", "model/gltf+json", true},
    {"gpx", "application/gpx+xml", true},
    {"gz", "application/gzip", false},
    {"heic", "image/heic", false},
    {"htm", "text/html; charset=utf-8", true},
    {"html", "text/html; charset=utf-8", true},
    {"ico", "image/x-icon", true},
    {"ics", "text/calendar; charset=utf-8", true},
    {"jar", "application/java-archive", false},
    {"jpeg", "image/jpeg", false},
    {"jpg", "image/jpeg", false},
    {"js", "text/javascript; charset=utf-8", true},
    {"json", "application/json", true},
    {"jsonld", "application/ld+json", true},
    {"jxl", "image/jxl", false},
    {"kml", "application/vnd.google-earth.kml+xml", true},
    {"m3u8", "application/vnd.apple.mpegurl", true},
    {"m4a", "audio/mp4", false},
    {"m4v", "video/mp4", false},
    {"map", "application/json", true},
    {"markdown", "text/markdown; charset=utf-8", true},
    {"md", "text/markdown; charset=utf-8", true},
    {"mid", "audio/midi", true},
    {"midi", "audio/midi", true},
    {"mjs", "text/javascript; charset=utf-8", true},
    {"mkv", "video/x-matroska", false},
    {"mov", "video/quicktime", false},
    {"mp3", "audio/mpeg", false},
    {"mp4", "video/mp4", false},
    {"mpd", "application/dash+xml", true},
    {"mpeg", "video/mpeg", false},
    {"mpg", "video/mpeg", false},
    {"obj", "model/obj", true},
    {"odg", "application/vnd.oasis.opendocument.graphics", false},
    {"odp", "application/vnd.oasis.opendocument.presentation", false},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet", false},
    {"odt", "application/vnd.oasis.opendocument.text", false},
    {"oga", "audio/ogg", false},
    {"ogg", "audio/ogg", false},
    {"ogv", "video/ogg", false},
    {"opus", "audio/ogg", false},
    {"otf", "font/otf", true},
    {"pdf", "application/pdf", false},
    {"png", "image/png", false},
    {"ppt", "application/vnd.ms-powerpoint", true},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", false},
    {"ps", "application/postscript", true},
    {"rar", "application/vnd.rar", false},
    {"rss", "application/rss+xml", true},
    {"rtf", "application/rtf", true},
    {"sql", "application/sql", true},
    {"stl", "model/stl", true},
    {"svg", "image/svg+xml", true},
    {"tar", "application/x-tar", true},
    {"text", "text/plain; charset=utf-8", true},
    {"tgz", "application/gzip", false},
    {"tif", "image/tiff", true},
    {"tiff", "image/tiff", true},
    {"ts", "video/mp2t", false},
    {"tsv", "text/tab-separated-values; charset=utf-8", true},
    {"ttc", "font/collection", true},
    {"ttf", "font/ttf", true},
    {"txt", "text/plain; charset=utf-8", true},
    {"vcf", "text/vcard; charset=utf-8", true},
    {"vtt", "text/vtt; charset=utf-8", true},
    {"wasm", "application/wasm", true},
    {"wav", "audio/wav", true},
    {"weba", "audio/webm", false},
    {"webm", "video/webm", false},
    {"webmanifest", "application/manifest+json", true},
    {"webp", "image/webp", false},
    {"woff", "font/woff", false},
    {"woff2", "font/woff2", false},
    {"xhtml", "application/xhtml+xml", true},
    {"xls", "application/vnd.ms-excel", true},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false},
    {"xml", "application/xml", true},
    {"xsd", "application/xml", true},
    {"xsl", "application/xslt+xml", true},
    {"xslt", "application/xslt+xml", true},
    {"xz", "application/x-xz", false},
    {"yaml", "application/yaml", true},
    {"yml", "application/yaml", true},
    {"zip", "application/zip", false},
    {"zst", "application/zstd", false},
};

static const struct pie_media unknown = {"", "application/octet-stream", false};

enum { EXTENSION_MAX = 15 };

static int compare(const void *key, const void *row) {
  return strcmp(key, ((const struct pie_media *)row)->extension);
}

const struct pie_media *pie_media_find(struct pie_str extension) {
  char key[EXTENSION_MAX + 1];
  if (extension.n > EXTENSION_MAX)
    return &unknown;
  for (size_t i = 0; i < extension.n; i++)
    key[i] = pie_ascii_lower(extension.p[i]);
  key[extension.n] = '\0';
  const struct pie_media *found =
      bsearch(key, table, sizeof table / sizeof table[0], sizeof table[0], compare);
  return found ? found : &unknown;
}
