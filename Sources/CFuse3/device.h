// SPDX-License-Identifier: Apache-2.0
#ifndef IES_FUSE3_DEVICE_H
#define IES_FUSE3_DEVICE_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

// Whom to show the messages on the device to.
struct ies_fuse_observer {
    void *context;
    void (*received)(void *context, const void *message, size_t count);
    // Before a reply or notification goes out; it may change the pieces.
    void (*sending)(void *context, struct iovec *pieces, int count);
    // After it; `result` is what writev returned.
    void (*sent)(void *context, const struct iovec *pieces, int count, ssize_t result);
};

// What a libfuse session is given as its user data: the Swift object behind it, and the observer, NULL for none.
struct ies_fuse_device {
    void *bridge;
    const struct ies_fuse_observer *observer;
};

static inline const struct ies_fuse_observer *ies_fuse_observer_of(const void *data) {
    return __atomic_load_n(&((const struct ies_fuse_device *)data)->observer, __ATOMIC_ACQUIRE);
}

// The observer itself stays where it is: a thread may be about to call it.
static inline void ies_fuse_set_observer(struct ies_fuse_device *device, const struct ies_fuse_observer *observer) {
    __atomic_store_n(&device->observer, observer, __ATOMIC_RELEASE);
}

// The functions for fuse_session_custom_io. They are C because libfuse ends its threads by pthread_cancel while they
// wait in read, and that must unwind no Swift frame.
static ssize_t ies_fuse_read(int descriptor, void *buffer, size_t size, void *data) {
    ssize_t count = read(descriptor, buffer, size);
    const struct ies_fuse_observer *observer = ies_fuse_observer_of(data);
    if (count > 0 && observer != NULL) {
        int state;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
        observer->received(observer->context, buffer, (size_t)count);
        pthread_setcancelstate(state, NULL);
    }
    return count;
}

static ssize_t ies_fuse_writev(int descriptor, struct iovec *pieces, int count, void *data) {
    ies_fuse_complete_open(pieces, count);
    const struct ies_fuse_observer *observer = ies_fuse_observer_of(data);
    if (observer == NULL) return writev(descriptor, pieces, count);
    observer->sending(observer->context, pieces, count);
    ssize_t result = writev(descriptor, pieces, count);
    int error = errno;
    observer->sent(observer->context, pieces, count, result);
    errno = error;
    return result;
}

static inline int ies_fuse_session_attach(struct fuse_session *session, int descriptor) {
    const struct fuse_custom_io io = {.writev = ies_fuse_writev, .read = ies_fuse_read};
    return fuse_session_custom_io(session, &io, descriptor);
}

// libfuse's loop waits in sem_wait, which only a signal handler without SA_RESTART ends. A real-time signal, so that
// none that means something to a program is taken.
static void ies_fuse_wake_handler(int signal) { (void)signal; }

static inline void ies_fuse_prepare_wake(void) {
    struct sigaction action = {.sa_handler = ies_fuse_wake_handler};
    sigaction(SIGRTMIN + 5, &action, NULL);
    sigset_t wake;
    sigemptyset(&wake);
    sigaddset(&wake, SIGRTMIN + 5);
    pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
}

static inline void ies_fuse_wake(pthread_t thread) { pthread_kill(thread, SIGRTMIN + 5); }

#endif
