// SPDX-License-Identifier: Apache-2.0

import Logging

/// One option of `-o`, which the environment and the configuration file take too.
struct MountOption: Sendable {
    let name: String
    /// What stands after `=` in the help; nil for an option that is on or off.
    let placeholder: String?
    /// The default, as the help shows it.
    let standard: String
    let help: String
    /// A path: one given on the command line is relative to the working directory.
    let isPath: Bool
    let apply: @Sendable (String, inout MountOptions) throws(InvalidValue) -> Void
}

extension MountOption {
    typealias Path<Value> = any WritableKeyPath<MountOptions, Value> & Sendable

    static func flag(_ name: String, _ path: Path<Bool>, _ help: String) -> MountOption {
        MountOption(name: name, placeholder: nil, standard: "", help: help, isPath: false) {
            text, options throws(InvalidValue) in
            options[keyPath: path] = try OptionValue.flag(text)
        }
    }

    static func value<Value>(
        _ name: String, _ placeholder: String, _ path: Path<Value>, default standard: String, _ help: String,
        parse: @escaping @Sendable (String) throws(InvalidValue) -> Value
    ) -> MountOption {
        MountOption(name: name, placeholder: placeholder, standard: standard, help: help, isPath: false) {
            text, options throws(InvalidValue) in
            options[keyPath: path] = try parse(text)
        }
    }

    static func path(
        _ name: String, _ placeholder: String, _ path: Path<String?>, default standard: String, _ help: String
    ) -> MountOption {
        MountOption(name: name, placeholder: placeholder, standard: standard, help: help, isPath: true) {
            text, options throws(InvalidValue) in
            options[keyPath: path] = try OptionValue.absolutePath(text)
        }
    }
}
