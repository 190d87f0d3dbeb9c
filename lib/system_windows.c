/* system_windows.c -- what Windows gives: files, replaced so that nothing is lost, a clock, memory
 *
 * A replacement is made under a temporary name. Whoever has opened that file has it alone, so two that save
 * to one path cannot mix their bytes, and what a killed process left is just written anew. The file takes its
 * final name while it is still held.
 *
 * SPDX-License-Identifier: MIT */
#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0600
#include "system.h"

#include <stddef.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum {
    MOST_PATH = 4096,
    MOST_BYTES = 1 << 30,
    OVER_QUOTA = 1295 /* ERROR_DISK_QUOTA_EXCEEDED of newer headers */
};

static const wchar_t ending[] = L".prune-tmp";

/* ---- errors ---- */

static const struct cause {
    int32_t number;
    const char *text;
} causes[] = {
    { ERROR_FILE_NOT_FOUND, "no such file or directory" },
    { ERROR_PATH_NOT_FOUND, "no such file or directory" },
    { ERROR_ACCESS_DENIED, "permission denied" },
    { ERROR_SHARING_VIOLATION, "it is in use; another save to this path may be under way" },
    { ERROR_FILENAME_EXCED_RANGE, "the name is too long" },
    { ERROR_INVALID_NAME, "the name is not one that a file can have" },
    { ERROR_NO_UNICODE_TRANSLATION, "the name is not UTF-8" },
    { ERROR_WRITE_PROTECT, "the disk is write-protected" },
    { ERROR_DISK_FULL, "no space left on device" },
    { ERROR_HANDLE_DISK_FULL, "no space left on device" },
    { OVER_QUOTA, "the disk quota is used up" },
    { ERROR_TOO_MANY_OPEN_FILES, "too many open files" },
    { ERROR_NOT_ENOUGH_MEMORY, "out of memory" },
    { ERROR_DIRECTORY, "it is a directory" },
    { ERROR_NOT_SUPPORTED, "it is not a file that can be replaced" },
    { ERROR_CANT_RESOLVE_FILENAME, "a symbolic link that leads nowhere, or too many" },
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
    return number == ERROR_DISK_FULL || number == ERROR_HANDLE_DISK_FULL || number == OVER_QUOTA
               ? PRUNE_E_SPACE
               : PRUNE_E_IO;
}

static prune_status fail(prn_fault *fault, const char *step, DWORD number)
{
    *fault = (prn_fault){ step, (int32_t)number };
    return prn_system_status((int32_t)number);
}

/* ---- reading and writing ---- */

static HANDLE handle_of(intptr_t file)
{
    return (HANDLE)file;
}

/* Returns 0, or why not. */
static DWORD widen(wchar_t wide[MOST_PATH], const char *path)
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, MOST_PATH) != 0)
        return 0;
    const DWORD number = GetLastError();
    return number == ERROR_INSUFFICIENT_BUFFER ? ERROR_FILENAME_EXCED_RANGE : number;
}

/* 0 if it is a regular file. */
static DWORD look_at(HANDLE file)
{
    BY_HANDLE_FILE_INFORMATION info;
    if (GetFileType(file) != FILE_TYPE_DISK)
        return ERROR_NOT_SUPPORTED;
    if (!GetFileInformationByHandle(file, &info))
        return GetLastError();
    return (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0 ? ERROR_DIRECTORY : 0;
}

/* FILE_FLAG_BACKUP_SEMANTICS: folders are opened too, and then refused for what they are. */
static HANDLE open_for_reading(const wchar_t *path)
{
    return CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
}

prune_status prn_system_open(intptr_t *file, uint64_t *size, const char *path, prn_fault *fault)
{
    wchar_t wide[MOST_PATH];
    LARGE_INTEGER bytes;
    DWORD number = widen(wide, path);
    if (number != 0)
        return fail(fault, "opening the file", number);
    const HANDLE handle = open_for_reading(wide);
    if (handle == INVALID_HANDLE_VALUE)
        return fail(fault, "opening the file", GetLastError());
    number = look_at(handle);
    if (number == 0 && !GetFileSizeEx(handle, &bytes))
        number = GetLastError();
    if (number != 0) {
        CloseHandle(handle);
        return fail(fault, "not a regular file", number);
    }
    *file = (intptr_t)handle;
    *size = (uint64_t)bytes.QuadPart;
    return PRUNE_OK;
}

void prn_system_close(intptr_t file)
{
    CloseHandle(handle_of(file));
}

size_t prn_system_read(int32_t *number, intptr_t file, uint64_t offset, void *bytes, size_t count)
{
    size_t done = 0;
    while (done < count) {
        const uint64_t at = offset + done;
        const DWORD part = (DWORD)(count - done < MOST_BYTES ? count - done : MOST_BYTES);
        OVERLAPPED where = { .Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32) };
        DWORD got = 0;
        if (!ReadFile(handle_of(file), (char *)bytes + done, part, &got, &where) &&
            GetLastError() != ERROR_HANDLE_EOF)
            *number = (int32_t)GetLastError();
        if (got == 0)
            break;
        done += got;
    }
    return done;
}

