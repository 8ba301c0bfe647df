// SPDX-License-Identifier: Apache-2.0
#ifndef IES_LINUX_PAGECACHE_H
#define IES_LINUX_PAGECACHE_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// cachestat(2), Linux 6.5: how many pages of a part of a file are in memory; -1 where the kernel does not say.
extern long syscall(long number, ...);
static inline int64_t ies_pages_in_memory(int descriptor, uint64_t offset, uint64_t length) {
    struct { uint64_t offset, length; } range = {offset, length};
    struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } pages = {0};
    // The same number on every architecture.
    long failure = syscall(451, descriptor, &range, &pages, 0);
    return failure == 0 ? (int64_t)pages.cached : -1;
}

#endif
