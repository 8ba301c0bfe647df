// SPDX-License-Identifier: Apache-2.0

import IESService
import Logging

/// Every option there is: the one place for names, forms, defaults and help.
enum OptionTable {
    static let options: [MountOption] = [
        .flag("allow_other", \.allowsOther, "let other users in, as uid, gid and umask say"),
        .flag("allow_root", \.allowsRoot, "let root in, beside the user who mounts"),
        .value("uid", "N", \.uid, default: "who mounts", "owner of all files") {
            text throws(InvalidValue) in try OptionValue.owner(text)
        },
        .value("gid", "N", \.gid, default: "who mounts", "group of all files") {
            text throws(InvalidValue) in try OptionValue.owner(text)
        },
        .value("umask", "OCTAL", \.umask, default: "000", "bits taken from 0444 (files) and 0555 (directories)") {
            text throws(InvalidValue) in try OptionValue.mask(text)
        },
        .path(
            "cache_dir", "DIR", \.cacheDirectory,
            default: "/var/cache/iesfs for root, else ~/.cache/iesfs", "where results are kept"),
        .value(
            "cache_size", "SIZE", \.cacheSize, default: "a tenth of the disk, at least 1G", "how much may be kept"
        ) { text throws(InvalidValue) in try size(text, within: 1 << 20...Int64.max, "a size of at least 1M") },
        .value(
            "cache_free", "SIZE|PERCENT%", \.cacheFree, default: "5%", "how much of the cache's disk is left free"
        ) { text throws(InvalidValue) in try OptionValue.freeSpace(text) },
        .value("block_size", "SIZE", \.blockSize, default: "1M", "unit of the cache") {
            text throws(InvalidValue) in try blockSize(text)
        },
        .value("read_ahead", "SIZE", \.readAhead, default: "64M", "how far to download ahead of a sequential reader") {
            text throws(InvalidValue) in try OptionValue.size(text)
        },
        .value("connections", "N", \.connections, default: "8", "downloads of one file at a time, at most") {
            text throws(InvalidValue) in try OptionValue.count(text, within: 1...16)
        },
        .value(
            "memory", "SIZE", \.memory, default: "64M",
            "what data may take on its way to the disk, or past a failing one"
        ) { text throws(InvalidValue) in try size(text, within: 4 << 20...1 << 40, "a size from 4M to 1T") },
        .value(
            "revalidate", "TIME", \.revalidate, default: "never",
            "an open after this long asks if the result is the same"
        ) { text throws(InvalidValue) in try OptionValue.duration(text) },
        .value("timeout", "TIME", \.timeout, default: "30s", "an operation fails after this long without a byte") {
            text throws(InvalidValue) in try duration(text, within: .seconds(1) ... .seconds(3_600))
        },
        .value("retries", "N", \.retries, default: "5", "how often a request is tried again") {
            text throws(InvalidValue) in try OptionValue.count(text, within: 0...100)
        },
        .value(
            "rate", "N", \.rate, default: "10",
            "requests a second for each project, and twice as many at once after a pause; 0: no limit"
        ) { text throws(InvalidValue) in try OptionValue.count(text, within: 0...10_000) },
        .value("list_ttl", "TIME", \.listTTL, default: "60s", "how long a list of tasks is kept") {
            text throws(InvalidValue) in try OptionValue.duration(text)
        },
        .value("error_ttl", "TIME", \.errorTTL, default: "5s", "how long a refusal is remembered") {
            text throws(InvalidValue) in try OptionValue.duration(text)
        },
        .flag("nolist", \.listsNothing, "never ask for lists of tasks; results are found by id"),
        .flag(
            "nopassthrough", \.passesNothingThrough,
            "never let the kernel read finished results by itself, as it does for root from Linux 6.9 on"),
        .value(
            "check", "fail|warn|none", \.check, default: "fail; warn with _netdev or nofail",
            "what a failed check of the endpoint does"
        ) { text throws(InvalidValue) in
            guard let check = MountOptions.Check(rawValue: text) else {
                throw InvalidValue(expectation: "fail, warn or none")
            }
            return check
        },
        .value("projects", "ID[:ID…]", \.projects, default: "any", "show only these projects") {
            text throws(InvalidValue) in try projects(text)
        },
        .path("token_file", "FILE", \.tokenFile, default: "$IESFS_TOKEN", "file with a token, mode 0600"),
        .path(
            "credentials", "FILE", \.credentialsFile, default: "~/.huaweicloud/credentials",
            "profile file with ak and sk, mode 0600"),
        .value("profile", "NAME", \.profile, default: "basic", "section of the profile file") {
            text throws(InvalidValue) in try word(text)
        },
        .value(
            "metadata", "URL|no", \.metadata, default: "http://169.254.169.254",
            "metadata service of a cloud server, asked where there are no other credentials"
        ) { text throws(InvalidValue) in try metadata(text) },
        .value(
            "project_profiles", "ID=NAME[:…]", \.projectProfiles, default: "none",
            "projects with a section of the profile file of their own"
        ) { text throws(InvalidValue) in try OptionValue.projects(text, of: "a profile") },
        .value(
            "project_endpoints", "ID=SOURCE[:…]", \.projectEndpoints, default: "none",
            "projects in another region, or at another URL"
        ) { text throws(InvalidValue) in try OptionValue.projects(text, of: "a region or a URL") },
        .value("proxy", "URL", \.proxy, default: "$https_proxy", "proxy to use, without user and password") {
            text throws(InvalidValue) in try proxy(text)
        },
        .path(
            "cacert", "FILE", \.certificateAuthorities, default: "$SSL_CERT_FILE, else the system's",
            "certificate authorities (PEM) to trust"),
        .flag("allow_http", \.allowsHTTP, "allow an http:// endpoint that is not on this machine"),
        .value("log", "FILE|journal|stderr", \.log, default: "journal; stderr with --foreground", "where messages go") {
            text throws(InvalidValue) in try LogDestination(text)
        },
        .value("log_level", "LEVEL", \.logLevel, default: "info", "trace, debug, info, notice, warning or error") {
            text throws(InvalidValue) in
            guard let level = Logger.Level(rawValue: text) else {
                throw InvalidValue(expectation: "trace, debug, info, notice, warning or error")
            }
            return level
        },
    ]

