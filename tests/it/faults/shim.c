/*
 * Disk faults and power cuts for the program under test, by LD_PRELOAD.
 *
 * JIESU_FAULT_DIR      files below it are watched (an existing directory, as an absolute path without links)
 * JIESU_FAULT_CONTROL  a file of 16 native int64, mapped and read at every call: see `enum control`
 * JIESU_FAULT_CLOCK_S  optional: the machine's clock is so many seconds ahead
 * JIESU_FAULT_SHADOW   optional: a directory that holds at every moment what a power cut would leave
 *
 * The shadow is pessimistic. A write is remembered as a dirty range of its inode, and reaches SHADOW/inodes/N only when
 * an fsync of that inode succeeds. A name (created, renamed, removed) reaches SHADOW/tree, as a hard link to that inode,
 * only when its directory is fsynced. An fsync that fails forgets its dirty ranges, as the Linux page cache does, and as
 * there, every descriptor that was open then hears of it once, at its own next fsync.
 * SQLite's -shm file, which is rebuilt after a crash and written through mmap, is left out.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum control {
    FSYNC_DELAY_MS, /* every fsync takes this much longer */
    FSYNC_ERRORS,   /* so many fsyncs fail with EIO; -1: all */
    SPACE,          /* bytes until ENOSPC; -1: endless */
    SPACE_COUNTS,   /* 0: bytes that make a file grow, as on a full disk; 1: every byte written */
    TEAR_PERCENT,   /* so many of the unsynced 512-byte sectors reach the shadow all the same */
    LAX_NAMES,      /* 1: a file's own fsync makes its name durable too (ext4 does; POSIX does not promise it) */
    FSYNCS,         /* out: fsyncs that succeeded */
    FSYNCS_FAILED,  /* out: fsyncs that were failed on purpose */
    WRITES,         /* out: writes */
    WRITES_FAILED,  /* out: writes that were failed on purpose */
};

#define SECTOR 512
#define MAX_RANGES 65536

struct range { off_t from, to; };
struct inode {
    ino_t number;
    pthread_mutex_t syncing; /* one fsync at a time: the second must not return before the first one's copy is done */
    struct range *ranges;
    size_t count, room;
    int whole;
    int64_t errors; /* fsyncs that failed so far */
    struct inode *next;
};

static const char *watched, *shadow;
static time_t ahead;
static volatile int64_t *control;
static struct inode *inodes[1024];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t no_control[16] = { [SPACE] = -1 };
static int64_t heard[65536]; /* by descriptor: the inode's errors that it was told of */

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol) abort();
    return symbol;
}

__attribute__((constructor)) static void start(void) {
    control = no_control;
    watched = getenv("JIESU_FAULT_DIR");
    shadow = getenv("JIESU_FAULT_SHADOW");
    const char *clock = getenv("JIESU_FAULT_CLOCK_S");
    if (clock) ahead = atol(clock);
    const char *path = getenv("JIESU_FAULT_CONTROL");
    if (!path) return;
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    void *map = mmap(NULL, sizeof no_control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) abort();
    close(fd);
    control = map;
}

