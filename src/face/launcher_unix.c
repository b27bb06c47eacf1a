/* SPDX-License-Identifier: Apache-2.0
 *
 * The program bin/pyisapie of a bundle: becomes the bundle's Python, wherever the bundle lies.
 * -I: no variable of the environment and no package of the user changes what runs.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char python_file[] = "/python/bin/python3"; /* from the bundle's folder */

static char *parent(char *path) {
  char *slash = strrchr(path, '/');
  if (slash)
    *slash = '\0';
  return path;
}

static int find_python(char *out, size_t size) {
  char self[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n < 0)
    return -1;
  self[n] = '\0';
  int used = snprintf(out, size, "%s%s", parent(parent(self)), python_file);
  return used < 0 || (size_t)used >= size ? -1 : 0;
}

int main(int count, char **args) {
  static char python[PATH_MAX], isolated[] = "-I", module[] = "-m", name[] = "pyisapie";
  char **words = calloc((size_t)count + 5, sizeof *words);
  if (!words || find_python(python, sizeof python)) {
    fprintf(stderr, "pyisapie: this program's own folder cannot be found: is /proc mounted?\n");
    return 1;
  }
  char *first[] = {python, isolated, module, name};
  memcpy(words, first, sizeof first);
  for (int i = 1; i < count; i++)
    words[3 + i] = args[i];
  execv(python, words);
  fprintf(stderr, "pyisapie: %s cannot be run: unpack the whole bundle again. ", python);
  perror("The system says");
  return 1;
}
