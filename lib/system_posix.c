/* system_posix.c -- what POSIX gives: files, one of them replaced so that nothing is lost, a clock, memory
 *
 * A replacement is made under a temporary name, which is also the lock: whoever holds flock() on the file
 * that has this name may write it, rename it or remove it. So a name without an owner is what a killed
 * process left, and two that save to one path at the same time cannot mix their bytes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef __LP64__
#define _FILE_OFFSET_BITS 64
#endif
#define _DEFAULT_SOURCE /* POSIX.1-2008 and flock() */
#include "system.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h> /* renameat() */
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_LINKS = 40, MOST_TRIES = 16, ANY_MODE = 0666, OWNER_MODE = 0600, MODE_BITS = 0777 };

/* ---- errors ---- */

/* strerror() speaks the language of the locale. */
static const struct cause {
    int number;
    const char *text;
} causes[] = {
    { ENOENT, "no such file or directory" },
    { EACCES, "permission denied" },
    { EPERM, "operation not permitted" },
    { ENOTDIR, "a part of the path is not a directory" },
    { EISDIR, "it is a directory" },
    { ELOOP, "a symbolic link where none may be, or too many" },
    { ENAMETOOLONG, "the name is too long" },
    { EROFS, "the file system is read-only" },
    { ENOSPC, "no space left on device" },
    { EDQUOT, "the disk quota is used up" },
    { EFBIG, "larger than files may be" },
    { EIO, "input/output error" },
    { EMFILE, "too many open files" },
    { ENFILE, "too many open files in the system" },
    { ENOMEM, "out of memory" },
    { EBUSY, "it is in use; another save to this path may be under way" },
};

const char *prn_system_cause(int32_t number)
{
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (causes[i].number == number)
            return causes[i].text;
    return NULL;
}

prune_status prn_system_status(int32_t number)
{
    return number == ENOSPC || number == EDQUOT ? PRUNE_E_SPACE : PRUNE_E_IO;
}

static prune_status fail(prn_fault *fault, const char *step, int number)
{
    *fault = (prn_fault){ step, number };
    return prn_system_status(number);
}

/* ---- calls that may be interrupted ---- */

