// SPDX-License-Identifier: Apache-2.0

import Configuration
import Synchronization
import SystemPackage

/// A YAML file whose keys are names of options.
enum ConfigurationFile {
    static let standardPath = "/etc/iesfs/config.yaml"

    /// The values in the file at `path`, as text; lists are joined by colons. A missing file is an
    /// error only if it `isRequired`.
    static func values(ofFile path: String, isRequired: Bool) throws(OptionError) -> [String: String] {
        let content: [UInt8]
        do throws(Errno) {
            content = try contents(ofFile: path)
        } catch .noSuchFileOrDirectory where !isRequired {
            return [:]
        } catch .noSuchFileOrDirectory {
            throw OptionError("\(path): there is no such configuration file")
        } catch {
            throw OptionError(
                "\(path): the configuration file cannot be read (\(error)); choose another with --config FILE")
        }
        return try values(of: content, path: path)
    }

    static func values(of content: [UInt8], path: String) throws(OptionError) -> [String: String] {
        guard content.contains(where: { $0 > UInt8(ascii: " ") }), !isOnlyComments(content) else { return [:] }
        // The parser asks about each key whether it is secret, which tells what keys there are.
        let keys = KeyList()
        let snapshot: YAMLSnapshot
        do {
            snapshot = try YAMLSnapshot(
                data: content.span.bytes, providerName: path,
                parsingOptions: .init(
                    secretsSpecifier: .dynamic { key, _ in
                        keys.append(key)
                        return false
                    }))
        } catch {
            throw OptionError("\(path): \(summary(of: error))")
        }
        var values: [String: String] = [:]
        for key in keys.all {
            guard OptionTable.byName[key] != nil else { throw .unknownKey(key, inFile: path) }
            values[key] = try text(of: key, in: snapshot, path: path)
        }
        return values
    }

    /// At most 1 MiB of the file, which may be a device such as `/dev/null`.
    private static func contents(ofFile path: String) throws(Errno) -> [UInt8] {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
            return try file.closeAfter {
                var content: [UInt8] = []
                var piece = [UInt8](repeating: 0, count: 65_536)
                while content.count < 1 << 20 {
                    let count = try piece.withUnsafeMutableBytes { try file.read(into: $0) }
                    guard count > 0 else { break }
                    content += piece[..<count]
                }
                return content
            }
        } catch {
            throw (error as? Errno) ?? .ioError
        }
    }

    private static func text(of key: String, in snapshot: YAMLSnapshot, path: String) throws(OptionError) -> String {
        let key = AbsoluteConfigKey([key])
        if let value = try? snapshot.value(forKey: key, type: .string).value, case .string(let text) = value.content {
            return text
        }
        if let value = try? snapshot.value(forKey: key, type: .stringArray).value,
            case .stringArray(let texts) = value.content
        {
            return texts.joined(separator: ":")
        }
        throw OptionError("\(path): \(key) is neither a text nor a list of texts")
    }

    /// YAML without any value is no mapping, which the parser refuses; a file of comments is fine.
    private static func isOnlyComments(_ content: [UInt8]) -> Bool {
        content.split(separator: UInt8(ascii: "\n")).allSatisfy { line in
            let first = line.first { $0 > UInt8(ascii: " ") }
            return first == nil || first == UInt8(ascii: "#") || line.elementsEqual("---".utf8)
        }
    }

    /// The parser's message in one line, without the source lines it quotes.
    private static func summary(of error: any Error) -> String {
        let lines = String(describing: error).split(whereSeparator: \.isNewline)
        let message = lines.first { $0.contains("error") || $0.contains("not") } ?? lines.first ?? "not readable"
        return "not valid YAML (\(message.prefix(160)))"
    }
}

private final class KeyList: Sendable {
    private let keys = Mutex<[String]>([])

    var all: [String] { keys.withLock { $0 } }

    func append(_ key: String) {
        keys.withLock { $0.append(key) }
    }
}
