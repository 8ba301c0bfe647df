// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

enum ProcessEnvironment {
    /// The variables of this process. Home is the user's also where nothing says so: mount(8) and systemd start
    /// helpers without `HOME`.
    static var current: [String: String] {
        var variables = ProcessInfo.processInfo.environment
        if variables["HOME", default: ""].isEmpty, let user = getpwuid(geteuid()), let home = user.pointee.pw_dir {
            variables["HOME"] = String(cString: home)
        }
        return variables
    }
}