static int open_at(int folder, const char *name, int flags, mode_t mode)
{
    int descriptor;
    do
        descriptor = openat(folder, name, flags | O_CLOEXEC, mode);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

/* Both return 0, or the errno. */
static int sync_all(int descriptor)
{
    int result;
    do
        result = fsync(descriptor);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

int32_t prn_system_write(intptr_t file, const void *from, size_t count)
{
    const unsigned char *bytes = from;
    while (count != 0) {
        const ssize_t written = write((int)file, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : EIO;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

/* Interrupted or not, the descriptor is gone (Linux), and what it held is on the disk. */
static int close_all(int descriptor)
{
    return close(descriptor) == 0 || errno == EINTR ? 0 : errno;
}

/* ---- reading ---- */

/* As many bytes as there are. */
size_t prn_system_read(int32_t *number, intptr_t file, uint64_t offset, void *to, size_t count)
{
    unsigned char *bytes = to;
    size_t done = 0;
    while (done < count) {
        const ssize_t got = pread((int)file, bytes + done, count - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            *number = errno;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

/* O_NONBLOCK: opening a pipe does not wait for a writer. */
prune_status prn_system_open(intptr_t *file, uint64_t *size, const char *path, prn_fault *fault)
{
    struct stat info;
    const int descriptor = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (descriptor < 0)
        return fail(fault, "opening the file", errno);
    const int number = fstat(descriptor, &info) != 0 ? errno : 0;
    if (number != 0 || !S_ISREG(info.st_mode)) {
        (void)close_all(descriptor);
        if (number != 0)
            return fail(fault, "asking for the file's size", number);
        return fail(fault, "not a regular file", S_ISDIR(info.st_mode) ? EISDIR : EINVAL);
    }
    *file = descriptor;
    *size = (uint64_t)info.st_size;
    return PRUNE_OK;
}

void prn_system_close(intptr_t file)
{
    (void)close_all((int)file);
}

/* ---- replacing: the target ---- */

/* One replacement under way. */
typedef struct job {
    const char *path; /* as given */
    prn_fault *fault;
    char target[PATH_MAX];
    const char *name; /* the last part of it */
    char temporary[PATH_MAX];
    int32_t replaces; /* whether there is a file, with these permissions */
    mode_t mode;
    int folder, descriptor, lock;
} job;

static void find_name(job *j)
{
    const char *slash = strrchr(j->target, '/');
    j->name = slash == NULL ? j->target : slash + 1;
}

/* Replaces the last part of target by what the link there holds, or all of it if that is absolute. */
static int follow(job *j)
{
    char link[PATH_MAX];
    const ssize_t length = readlink(j->target, link, sizeof link);
    if (length < 0)
        return errno;
    const size_t kept = link[0] == '/' ? 0 : (size_t)(j->name - j->target);
    if ((size_t)length >= sizeof j->target - kept)
        return ENAMETOOLONG;
    memcpy(j->target + kept, link, (size_t)length);
    j->target[kept + (size_t)length] = '\0';
    find_name(j);
    return 0;
}

/* Follows symbolic links, also to a file that is not there yet. */
static prune_status find_target(job *j)
{
    struct stat info;
    const size_t length = strlen(j->path);
    if (length >= sizeof j->target)
        return fail(j->fault, "resolving the path", ENAMETOOLONG);
    memcpy(j->target, j->path, length + 1);
    find_name(j);
    for (int32_t links = 0; lstat(j->target, &info) == 0 && S_ISLNK(info.st_mode); links++) {
        const int number = links == MOST_LINKS ? ELOOP : follow(j);
        if (number != 0)
            return fail(j->fault, "following the symbolic link", number);
    }
    return PRUNE_OK;
}

static prune_status look_at_target(job *j)
{
    struct stat info;
    if (j->name[0] == '\0')
        return fail(j->fault, "looking at the target", EISDIR);
    if (fstatat(j->folder, j->name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? PRUNE_OK : fail(j->fault, "looking at the target", errno);
    if (!S_ISREG(info.st_mode))
        return fail(j->fault, "replacing what is not a regular file", S_ISDIR(info.st_mode) ? EISDIR : EPERM);
    j->replaces = 1;
    j->mode = info.st_mode & MODE_BITS;
    return PRUNE_OK;
}

static prune_status open_folder(job *j)
{
    char *path = j->temporary; /* not in use yet */
    const size_t length = (size_t)(j->name - j->target);
    memcpy(path, length == 0 ? "." : j->target, length == 0 ? 1 : length);
    path[length == 0 ? 1 : length] = '\0';
    j->folder = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    return j->folder < 0 ? fail(j->fault, "opening the folder", errno) : PRUNE_OK;
}

/* ---- replacing: the temporary file ---- */

static int lock_file(int descriptor)
{
    /* Where there are no locks, nothing keeps two savers of one path apart. */
    return flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK ? EBUSY : 0;
}

/* Whether the temporary name still is this open file. */
static int32_t has_name(const job *j, int descriptor)
{
    struct stat open_file, named;
    return fstat(descriptor, &open_file) == 0 &&
           fstatat(j->folder, j->temporary, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

static int remove_temporary(const job *j)
{
    return unlinkat(j->folder, j->temporary, 0) == 0 || errno == ENOENT ? 0 : errno;
}

/* What a killed process left; but not what another saver is writing now. */
static int remove_leftover(const job *j)
{
    const int descriptor = open_at(j->folder, j->temporary, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (descriptor < 0)
        return errno == ENOENT ? 0 : errno;
    int number = lock_file(descriptor);
    if (number == 0 && has_name(j, descriptor))
        number = remove_temporary(j);
    (void)close_all(descriptor);
    return number;
}

/* Makes the file and gets its lock. Returns 0, an errno, or EAGAIN: someone was in between. */
static int make_temporary(job *j)
{
    j->descriptor = open_at(j->folder, j->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                            j->replaces ? OWNER_MODE : ANY_MODE);
    if (j->descriptor < 0 && errno != EEXIST)
        return errno;
    if (j->descriptor < 0) {
        const int number = remove_leftover(j);
        return number == 0 ? EAGAIN : number;
    }
    const int number = lock_file(j->descriptor);
    if (number == 0 && has_name(j, j->descriptor))
        return 0;
    (void)close_all(j->descriptor);
    return number == 0 ? EAGAIN : number;
}

static prune_status open_temporary(job *j)
{
    prn_text text;
    int number = EAGAIN;
    prn_text_start(&text, j->temporary, sizeof j->temporary);
    prn_text_add(&text, ".");
    prn_text_add(&text, j->name);
    prn_text_add(&text, ".prune-tmp");
    for (int32_t tries = 0; number == EAGAIN && tries < MOST_TRIES; tries++)
        number = make_temporary(j);
    if (number != 0)
        return fail(j->fault, "making the temporary file", number == EAGAIN ? EBUSY : number);
    j->lock = fcntl(j->descriptor, F_DUPFD_CLOEXEC, 0);
    if (j->lock >= 0)
        return PRUNE_OK;
    number = errno;
    (void)remove_temporary(j);
    (void)close_all(j->descriptor);
    return fail(j->fault, "making the temporary file", number);
}

/* Each step with its name; the first that fails ends it. */
static prune_status finish(job *j)
{
    if (j->replaces && fchmod(j->descriptor, j->mode) != 0)
        return fail(j->fault, "setting the permissions of the temporary file", errno);
    int number = sync_all(j->descriptor);
    if (number != 0)
        return fail(j->fault, "flushing the temporary file", number);
    number = close_all(j->descriptor);
    j->descriptor = -1;
    if (number != 0)
        return fail(j->fault, "closing the temporary file", number);
    if (renameat(j->folder, j->temporary, j->folder, j->name) != 0)
        return fail(j->fault, "renaming the temporary file", errno);
    return PRUNE_OK;
}

/* Some file systems cannot flush folders; they need not. */
static prune_status flush_folder(job *j)
{
    const int number = sync_all(j->folder);
    if (number == 0 || number == EINVAL || number == ENOTSUP)
        return PRUNE_OK;
    return fail(j->fault, "the new file is there, but flushing its folder failed", number);
}

static prune_status replace(job *j, prn_system_put *put, void *user)
{
    prune_status status = open_temporary(j);
    if (status != PRUNE_OK)
        return status;
    status = put(user, j->descriptor);
    if (status == PRUNE_OK)
        status = finish(j);
    if (status != PRUNE_OK)
        (void)remove_temporary(j);
    else
        status = flush_folder(j);
    if (j->descriptor >= 0)
        (void)close_all(j->descriptor);
    (void)close_all(j->lock);
    return status;
}

prune_status prn_system_replace(const char *path, prn_system_put *put, void *user, prn_fault *fault)
{
    job j = { .path = path, .fault = fault };
    j.name = j.target;
    prune_status status = find_target(&j);
    if (status == PRUNE_OK)
        status = open_folder(&j);
    if (status != PRUNE_OK)
        return status;
    status = look_at_target(&j);
    if (status == PRUNE_OK)
        status = replace(&j, put, user);
    (void)close_all(j.folder);
    return status;
}

/* ---- time ---- */

uint64_t prn_system_now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- memory ---- */

int32_t prn_system_can_map(size_t bytes)
{
    void *trial = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return trial != MAP_FAILED && munmap(trial, bytes) == 0;
}
