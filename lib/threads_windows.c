/* threads_windows.c -- Windows threads for a pool
 *
 * SPDX-License-Identifier: MIT */
#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0600
#include "system.h"
#include "threads.h"

#include <windows.h>

struct prn_lock {
    SRWLOCK lock;
    CONDITION_VARIABLE event[2];
};

size_t prn_lock_bytes(void)
{
    return sizeof(prn_lock);
}

int32_t prn_lock_open(prn_lock *lock)
{
    InitializeSRWLock(&lock->lock);
    InitializeConditionVariable(&lock->event[0]);
    InitializeConditionVariable(&lock->event[1]);
    return 1;
}

void prn_lock_close(prn_lock *lock)
{
    (void)lock;
}

void prn_lock_take(prn_lock *lock)
{
    AcquireSRWLockExclusive(&lock->lock);
}

void prn_lock_leave(prn_lock *lock)
{
    ReleaseSRWLockExclusive(&lock->lock);
}

void prn_lock_wait(prn_lock *lock, int32_t event)
{
    (void)SleepConditionVariableSRW(&lock->event[event], &lock->lock, INFINITE, 0);
}

void prn_lock_wake(prn_lock *lock, int32_t event)
{
    WakeConditionVariable(&lock->event[event]);
}

static DWORD WINAPI start(void *arg)
{
    const prn_thread *thread = arg;
    thread->run(thread->user);
    return 0;
}

int32_t prn_thread_start(prn_thread *thread)
{
    const HANDLE made = CreateThread(NULL, 0, start, thread, 0, NULL);
    thread->handle = (intptr_t)made;
    return made != NULL;
}

void prn_thread_join(prn_thread *thread)
{
    (void)WaitForSingleObject((HANDLE)thread->handle, INFINITE);
    (void)CloseHandle((HANDLE)thread->handle);
}

/* What GetThreadTimes() tells is 15 ms old. */
uint64_t prn_thread_time(void)
{
    return prn_system_now();
}

intptr_t prn_thread_process(void)
{
    return (intptr_t)GetCurrentProcessId();
}
