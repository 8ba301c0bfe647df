// SPDX-License-Identifier: Apache-2.0
#ifndef IES_LINUX_SHARED_H
#define IES_LINUX_SHARED_H

// Words of memory that several processes share.

#include <stdint.h>

// memfd_create(2)
extern int memfd_create(const char *name, unsigned int flags);
static const unsigned int ies_MFD_CLOEXEC = 1;

// Sees all that was written before the store of what it loads.
static inline uint64_t ies_load(const void *word) {
    return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE);
}

static inline void ies_store(void *word, uint64_t value) {
    __atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE);
}

#endif
