/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd-signal PIDFILE shutdown|restart
 *
 * "httpd -k" knows only services that are installed; a httpd in the foreground waits for these events.
 */
#include <stdio.h>
#include <windows.h>

int main(int argc, char **argv) {
    char name[64];
    unsigned long pid;
    FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
    HANDLE event;

    if (!file || fscanf(file, "%lu", &pid) != 1) {
        fprintf(stderr, "usage: httpd-signal PIDFILE shutdown|restart\n");
        return 2;
    }
    snprintf(name, sizeof name, "ap%lu_%s", pid, argv[2]);
    event = OpenEventA(EVENT_MODIFY_STATE, FALSE, name);
    if (!event) {
        fprintf(stderr, "there is no event %s: error %lu\n", name, GetLastError());
        return 1;
    }
    return !SetEvent(event);
}
