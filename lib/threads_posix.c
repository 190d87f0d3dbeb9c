/* threads_posix.c -- POSIX threads for a pool
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "threads.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

struct prn_lock {
    pthread_mutex_t mutex;
    pthread_cond_t event[2];
};

size_t prn_lock_bytes(void)
{
    return sizeof(prn_lock);
}

int32_t prn_lock_open(prn_lock *lock)
{
    if (pthread_mutex_init(&lock->mutex, NULL) != 0)
        return 0;
    if (pthread_cond_init(&lock->event[0], NULL) == 0) {
        if (pthread_cond_init(&lock->event[1], NULL) == 0)
            return 1;
        (void)pthread_cond_destroy(&lock->event[0]);
    }
    (void)pthread_mutex_destroy(&lock->mutex);
    return 0;
}

void prn_lock_close(prn_lock *lock)
{
    (void)pthread_cond_destroy(&lock->event[1]);
    (void)pthread_cond_destroy(&lock->event[0]);
    (void)pthread_mutex_destroy(&lock->mutex);
}

void prn_lock_take(prn_lock *lock)
{
    (void)pthread_mutex_lock(&lock->mutex);
}

void prn_lock_leave(prn_lock *lock)
{
    (void)pthread_mutex_unlock(&lock->mutex);
}

void prn_lock_wait(prn_lock *lock, int32_t event)
{
    (void)pthread_cond_wait(&lock->event[event], &lock->mutex);
}

void prn_lock_wake(prn_lock *lock, int32_t event)
{
    (void)pthread_cond_signal(&lock->event[event]);
}

static void *start(void *arg)
{
    const prn_thread *thread = arg;
    thread->run(thread->user);
    return NULL;
}

/* Signals are for the threads of the application: a thread begins with the mask of who makes it. */
int32_t prn_thread_start(prn_thread *thread)
{
    sigset_t all, before;
    pthread_t made;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return 0;
    const int number = pthread_create(&made, NULL, start, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number == 0)
        thread->handle = (intptr_t)made;
    return number == 0;
}

void prn_thread_join(prn_thread *thread)
{
    (void)pthread_join((pthread_t)thread->handle, NULL);
}

uint64_t prn_thread_time(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

intptr_t prn_thread_process(void)
{
    return (intptr_t)getpid();
}
