// SPDX-License-Identifier: Apache-2.0

import Glibc

enum ProcessLimits {
    /// As many open files as may be, for handles and cache files.
    static func raiseOpenFiles() {
        var files = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0 {
            files.rlim_cur = min(files.rlim_max, 1 << 20)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        }
    }

    /// No core files, which would hold secrets.
    static func forbidCore() {
        var core = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
    }
}
