// Preloaded into the relay: while the file named by FAILING_DISK_TRIGGER exists, every sync or write below
// the folder FAILING_DISK_FOLDER fails. The trigger's first line says what: "sync" or "write"; its second the
// errno.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int below_folder(int fd) {
    char link[64], path[4096];
    const char* folder = getenv("FAILING_DISK_FOLDER");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || folder == NULL) return 0;
    path[length] = '\0';
    return strncmp(path, folder, strlen(folder)) == 0;
}

// The errno to fail with, or 0.
static int fails(int fd, const char* what) {
    const char* trigger = getenv("FAILING_DISK_TRIGGER");
    if (trigger == NULL || access(trigger, F_OK) != 0 || !below_folder(fd)) return 0;
    char kind[16] = "";
    int number = 0;
    FILE* file = fopen(trigger, "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%15s %d", kind, &number) != 2) number = 0;
    fclose(file);
    return strcmp(kind, what) == 0 ? number : 0;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_OR(what, call)                 \
    do {                                    \
        const int number = fails(fd, what); \
        if (number != 0) {                  \
            errno = number;                 \
            return -1;                      \
        }                                   \
        return call;                        \
    } while (0)

int fdatasync(int fd) {
    FAIL_OR("sync", NEXT(fdatasync)(fd));
}
int fsync(int fd) {
    FAIL_OR("sync", NEXT(fsync)(fd));
}
int sync_file_range(int fd, off64_t at, off64_t size, unsigned flags) {
    FAIL_OR("sync", NEXT(sync_file_range)(fd, at, size, flags));
}
ssize_t write(int fd, const void* data, size_t size) {
    FAIL_OR("write", NEXT(write)(fd, data, size));
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
    FAIL_OR("write", NEXT(pwrite)(fd, data, size, at));
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
    FAIL_OR("write", NEXT(pwrite64)(fd, data, size, at));
}
ssize_t writev(int fd, const struct iovec* parts, int count) {
    FAIL_OR("write", NEXT(writev)(fd, parts, count));
}
ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
    FAIL_OR("write", NEXT(pwritev)(fd, parts, count, at));
}
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
    FAIL_OR("write", NEXT(pwritev64)(fd, parts, count, at));
}
