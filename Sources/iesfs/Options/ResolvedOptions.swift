// SPDX-License-Identifier: Apache-2.0

import Configuration
import Synchronization

/// The options of a mount after all sources were read: `-o` wins over the environment
/// (`IESFS_<OPTION>`), which wins over the configuration file.
struct ResolvedOptions: Sendable {
    private(set) var options = MountOptions()
    /// Those that were set, as text with absolute paths, and where each was set.
    private(set) var texts: [String: String] = [:]
    private(set) var origins: [String: String] = [:]
    /// What `-o` had that is for mount(8) or fstab.
    private(set) var fstabOptions: [OptionString.Item] = []

    /// - Parameters:
    ///   - arguments: The texts after each `-o`; of a repeated option the last counts.
    ///   - file: The values of the configuration file and its path.
    ///   - workingDirectory: What relative paths in `arguments` and the environment start from.
    init(
        arguments: [String], environment: [String: String] = [:], file: (path: String, values: [String: String])? = nil,
        workingDirectory: String
    ) throws(OptionError) {
        var given: [String: String] = [:]
        for item in arguments.flatMap(OptionString.items) {
            if let option = OptionTable.byName[item.name] {
                given[item.name] = try Self.text(of: item, for: option)
            } else {
                try take(fstabOption: item)
            }
        }

        let origins = OriginReporter(names: ["-o", "the environment", file?.path ?? ""])
        let reader = ConfigReader(
            providers: [
                InMemoryProvider(values: Self.values(given)),
                // A variable set to nothing counts as not set.
                EnvironmentVariablesProvider(environmentVariables: environment.filter { !$0.value.isEmpty })
                    .prefixKeys(with: "iesfs"),
                InMemoryProvider(values: Self.values(file?.values ?? [:])),
            ], accessReporter: origins)
        for option in OptionTable.options {
            guard var text = reader.string(forKey: ConfigKey([option.name])) else { continue }
            let origin = origins.of(option.name)
            if option.isPath, origin != file?.path { text = Self.absolute(text, from: workingDirectory) }
            try set(option, to: text, from: origin)
        }
        if options.allowsOther, options.allowsRoot {
            throw OptionError("allow_other and allow_root exclude each other")
        }
    }

    /// All of this as one text for `-o`, for a child that shall not resolve anything anew.
    var asArgument: String {
        let items = OptionTable.options.compactMap { option in
            texts[option.name].map { OptionString.Item(name: option.name, value: $0) }
        }
        return OptionString.text(of: fstabOptions + items)
    }

    private mutating func take(fstabOption item: OptionString.Item) throws(OptionError) {
        switch item.name {
        case "rw":
            throw OptionError("-o rw: an iesfs mount is read-only; leave rw out")
        case "remount":
            throw OptionError("-o remount: options of a mount cannot be changed; unmount it and mount it again")
        case let name where FstabOption.accepts(name):
            FstabOption.apply(name, to: &options)
            fstabOptions.append(item)
        default:
            throw .unknown(item.name, in: "-o")
        }
    }

    private mutating func set(_ option: MountOption, to text: String, from origin: String) throws(OptionError) {
        do {
            try option.apply(text, &options)
        } catch {
            let quoted = text.contains("@") ? "" : " '\(text.prefix(80))'"
            throw OptionError("\(origin): \(option.name)\(quoted) must be \(error.expectation)")
        }
        texts[option.name] = text
        origins[option.name] = origin
    }

    private static func text(of item: OptionString.Item, for option: MountOption) throws(OptionError) -> String {
        if let value = item.value { return value }
        guard let placeholder = option.placeholder else { return "yes" }
        throw OptionError("-o: \(option.name) needs a value, as in \(option.name)=\(placeholder)")
    }

    private static func values(_ texts: [String: String]) -> [AbsoluteConfigKey: ConfigValue] {
        Dictionary(
            uniqueKeysWithValues: texts.map { name, text in
                (AbsoluteConfigKey([name]), ConfigValue(.string(text), isSecret: false))
            })
    }

    private static func absolute(_ path: String, from directory: String) -> String {
        path.isEmpty || path.hasPrefix("/")
            ? path : directory.hasSuffix("/") ? directory + path : "\(directory)/\(path)"
    }
}

/// Notes which of the providers, named here in their order, each value came from.
private final class OriginReporter: AccessReporter {
    private let names: [String]
    private let origins = Mutex<[String: String]>([:])

    init(names: [String]) {
        self.names = names
    }

    func of(_ key: String) -> String { origins.withLock { $0[key] ?? "" } }

    func report(_ event: AccessEvent) {
        let answering = event.providerResults.firstIndex { (try? $0.result.get().value) != nil }
        guard let answering else { return }
        origins.withLock { $0[event.metadata.key.description] = names[answering] }
    }
}
