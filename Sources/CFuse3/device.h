// SPDX-License-Identifier: Apache-2.0
#ifndef IES_FUSE3_DEVICE_H
#define IES_FUSE3_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
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

// What a libfuse session is given as its user data.
struct ies_fuse_device {
    // The Swift object behind it.
    void *bridge;
    // NULL for none.
    const struct ies_fuse_observer *observer;
    // Memory that others look at: what each thread works on, `mark_size` bytes apart; NULL for none.
    unsigned char *marks;
    uint32_t mark_size, mark_count, marks_taken;
    // The numbers of requests that are not to be tried again; NULL for none.
    const uint64_t *poisoned;
    uint32_t poisoned_count;
    // Replies go nowhere: the kernel has them already, or is to ask another worker.
    bool swallows;
    // What the last reply that was swallowed said.
    int32_t swallowed_error;
};

// fuse_in_header begins with length, opcode and unique; fuse_out_header with length, error and unique.
#define IES_FUSE_UNIQUE 8
#define IES_FUSE_RESENT (UINT64_C(1) << 63)

// More than any request of a mount that is never written to: INIT agrees on writes of 4 KiB at most. What is read is put
// into memory that is resident, because a request is lost when the process is killed while it waits for a page.
#define IES_FUSE_LONGEST_REQUEST 65536

// Of the thread: the number of the request it works on as it stands in the header, its mark, and the buffer that it reads
// into. Weak, so that all files that include this share one.
__attribute__((weak)) _Thread_local uint64_t ies_fuse_unique_of_thread = 0;
__attribute__((weak)) _Thread_local uint64_t *ies_fuse_mark_of_thread = NULL;
__attribute__((weak)) _Thread_local void *ies_fuse_resident_of_thread = NULL;

static inline uint64_t ies_fuse_current_unique(void) { return ies_fuse_unique_of_thread; }

static inline void ies_fuse_set_swallows(struct ies_fuse_device *device, bool swallows) {
    __atomic_store_n(&device->swallows, swallows, __ATOMIC_SEQ_CST);
}

// Makes the thread's mark: the number of a request, 0 for none.
static inline void ies_fuse_mark(struct ies_fuse_device *device, uint64_t number) {
    if (device->marks == NULL) return;
    if (ies_fuse_mark_of_thread == NULL) {
        uint32_t index = __atomic_fetch_add(&device->marks_taken, 1, __ATOMIC_RELAXED) % device->mark_count;
        ies_fuse_mark_of_thread = (uint64_t *)(void *)(device->marks + index * device->mark_size);
    }
    if (number != 0) __atomic_fetch_add(ies_fuse_mark_of_thread + 1, 1, __ATOMIC_RELAXED);
    __atomic_store_n(ies_fuse_mark_of_thread, number, __ATOMIC_RELEASE);
}

// Answers a request with an error where it has been given up.
static inline bool ies_fuse_is_poisoned(const struct ies_fuse_device *device, int descriptor, uint64_t unique) {
    if ((unique & IES_FUSE_RESENT) == 0) return false;
    for (uint32_t i = 0; i < device->poisoned_count; i++) {
        if (__atomic_load_n(device->poisoned + i, __ATOMIC_ACQUIRE) != (unique & ~IES_FUSE_RESENT)) continue;
        struct { uint32_t length; int32_t error; uint64_t unique; } reply = {16, -EIO, unique};
        // Nobody is left to be told if this fails: the request has gone.
        ssize_t written = write(descriptor, &reply, sizeof reply);
        (void)written;
        return true;
    }
    return false;
}

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
    struct ies_fuse_device *device = data;
    if (size > IES_FUSE_LONGEST_REQUEST) size = IES_FUSE_LONGEST_REQUEST;
    if (ies_fuse_resident_of_thread != buffer) {
        memset(buffer, 0, size);
        ies_fuse_resident_of_thread = buffer;
    }
    ssize_t count;
    do {
        ies_fuse_mark(device, 0);
        count = read(descriptor, buffer, size);
        if (count < IES_FUSE_UNIQUE + 8) return count;
        memcpy(&ies_fuse_unique_of_thread, (char *)buffer + IES_FUSE_UNIQUE, 8);
        ies_fuse_mark(device, ies_fuse_unique_of_thread & ~IES_FUSE_RESENT);
    } while (ies_fuse_is_poisoned(device, descriptor, ies_fuse_unique_of_thread));
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
    struct ies_fuse_device *device = data;
    if (__atomic_load_n(&device->swallows, __ATOMIC_SEQ_CST)) {
        ssize_t length = 0;
        for (int i = 0; i < count; i++) length += (ssize_t)pieces[i].iov_len;
        if (pieces[0].iov_len >= 8) memcpy(&device->swallowed_error, (char *)pieces[0].iov_base + 4, 4);
        return length;
    }
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

// Reads what the kernel has for us without waiting, and shows each request to `visit`; then has the kernel queue again what
// was taken and never answered (FUSE_NOTIFY_RESEND, Linux 6.9). Reading first takes interrupts off the kernel's list
// whose requests are queued again (CVE-2026-64265). To be called while nobody else reads. 0, else minus the errno: -ENODEV
// if the mount has gone.
static inline int ies_fuse_take_over(
    int descriptor, void *buffer, void *context, void (*visit)(void *context, const void *message, size_t count)
) {
    // The flag is every worker's: one that died here has left it set.
    int flags = fcntl(descriptor, F_GETFL) & ~O_NONBLOCK;
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) return -errno;
    memset(buffer, 0, IES_FUSE_LONGEST_REQUEST);
    int error = 0;
    while (error == 0) {
        ssize_t count = read(descriptor, buffer, IES_FUSE_LONGEST_REQUEST);
        // ENOENT: the request was interrupted while it was read.
        if (count >= 0) visit(context, buffer, (size_t)count);
        else if (errno != EINTR && errno != ENOENT) error = errno;
    }
    fcntl(descriptor, F_SETFL, flags);
    if (error != EAGAIN) return -error;
    const struct { uint32_t length; int32_t code; uint64_t unique; } resend = {16, 7, 0};
    return write(descriptor, &resend, sizeof resend) == sizeof resend ? 0 : -errno;
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
