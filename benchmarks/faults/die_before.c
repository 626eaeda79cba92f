/* Loaded before the C library (LD_PRELOAD): counts the operations that change files below a folder,
 * whoever makes them - Python, TensorFlow, PyTorch - and kills the process before a chosen one.
 *
 * An operation is: open a file for writing, rename, remove, make or remove a folder, link, cut.
 * Unarmed, as in every process until it calls faults_arm(), all calls go through.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX] = "";
static long before = 0, seen = 0;
static int trace = -1;

/* Kills before operation `number` (from 1; 0: none) below `below`; writes a line for each operation
 * to the descriptor `to`. */
void faults_arm(const char *below, long number, int to) {
    strncpy(folder, below, sizeof folder - 1);
    before = number;
    seen = 0;
    trace = to;
}

static int is_below(const char *path) {
    char absolute[PATH_MAX * 2] = "";
    size_t length = strlen(folder);
    if (!length || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(absolute, PATH_MAX)) return 0;
        strcat(absolute, "/");
    }
    strncat(absolute, path, PATH_MAX - 1);
    return !strncmp(absolute, folder, length) && (!absolute[length] || absolute[length] == '/');
}

static void operation(const char *name, const char *path, const char *other) {
    char line[PATH_MAX + 64];
    int length;
    if (!is_below(path) && !is_below(other)) return;
    pthread_mutex_lock(&lock);
    seen++;
    length = snprintf(line, sizeof line, "%s %s\n", name, is_below(path) ? path : other);
    if (write(trace, line, (size_t)length) != length) _exit(70);
    if (seen == before) kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&lock);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND))
#define MODE(mode, flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    }

#define OPEN(function) \
    int function(const char *path, int flags, ...) { \
        REAL(int, #function, const char *, int, ...); \
        MODE(mode, flags) \
        if (WRITES(flags)) operation("open", path, NULL); \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(function) \
    int function(int at, const char *path, int flags, ...) { \
        REAL(int, #function, int, const char *, int, ...); \
        MODE(mode, flags) \
        if (WRITES(flags)) operation("open", path, NULL); \
        return real(at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(function) \
    FILE *function(const char *path, const char *mode) { \
        REAL(FILE *, #function, const char *, const char *); \
        if (strpbrk(mode, "wa+")) operation("open", path, NULL); \
        return real(path, mode); \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define ON_ONE(function) \
    int function(const char *path) { \
        REAL(int, #function, const char *); \
        operation(#function, path, NULL); \
        return real(path); \
    }
ON_ONE(unlink)
ON_ONE(rmdir)
ON_ONE(remove)

#define ON_TWO(function) \
    int function(const char *path, const char *other) { \
        REAL(int, #function, const char *, const char *); \
        operation(#function, path, other); \
        return real(path, other); \
    }
ON_TWO(rename)
ON_TWO(link)
ON_TWO(symlink)

#define TRUNCATE(function, type) \
    int function(const char *path, type length) { \
        REAL(int, #function, const char *, type); \
        operation("truncate", path, NULL); \
        return real(path, length); \
    }
TRUNCATE(truncate, off_t)
TRUNCATE(truncate64, off64_t)

int unlinkat(int at, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    operation("unlinkat", path, NULL);
    return real(at, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    operation("mkdir", path, NULL);
    return real(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    operation("mkdir", path, NULL);
    return real(at, path, mode);
}

int renameat(int from, const char *path, int to, const char *other) {
    REAL(int, "renameat", int, const char *, int, const char *);
    operation("rename", path, other);
    return real(from, path, to, other);
}

int linkat(int from, const char *path, int to, const char *other, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    operation("link", path, other);
    return real(from, path, to, other, flags);
}