int32_t prn_system_write(intptr_t file, const void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        const DWORD part = (DWORD)(count - done < MOST_BYTES ? count - done : MOST_BYTES);
        DWORD written = 0;
        if (!WriteFile(handle_of(file), (const char *)bytes + done, part, &written, NULL))
            return (int32_t)GetLastError();
        if (written == 0)
            return ERROR_WRITE_FAULT;
        done += written;
    }
    return 0;
}

/* ---- replacing ---- */

typedef struct job {
    wchar_t target[MOST_PATH]; /* absolute, links followed */
    wchar_t temporary[MOST_PATH];
    HANDLE file;
} job;

/* The end of a link to a file that is there; a link to nothing is refused. */
static DWORD follow(job *j, const wchar_t *path)
{
    const HANDLE there = open_for_reading(path);
    if (there == INVALID_HANDLE_VALUE) {
        const DWORD number = GetLastError();
        if (number != ERROR_FILE_NOT_FOUND)
            return number;
        if (GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES)
            return ERROR_CANT_RESOLVE_FILENAME;
        return GetFullPathNameW(path, MOST_PATH, j->target, NULL) < MOST_PATH ? 0
                                                                              : ERROR_FILENAME_EXCED_RANGE;
    }
    DWORD number = look_at(there);
    if (number == 0 && GetFinalPathNameByHandleW(there, j->target, MOST_PATH, 0) >= MOST_PATH)
        number = ERROR_FILENAME_EXCED_RANGE;
    CloseHandle(there);
    return number;
}

/* Beside the target: a point, its name, the ending. */
static DWORD name_temporary(job *j)
{
    const size_t length = wcslen(j->target);
    size_t folder = length;
    while (folder != 0 && j->target[folder - 1] != L'\\' && j->target[folder - 1] != L'/')
        folder--;
    if (folder == length)
        return ERROR_DIRECTORY;
    if (length + 1 + sizeof ending / sizeof ending[0] > MOST_PATH)
        return ERROR_FILENAME_EXCED_RANGE;
    wmemcpy(j->temporary, j->target, folder);
    j->temporary[folder] = L'.';
    wmemcpy(j->temporary + folder + 1, j->target + folder, length - folder);
    wmemcpy(j->temporary + length + 1, ending, sizeof ending / sizeof ending[0]);
    return 0;
}

/* DELETE is the right to rename it. */
static DWORD make_temporary(job *j)
{
    j->file =
        CreateFileW(j->temporary, GENERIC_WRITE | DELETE, 0, NULL, CREATE_ALWAYS,
                    FILE_ATTRIBUTE_NORMAL | FILE_FLAG_WRITE_THROUGH | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    return j->file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
}

static DWORD take_final_name(job *j)
{
    struct {
        FILE_RENAME_INFO info;
        wchar_t room[MOST_PATH];
    } name = { .info = { .ReplaceIfExists = TRUE } };
    const size_t length = wcslen(j->target);
    name.info.FileNameLength = (DWORD)(length * sizeof(wchar_t));
    memcpy((char *)&name + offsetof(FILE_RENAME_INFO, FileName), j->target, (length + 1) * sizeof(wchar_t));
    return SetFileInformationByHandle(j->file, FileRenameInfo, &name, sizeof name) ? 0 : GetLastError();
}

static void remove_temporary(job *j)
{
    FILE_DISPOSITION_INFO gone = { TRUE };
    (void)SetFileInformationByHandle(j->file, FileDispositionInfo, &gone, sizeof gone);
}

static prune_status finish(job *j, prn_fault *fault)
{
    if (!FlushFileBuffers(j->file))
        return fail(fault, "flushing the temporary file", GetLastError());
    const DWORD number = take_final_name(j);
    return number == 0 ? PRUNE_OK : fail(fault, "renaming the temporary file", number);
}

prune_status prn_system_replace(const char *path, prn_system_put *put, void *user, prn_fault *fault)
{
    wchar_t wide[MOST_PATH];
    job j;
    DWORD number = widen(wide, path);
    if (number == 0)
        number = follow(&j, wide);
    if (number == 0)
        number = name_temporary(&j);
    if (number != 0)
        return fail(fault, "looking at the target", number);
    number = make_temporary(&j);
    if (number != 0)
        return fail(fault, "making the temporary file", number);
    prune_status status = put(user, (intptr_t)j.file);
    if (status == PRUNE_OK)
        status = finish(&j, fault);
    if (status != PRUNE_OK)
        remove_temporary(&j);
    CloseHandle(j.file);
    return status;
}

/* ---- time ---- */

uint64_t prn_system_now(void)
{
    LARGE_INTEGER ticks, rate;
    if (!QueryPerformanceFrequency(&rate) || !QueryPerformanceCounter(&ticks))
        return 0;
    const uint64_t t = (uint64_t)ticks.QuadPart, each = (uint64_t)rate.QuadPart;
    return t / each * 1000000000u + t % each * 1000000000u / each;
}

/* ---- memory ---- */

int32_t prn_system_can_map(size_t bytes)
{
    void *trial = VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    return trial != NULL && VirtualFree(trial, 0, MEM_RELEASE);
}
