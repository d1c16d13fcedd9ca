/* Preloaded: file operations below $EIO_BELOW fail with EIO while the file $EIO_SWITCH names them ("write" or "fsync").
 * Each failure appends a byte to $EIO_SWITCH.failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int fails(int fd, const char *operation) {
    const char *below = getenv("EIO_BELOW"), *name = getenv("EIO_SWITCH");
    char link[64], path[4096], said[16], failed[4096];
    if (!below || !name) return 0;
    int saved = errno;
    int control = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    if (control < 0) { errno = saved; return 0; }
    ssize_t n = syscall(SYS_read, control, said, sizeof said - 1);
    syscall(SYS_close, control);
    errno = saved;
    if (n <= 0) return 0;
    said[n] = 0;
    if (strcmp(said, operation) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (n <= 0) return 0;
    path[n] = 0;
    if (strncmp(path, below, strlen(below)) != 0) return 0;
    snprintf(failed, sizeof failed, "%s.failed", name);
    int count = syscall(SYS_openat, AT_FDCWD, failed, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (count >= 0) {
        syscall(SYS_write, count, "x", 1);
        syscall(SYS_close, count);
    }
    errno = EIO;
    return 1;
}

#define WRAP(operation, type, name, parameters, arguments)      \
    type name parameters {                                      \
        static type(*real) parameters;                          \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);   \
        if (fails(fd, operation)) return -1;                    \
        return real arguments;                                  \
    }

WRAP("write", ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
WRAP("write", ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP("write", ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
WRAP("write", ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
WRAP("write", ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t o), (fd, v, n, o))
WRAP("write", ssize_t, pwritev64, (int fd, const struct iovec *v, int n, off64_t o), (fd, v, n, o))
WRAP("fsync", int, fsync, (int fd), (fd))
WRAP("fsync", int, fdatasync, (int fd), (fd))
