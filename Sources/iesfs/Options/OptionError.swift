// SPDX-License-Identifier: Apache-2.0

/// Why options are refused, as a sentence. Values that nobody knows are never repeated: one may be a secret.
struct OptionError: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// A name that nothing knows, given `place` ("-o" or the name of a file).
    static func unknown(_ name: String, in place: String) -> OptionError {
        if secretNames.contains(name.lowercased()) {
            return OptionError(
                "\(place): \(name) is a secret and is not taken from here; put it into a file of mode 0600 named by"
                    + " token_file= or credentials=, or into the environment")
        }
        let known = OptionTable.options.map(\.name) + FstabOption.accepted.sorted()
        let nearest = EditDistance.nearest(to: name, among: known).map { "; the nearest known one is \($0)" } ?? ""
        return OptionError("\(place): unknown option \(printable(name))\(nearest)")
    }

    static func unknownKey(_ key: String, inFile path: String) -> OptionError {
        if secretNames.contains(key.lowercased()) { return unknown(key, in: path) }
        let nearest = EditDistance.nearest(to: key, among: OptionTable.options.map(\.name))
        return OptionError("\(path): unknown key \(printable(key)); the nearest known one is \(nearest ?? "cache_dir")")
    }

    private static let secretNames: Set<String> = [
        "ak", "sk", "access_key", "secret_key", "accesskey", "secretkey", "token", "security_token", "password",
        "secret",
    ]

    private static func printable(_ name: String) -> String {
        let cut = name.count > 40 ? "\(name.prefix(40))…" : name
        return "'" + String(cut.map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 32 } ? "?" : $0 }) + "'"
    }
}
