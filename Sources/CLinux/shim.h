// SPDX-License-Identifier: Apache-2.0
#ifndef IES_LINUX_SHIM_H
#define IES_LINUX_SHIM_H

// Calls that Swift's Glibc module hides, because they need _GNU_SOURCE. That macro must not be defined here: it changes
// structures such as fd_set, and Swift then refuses to use this module beside Glibc ("not present in definition").
// So what is missing is declared, as <fcntl.h>, <sys/uio.h>, <unistd.h> and <spawn.h> would with the macro.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"
#include "crash.h"
#include "crc32c.h"
#include "descriptors.h"
#include "pagecache.h"
#include "peer.h"
#include "shared.h"

#endif
