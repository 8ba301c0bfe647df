// SPDX-License-Identifier: Apache-2.0
#ifndef IES_FUSE3_SHIM_H
#define IES_FUSE3_SHIM_H

// 3.12 is the first version with fuse_session_custom_io and fuse_loop_cfg_create.
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>

// fuse_session_loop_mt is a macro over the version above, which Swift does not import.
static inline int ies_fuse_session_loop_mt(struct fuse_session *session, struct fuse_loop_config *config) {
    return fuse_session_loop_mt(session, config);
}

#endif
