/* threads.h -- what a pool asks of an operating system: threads, and a lock with two events; one of
 * threads_posix.c and threads_windows.c is linked */
#ifndef PRN_THREADS_H
#define PRN_THREADS_H

#include "libprune/base.h"

/* A lock with two events, in memory of the caller's. Opening: 0 if there can be none. */
enum { PRN_WORK = 0, PRN_DONE = 1 };
typedef struct prn_lock prn_lock;
size_t prn_lock_bytes(void);
int32_t prn_lock_open(prn_lock *lock);
void prn_lock_close(prn_lock *lock);
void prn_lock_take(prn_lock *lock);
void prn_lock_leave(prn_lock *lock);

/* The first leaves the lock, sleeps until it is woken (or for no reason), and takes it again. The second
 * wakes one that sleeps; who calls it need not have the lock. */
void prn_lock_wait(prn_lock *lock, int32_t event);
void prn_lock_wake(prn_lock *lock, int32_t event);

/* A thread that calls run(user), and takes no signals. It stays where it is until it was joined. */
typedef struct prn_thread {
    void (*run)(void *user);
    void *user;
    intptr_t handle;
} prn_thread;
int32_t prn_thread_start(prn_thread *thread);
void prn_thread_join(prn_thread *thread);

/* Nanoseconds of a processor that the calling thread has had; where nobody tells, of a clock. */
uint64_t prn_thread_time(void);

/* The process: another one after fork(), where threads are gone and nobody may be waited for. */
intptr_t prn_thread_process(void);

#endif
