// SPDX-License-Identifier: Apache-2.0
#ifndef IES_LINUX_SHIM_H
#define IES_LINUX_SHIM_H

// Calls that Swift's Glibc module hides.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <sys/uio.h>
#include <unistd.h>

#endif
