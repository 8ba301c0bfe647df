// SPDX-License-Identifier: Apache-2.0
#ifndef IES_FUSE3_SHIM_H
#define IES_FUSE3_SHIM_H

// 3.12 is the first version with fuse_session_custom_io and fuse_loop_cfg_create.
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>

#include "passthrough.h"

#include "device.h"

// Macros over the version above, in this or a newer libfuse, which Swift does not import.
static inline struct fuse_session *ies_fuse_session_new(
    struct fuse_args *arguments, const struct fuse_lowlevel_ops *operations, void *data
) {
    return fuse_session_new(arguments, operations, sizeof *operations, data);
}

// Gives a session a request that was not read from the device.
static inline void ies_fuse_session_process(struct fuse_session *session, void *request, size_t size) {
    const struct fuse_buf buffer = {.size = size, .mem = request};
    fuse_session_process_buf(session, &buffer);
}

static inline int ies_fuse_session_loop_mt(struct fuse_session *session, struct fuse_loop_config *config) {
    return fuse_session_loop_mt(session, config);
}

#endif
