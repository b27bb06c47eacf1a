/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target on all files of the folders that are given: what has been found once stays
 * found. Needs no fuzzing compiler.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 22 };

static int replayed;

static void replay(const char *path) {
  static uint8_t space[FILE_MAX];
  FILE *file = fopen(path, "rb");
  if (!file) {
    printf("cannot read %s\n", path);
    exit(1);
  }
  size_t n = fread(space, 1, sizeof space, file);
  fclose(file);
  uint8_t *bytes = malloc(n ? n : 1); /* of its exact size */
  if (!bytes)
    exit(1);
  memcpy(bytes, space, n);
  printf("%s\n", path);
  fflush(stdout);
  LLVMFuzzerTestOneInput(bytes, n);
  free(bytes);
  replayed++;
}

static void replay_folder(const char *folder) {
  DIR *dir = opendir(folder);
  if (!dir)
    return; /* no input has been found yet */
  for (struct dirent *entry; (entry = readdir(dir));) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (entry->d_name[0] != '.')
      replay(path);
  }
  closedir(dir);
}

int main(int count, char **args) {
  for (int i = 1; i < count; i++)
    replay_folder(args[i]);
  LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
  printf("%d passed, 0 failed\n", replayed + 1);
  return replayed ? 0 : 1; /* an empty corpus is a mistake in a path */
}
