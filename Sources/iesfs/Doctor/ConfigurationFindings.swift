// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a mount would be told, and by whom.
enum ConfigurationFindings {
    static func file(_ path: String) -> Finding {
        .note(.configuration, "file", access(path, F_OK) == 0 ? path : "\(path) is not there")
    }

    static func options(_ resolved: ResolvedOptions) -> [Finding] {
        let given = OptionTable.options.compactMap { option in
            resolved.texts[option.name].map { text in
                Finding.ok(.configuration, option.name, "\(text)  (\(resolved.origins[option.name] ?? "unknown"))")
            }
        }
        return given.isEmpty ? [.note(.configuration, "options", "none given: the defaults hold")] : given
    }
}
