// SPDX-License-Identifier: Apache-2.0
#ifndef IES_LINUX_CRASH_H
#define IES_LINUX_CRASH_H

#include <execinfo.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

// Writes where a thread is to standard error, and ends the process by the signal.
static void ies_crash_handler(int signal) {
    static const char head[] = "crashed; the calls, innermost first (addr2line -Cfe PROGRAM ADDRESS says where each is):\n";
    void *frames[64];
    int count = backtrace(frames, 64);
    ssize_t written = write(STDERR_FILENO, head, sizeof head - 1);
    (void)written;
    backtrace_symbols_fd(frames, count, STDERR_FILENO);
    // The standard action stands again (SA_RESETHAND).
    raise(signal);
}

static inline void ies_show_crashes(void) {
    // The first call loads a library, which a handler could not.
    void *frame;
    backtrace(&frame, 1);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = ies_crash_handler;
    action.sa_flags = SA_RESETHAND | SA_NODEFER;
    const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
}

#endif
