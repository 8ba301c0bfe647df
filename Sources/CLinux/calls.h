// SPDX-License-Identifier: Apache-2.0
#ifndef IES_LINUX_CALLS_H
#define IES_LINUX_CALLS_H

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/uio.h>

// preadv2(2)
extern ssize_t preadv2(int descriptor, const struct iovec *vectors, int count, off_t offset, int flags);
static const int ies_RWF_NOWAIT = 0x00000008;

// fallocate(2)
extern int fallocate(int descriptor, int mode, off_t offset, off_t length);
static const int ies_FALLOC_FL_KEEP_SIZE = 0x01;
static const int ies_FALLOC_FL_PUNCH_HOLE = 0x02;

// open(2), on x86-64, arm64 and riscv64
static const int ies_O_NOATIME = 01000000;

// open(2): a name only, which can be executed
static const int ies_O_PATH = 010000000;

// lseek(2)
static const int ies_SEEK_DATA = 3;
static const int ies_SEEK_HOLE = 4;

// close_range(2), dup3(2), pipe2(2)
extern int close_range(unsigned int first, unsigned int last, int flags);
extern int dup3(int from, int to, int flags);
extern int pipe2(int descriptors[2], int flags);

// pthread_setname_np(3)
extern int pthread_setname_np(pthread_t thread, const char *name);

// posix_spawn(3)
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
static const short ies_POSIX_SPAWN_SETSID = 0x80;

#endif