    static let byName = Dictionary(uniqueKeysWithValues: options.map { ($0.name, $0) })

    /// The table as part of a help text of 79 columns.
    static var help: String {
        options.map { option in
            let name = option.placeholder.map { "\(option.name)=\($0)" } ?? option.name
            let standard = option.standard.isEmpty ? "" : " (\(option.standard))"
            return lines(of: "\(option.help)\(standard)", startingWith: "  \(name)", indent: 26, width: 79)
        }.joined(separator: "\n")
    }

    private static func lines(of text: String, startingWith start: String, indent: Int, width: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        // A name as long as the margin has a line of its own.
        var lines = start.count < indent ? [start.padding(to: indent)] : [start, margin]
        for word in text.split(separator: " ") {
            let isFirst = lines[lines.count - 1].count <= indent
            if !isFirst, lines[lines.count - 1].count + 1 + word.count > width {
                lines.append(margin + word)
            } else {
                lines[lines.count - 1] += (isFirst ? "" : " ") + word
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func size(
        _ text: String, within range: ClosedRange<Int64>, _ expectation: String
    ) throws(InvalidValue) -> Int64 {
        let bytes = try OptionValue.size(text)
        guard range.contains(bytes) else { throw InvalidValue(expectation: expectation) }
        return bytes
    }

    private static func blockSize(_ text: String) throws(InvalidValue) -> Int64 {
        let bytes = try OptionValue.size(text)
        guard (64 << 10...64 << 20).contains(bytes), bytes & (bytes - 1) == 0 else {
            throw InvalidValue(expectation: "a power of two from 64K to 64M")
        }
        return bytes
    }

    private static func duration(
        _ text: String, within range: ClosedRange<Duration>
    ) throws(InvalidValue) -> Duration {
        let duration = try OptionValue.duration(text)
        guard range.contains(duration) else {
            let bounds = "\(range.lowerBound.components.seconds)s to \(range.upperBound.components.seconds)s"
            throw InvalidValue(expectation: "a time from \(bounds)")
        }
        return duration
    }

    private static func projects(_ text: String) throws(InvalidValue) -> [String] {
        let ids = text.split(separator: ":").map(String.init)
        guard !ids.isEmpty, ids.allSatisfy({ ProjectID(rawValue: $0) != nil }) else {
            throw InvalidValue(expectation: "project ids separated by colons")
        }
        return ids
    }

    private static func word(_ text: String) throws(InvalidValue) -> String {
        guard !text.isEmpty else { throw InvalidValue(expectation: "a name") }
        return text
    }

    private static func metadata(_ text: String) throws(InvalidValue) -> String? {
        if text == "no" { return nil }
        guard (try? Endpoint.parse(text, allowsHTTP: true)) != nil, text.contains("://") else {
            throw InvalidValue(expectation: "no, or a URL such as http://169.254.169.254")
        }
        return text
    }

    private static func proxy(_ text: String) throws(InvalidValue) -> String {
        guard !text.isEmpty else { throw InvalidValue(expectation: "a URL such as http://proxy.example:3128") }
        guard !text.contains("@") else {
            throw InvalidValue(
                expectation: "a URL without user and password, which anyone could read here;"
                    + " name those in the variable https_proxy instead")
        }
        return text
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

extension OptionTable {
    /// The table as README.md has it.
    static var markdown: String {
        let rows = options.map { option in
            let name = option.placeholder.map { "\(option.name)=\($0)" } ?? option.name
            let cells = [option.help, option.standard].map { $0.replacing("|", with: "\\|") }
            return "| `\(name.replacing("|", with: "\\|"))` | \(cells[0]) | \(cells[1]) |"
        }
        return (["| option | meaning | default |", "|---|---|---|"] + rows).joined(separator: "\n")
    }
}
