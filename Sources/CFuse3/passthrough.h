// SPDX-License-Identifier: Apache-2.0
#ifndef IES_FUSE3_PASSTHROUGH_H
#define IES_FUSE3_PASSTHROUGH_H

// Files that the kernel reads by itself (Linux 6.9). libfuse knows them from 3.17 on; for older ones, what it leaves out of
// the replies is put in on their way to the device. <linux/fuse.h> of older systems lacks the names.

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

struct ies_fuse_backing_map {
    int32_t descriptor;
    uint32_t flags;
    uint64_t padding;
};

#define IES_FUSE_BACKING_OPEN _IOW(229, 1, struct ies_fuse_backing_map)
#define IES_FUSE_BACKING_CLOSE _IOW(229, 2, uint32_t)

// Makes a file known to the kernel. The id, above 0; else minus the errno. Needs CAP_SYS_ADMIN.
static inline int32_t ies_fuse_backing_open(int device, int descriptor) {
    struct ies_fuse_backing_map map = {.descriptor = descriptor};
    int id = ioctl(device, IES_FUSE_BACKING_OPEN, &map);
    return id > 0 ? id : id < 0 ? -errno : -EIO;
}

static inline void ies_fuse_backing_close(int device, int32_t backing) {
    uint32_t id = (uint32_t)backing;
    ioctl(device, IES_FUSE_BACKING_CLOSE, &id);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)

static inline void ies_fuse_complete_open(struct iovec *pieces, int count) {
    (void)pieces;
    (void)count;
}

static inline int ies_fuse_reply_passed_through(fuse_req_t request, struct fuse_file_info *information, int32_t backing) {
    information->backing_id = backing;
    return fuse_reply_open(request, information);
}

#else

// Of the reply that this thread is sending; 0 for none. Weak, so that all files that include this share one.
__attribute__((weak)) _Thread_local int32_t ies_fuse_backing_of_reply = 0;

// A fuse_open_out is 16 bytes: handle, open_flags, backing_id. FOPEN_PASSTHROUGH is bit 7 of the flags.
static inline void ies_fuse_complete_open(struct iovec *pieces, int count) {
    if (ies_fuse_backing_of_reply == 0 || count != 2 || pieces[1].iov_len != 16) return;
    uint32_t *words = pieces[1].iov_base;
    words[2] |= UINT32_C(1) << 7;
    words[3] = (uint32_t)ies_fuse_backing_of_reply;
}

static inline int ies_fuse_reply_passed_through(fuse_req_t request, struct fuse_file_info *information, int32_t backing) {
    // libfuse sends the reply on the thread that makes it.
    ies_fuse_backing_of_reply = backing;
    int result = fuse_reply_open(request, information);
    ies_fuse_backing_of_reply = 0;
    return result;
}

#endif
#endif