/* The path below the watched directory, "" for itself, NULL for others. */
static const char *below(const char *path) {
    if (!watched) return NULL;
    size_t length = strlen(watched), whole = strlen(path);
    if (strncmp(path, watched, length) != 0 || (path[length] != '/' && path[length] != 0)) return NULL;
    if (whole > 4 && strcmp(path + whole - 4, "-shm") == 0) return NULL;
    return path + length + (path[length] == '/');
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* Callers hold the lock. */
static struct inode *find(ino_t number, int make) {
    struct inode **at = &inodes[number % 1024];
    while (*at && (*at)->number != number) at = &(*at)->next;
    if (!*at && make) {
        *at = calloc(1, sizeof **at);
        (*at)->number = number;
        pthread_mutex_init(&(*at)->syncing, NULL);
    }
    return *at;
}

static struct inode *watched_inode(int fd, struct stat *status) {
    int saved = errno;
    struct inode *inode = NULL;
    if (watched && fstat(fd, status) == 0 && S_ISREG(status->st_mode)) {
        pthread_mutex_lock(&lock);
        inode = find(status->st_ino, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = saved;
    return inode;
}

static void inode_path(ino_t number, char *path) {
    snprintf(path, PATH_MAX, "%s/inodes/%llu", shadow, (unsigned long long)number);
}

static void dirty(struct inode *inode, off_t from, off_t to) {
    if (from >= to) return;
    pthread_mutex_lock(&lock);
    struct range *last = inode->count ? &inode->ranges[inode->count - 1] : NULL;
    if (last && from >= last->from && from <= last->to) {
        if (to > last->to) last->to = to;
    } else if (inode->count == MAX_RANGES) {
        inode->whole = 1;
    } else {
        if (inode->count == inode->room) {
            inode->room = inode->room ? inode->room * 2 : 64;
            inode->ranges = realloc(inode->ranges, inode->room * sizeof *inode->ranges);
        }
        inode->ranges[inode->count++] = (struct range){ from, to };
    }
    pthread_mutex_unlock(&lock);
}

static int open_shadow(ino_t number) {
    char path[PATH_MAX];
    inode_path(number, path);
    return REAL(open)(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void copy(int from, int to, off_t at, off_t end) {
    char buffer[65536];
    while (at < end) {
        size_t want = end - at < (off_t)sizeof buffer ? (size_t)(end - at) : sizeof buffer;
        ssize_t got = pread(from, buffer, want, at);
        if (got <= 0) return;
        if (REAL(pwrite)(to, buffer, got, at) != got) abort();
        at += got;
    }
}

/*
 * A descriptor to read what `fd` has written. It is `fd` itself where that can read: closing another descriptor of the
 * same file would drop the process's POSIX locks on it, which SQLite relies on.
 */
static int readable(int fd) {
    char path[64];
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY) return fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return REAL(open)(path, O_RDONLY | O_CLOEXEC);
}

/* Data of `fd` that was dirty when the fsync began is now durable. */
static void persist(int fd, struct inode *inode, const struct range *ranges, size_t count, int whole) {
    struct stat status;
    int from = readable(fd), to = open_shadow(inode->number);
    if (from < 0 || to < 0 || fstat(from, &status) != 0) abort();
    if (whole) copy(from, to, 0, status.st_size);
    for (size_t i = 0; i < count && !whole; i++) copy(from, to, ranges[i].from, ranges[i].to);
    if (REAL(ftruncate)(to, status.st_size) != 0) abort();
    if (from != fd) close(from);
    close(to);
}

static void durable_name(const char *name, ino_t number) {
    char inode[PATH_MAX], target[PATH_MAX];
    struct stat have;
    inode_path(number, inode);
    snprintf(target, sizeof target, "%s/tree/%s", shadow, name);
    close(open_shadow(number)); /* a name whose file was never fsynced: an empty file */
    struct stat want;
    if (stat(inode, &want) == 0 && stat(target, &have) == 0 && have.st_ino == want.st_ino) return;
    REAL(unlink)(target);
    if (link(inode, target) != 0) abort();
}

static void make_directories(char *path) {
    for (char *slash = strchr(path + strlen(shadow) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    mkdir(path, 0700);
}

/* The directory's names are now durable: makes SHADOW/tree/`name` list what the real one lists. */
static void persist_directory(const char *path, const char *name) {
    char target[PATH_MAX], entry[PATH_MAX];
    struct stat status;
    snprintf(target, sizeof target, *name ? "%s/tree/%s" : "%s/tree", shadow, name);
    make_directories(target);
    DIR *directory = opendir(path);
    for (struct dirent *at; directory && (at = readdir(directory));) {
        if (!strcmp(at->d_name, ".") || !strcmp(at->d_name, "..")) continue;
        snprintf(entry, sizeof entry, "%s/%s", path, at->d_name);
        if (lstat(entry, &status) != 0 || !below(entry)) continue;
        if (S_ISREG(status.st_mode)) durable_name(below(entry), status.st_ino);
        if (S_ISDIR(status.st_mode)) {
            snprintf(entry, sizeof entry, "%s/%s", target, at->d_name);
            mkdir(entry, 0700);
        }
    }
    if (directory) closedir(directory);
    directory = opendir(target);
    for (struct dirent *at; directory && (at = readdir(directory));) {
        if (!strcmp(at->d_name, ".") || !strcmp(at->d_name, "..")) continue;
        snprintf(entry, sizeof entry, "%s/%s", path, at->d_name);
        if (lstat(entry, &status) == 0) continue;
        snprintf(entry, sizeof entry, "%s/%s", target, at->d_name);
        REAL(unlink)(entry);
    }
    if (directory) closedir(directory);
}

static int sync_fails(void) {
    int64_t left = control[FSYNC_ERRORS];
    if (left == 0) return 0;
    if (left > 0) __sync_fetch_and_sub(&control[FSYNC_ERRORS], 1);
    __sync_fetch_and_add(&control[FSYNCS_FAILED], 1);
    return 1;
}

static void delay(void) {
    int64_t ms = control[FSYNC_DELAY_MS];
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
    if (ms > 0) nanosleep(&pause, NULL);
}

static int synchronise(int fd, int (*sync)(int)) {
    char path[PATH_MAX];
    struct stat status;
    if (!watched || fstat(fd, &status) != 0) return sync(fd);
    if (S_ISDIR(status.st_mode)) {
        if (!path_of(fd, path) || !below(path)) return sync(fd);
        delay();
        if (sync_fails()) return errno = EIO, -1;
        int result = sync(fd);
        if (result == 0 && shadow) {
            pthread_mutex_lock(&lock);
            persist_directory(path, below(path));
            pthread_mutex_unlock(&lock);
        }
        return result;
    }
    struct inode *inode = watched_inode(fd, &status);
    if (!inode) return sync(fd);
    pthread_mutex_lock(&inode->syncing);
    pthread_mutex_lock(&lock);
    struct range *ranges = inode->ranges;
    size_t count = inode->count;
    int whole = inode->whole;
    inode->ranges = NULL;
    inode->count = inode->room = 0;
    inode->whole = 0;
    pthread_mutex_unlock(&lock);
    delay();
    int failed = sync_fails(), result = failed ? -1 : sync(fd), saved = failed ? EIO : errno;
    inode->errors += failed;
    int unheard = fd < 65536 && heard[fd] < inode->errors;
    if (unheard) heard[fd] = inode->errors;
    if (result == 0) {
        __sync_fetch_and_add(&control[FSYNCS], 1);
        if (shadow) {
            persist(fd, inode, ranges, count, whole);
            if (control[LAX_NAMES] && path_of(fd, path) && below(path)) {
                pthread_mutex_lock(&lock);
                durable_name(below(path), inode->number);
                pthread_mutex_unlock(&lock);
            }
        }
    }
    free(ranges);
    pthread_mutex_unlock(&inode->syncing);
    errno = unheard ? EIO : saved;
    return unheard ? -1 : result;
}

int fsync(int fd) { return synchronise(fd, REAL(fsync)); }
int fdatasync(int fd) { return synchronise(fd, REAL(fdatasync)); }

/* The time of day; what runs since the machine started is left alone. */
int clock_gettime(clockid_t which, struct timespec *time) {
    static int (*asked)(clockid_t, struct timespec *);
    if (!asked) asked = REAL(clock_gettime);
    int result = asked(which, time);
    if (result == 0 && which == CLOCK_REALTIME) time->tv_sec += ahead;
    return result;
}

/* Removing gives room back. */
int unlink(const char *path) {
    struct stat status;
    int counts = watched && control[SPACE] >= 0 && below(path) && lstat(path, &status) == 0 && S_ISREG(status.st_mode);
    int result = REAL(unlink)(path);
    if (result == 0 && counts) __sync_fetch_and_add(&control[SPACE], status.st_size);
    return result;
}

/* Opening. */

static int opened(int fd, int flags, int existed) {
    char path[PATH_MAX];
    struct stat status;
    int saved = errno;
    if (fd >= 0 && watched && path_of(fd, path) && below(path) && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        pthread_mutex_lock(&lock);
        struct inode *inode = find(status.st_ino, 1);
        if (!existed) { /* a new file may get the inode number of a removed one */
            inode->count = 0;
            inode->whole = 0;
            if (shadow) {
                inode_path(status.st_ino, path);
                REAL(unlink)(path);
            }
        }
        if (flags & O_TRUNC && existed) inode->whole = 1;
        if (!existed) inode->errors = 0;
        if (fd < 65536) heard[fd] = inode->errors;
        pthread_mutex_unlock(&lock);
    }
    errno = saved;
    return fd;
}

static int exists(int directory, const char *path) {
    struct stat status;
    int saved = errno, found = fstatat(directory, path, &status, 0) == 0;
    errno = saved;
    return found;
}

#define OPEN(name)                                                                \
    int name(const char *path, int flags, ...) {                                  \
        va_list more;                                                             \
        va_start(more, flags);                                                    \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                             \
        int existed = !(flags & O_CREAT) || exists(AT_FDCWD, path);               \
        return opened(REAL(name)(path, flags, mode), flags, existed);             \
    }
#define OPENAT(name)                                                              \
    int name(int directory, const char *path, int flags, ...) {                   \
        va_list more;                                                             \
        va_start(more, flags);                                                    \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                             \
        int existed = !(flags & O_CREAT) || exists(directory, path);              \
        return opened(REAL(name)(directory, path, flags, mode), flags, existed);  \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode) { return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

/* Writing. */

/* How much of a write the disk has room for; -1 with ENOSPC when none. */
static ssize_t room(const struct stat *status, off_t at, size_t length) {
    __sync_fetch_and_add(&control[WRITES], 1);
    if (control[SPACE] < 0) return length;
    off_t free_until = control[SPACE_COUNTS] ? at : status->st_size;
    off_t grows = at + (off_t)length > free_until ? at + (off_t)length - free_until : 0;
    if (grows > (off_t)length) grows = length;
    int64_t left = control[SPACE];
    for (;;) {
        int64_t take = left < grows ? left : grows;
        if (grows > 0 && take == 0 && grows == (off_t)length) {
            __sync_fetch_and_add(&control[WRITES_FAILED], 1);
            return errno = ENOSPC, -1;
        }
        if (__sync_bool_compare_and_swap(&control[SPACE], left, left - take)) return length - (grows - take);
        left = control[SPACE];
    }
}

static void tear(int fd, struct inode *inode, off_t from, off_t to) {
    static unsigned seed = 1;
    if (!shadow || control[TEAR_PERCENT] <= 0) return;
    int saved = errno, source = readable(fd), target = open_shadow(inode->number);
    if (source < 0 || target < 0) abort();
    pthread_mutex_lock(&lock);
    for (off_t at = from; at < to;) {
        off_t end = (at / SECTOR + 1) * SECTOR;
        if (end > to) end = to;
        if (rand_r(&seed) % 100 < control[TEAR_PERCENT]) copy(source, target, at, end);
        at = end;
    }
    pthread_mutex_unlock(&lock);
    if (source != fd) close(source);
    close(target);
    errno = saved;
}

static ssize_t written(int fd, struct inode *inode, off_t at, ssize_t length) {
    if (length <= 0) return length;
    dirty(inode, at, at + length);
    tear(fd, inode, at, at + length);
    int saved = errno, flags = fcntl(fd, F_GETFL);
    if (flags & O_DSYNC && synchronise(fd, REAL(fdatasync)) != 0) return -1;
    errno = saved;
    return length;
}

static off_t position(int fd, const struct stat *status) {
    return fcntl(fd, F_GETFL) & O_APPEND ? status->st_size : lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t length) {
    struct stat status;
    struct inode *inode = watched_inode(fd, &status);
    if (!inode) return REAL(write)(fd, data, length);
    off_t at = position(fd, &status);
    ssize_t fits = room(&status, at, length);
    return fits < 0 ? -1 : written(fd, inode, at, REAL(write)(fd, data, fits));
}

#define PWRITE(name, offset)                                                               \
    ssize_t name(int fd, const void *data, size_t length, offset at) {                     \
        struct stat status;                                                                \
        struct inode *inode = watched_inode(fd, &status);                                  \
        if (!inode) return REAL(name)(fd, data, length, at);                               \
        ssize_t fits = room(&status, at, length);                                          \
        return fits < 0 ? -1 : written(fd, inode, at, REAL(name)(fd, data, fits, at));     \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

static size_t total(const struct iovec *parts, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
    return bytes;
}

/* A vector that does not fit whole is cut after its first part: callers must cope with short writes anyway. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct stat status;
    struct inode *inode = watched_inode(fd, &status);
    if (!inode) return REAL(writev)(fd, parts, count);
    off_t at = position(fd, &status);
    if (control[SPACE] >= 0 && count > 0) return write(fd, parts[0].iov_base, parts[0].iov_len);
    room(&status, at, total(parts, count));
    return written(fd, inode, at, REAL(writev)(fd, parts, count));
}

#define PWRITEV(name, pwrite_name, offset)                                                                          \
    ssize_t name(int fd, const struct iovec *parts, int count, offset at) {                                         \
        struct stat status;                                                                                         \
        struct inode *inode = watched_inode(fd, &status);                                                           \
        if (!inode) return REAL(name)(fd, parts, count, at);                                                        \
        if (control[SPACE] >= 0 && count > 0) return pwrite_name(fd, parts[0].iov_base, parts[0].iov_len, at);      \
        room(&status, at, total(parts, count));                                                                     \
        return written(fd, inode, at, REAL(name)(fd, parts, count, at));                                            \
    }
PWRITEV(pwritev, pwrite, off_t)
PWRITEV(pwritev64, pwrite64, off64_t)

#define FTRUNCATE(name, offset)                                             \
    int name(int fd, offset length) {                                       \
        struct stat status;                                                 \
        struct inode *inode = watched_inode(fd, &status);                   \
        int result = REAL(name)(fd, length);                                \
        if (inode && result == 0) dirty(inode, length, status.st_size);     \
        return result;                                                      \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

#define FALLOCATE(name, offset)                                                                         \
    int name(int fd, int mode, offset at, offset length) {                                              \
        struct stat status;                                                                             \
        struct inode *inode = watched_inode(fd, &status);                                               \
        if (inode && control[SPACE] >= 0 && control[SPACE] < length) return errno = ENOSPC, -1;         \
        int result = REAL(name)(fd, mode, at, length);                                                  \
        if (inode && result == 0) dirty(inode, at, at + length);                                        \
        return result;                                                                                  \
    }
FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)

#define POSIX_FALLOCATE(name, offset)                                                            \
    int name(int fd, offset at, offset length) {                                                 \
        struct stat status;                                                                      \
        struct inode *inode = watched_inode(fd, &status);                                        \
        if (inode && control[SPACE] >= 0 && control[SPACE] < length) return ENOSPC;              \
        int result = REAL(name)(fd, at, length);                                                 \
        if (inode && result == 0) dirty(inode, at, at + length);                                 \
        return result;                                                                           \
    }
POSIX_FALLOCATE(posix_fallocate, off_t)
POSIX_FALLOCATE(posix_fallocate64, off64_t)

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    struct stat status;
    struct inode *inode = watched_inode(to, &status);
    if (!inode) return REAL(copy_file_range)(from, from_at, to, to_at, length, flags);
    return errno = EXDEV, -1; /* callers fall back to read and write, which are seen here */
}
