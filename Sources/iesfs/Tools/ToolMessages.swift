// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// What a command asks of a worker through its tool socket: one line of JSON, the only one of its connection.
struct ToolRequest: Codable, Hashable, Sendable {
    enum Command: String, Codable, Sendable { case prefetch, evict, info, verify, clear }

    /// What both sides have to agree on; one that does not know it says so.
    var version = ToolLine.version
    var command: Command
    /// Below the mountpoint, `PROJECT/TASK`; each component may be a pattern.
    var paths: [String] = []
    /// How many results to fetch at a time.
    var jobs = 4
    var pins = false
    var unpins = false
    var isTrial = false

    init(_ command: Command, paths: [String] = []) {
        self.command = command
        self.paths = paths
    }

    private enum CodingKeys: String, CodingKey {
        case version, command, paths, jobs
        case pins = "pin"
        case unpins = "unpin"
        case isTrial = "dry_run"
    }
}

/// One line of the answer: how far it is, what became of one result, or, as the last line, the sum or why there is none.
enum ToolAnswer: Hashable, Sendable {
    case progress(ToolProgress)
    /// Nothing new, and the work goes on.
    case alive
    case item(ToolItem)
    case summary(ToolSummary)
    /// Nothing could be done; one sentence.
    case failure(String)

    var isLast: Bool {
        switch self {
        case .progress, .alive, .item: false
        case .summary, .failure: true
        }
    }
}

struct ToolProgress: Codable, Hashable, Sendable {
    var results = 0
    var done = 0
    var failed = 0
    /// In the cache, or read, so far.
    var bytes: Int64 = 0
    /// Of the results whose size is known.
    var totalBytes: Int64 = 0
    /// Results whose size is not known yet.
    var unsized = 0

    private enum CodingKeys: String, CodingKey {
        case results, done, failed, bytes, unsized
        case totalBytes = "total_bytes"
    }
}

/// What became of one result, or of one path that led to none.
struct ToolItem: Codable, Hashable, Sendable {
    var path: String
    /// `EINVAL`; with it, it failed.
    var errno: String?
    /// Why it failed, or was left as it is.
    var message: String?
    /// Its size, or what was given back of the disk.
    var bytes: Int64?
    /// What had to be downloaded of it.
    var fetched: Int64?
    /// The numbers of blocks that were wrong.
    var wrongBlocks: [Int]?

    var hasFailed: Bool { errno != nil }

    private enum CodingKeys: String, CodingKey {
        case path, errno, message, bytes, fetched
        case wrongBlocks = "wrong_blocks"
    }
}

struct ToolSummary: Codable, Hashable, Sendable {
    var results = 0
    var failed = 0
    /// Fetched, given back or verified.
    var bytes: Int64 = 0
    var wrongBlocks: Int?
    var cache: CacheInformation?

    private enum CodingKeys: String, CodingKey {
        case results, failed, bytes, cache
        case wrongBlocks = "wrong_blocks"
    }
}

/// What `iesfs cache info` shows. Sizes are in bytes.
struct CacheInformation: Codable, Hashable, Sendable {
    var directory: String
    var limit: Int64
    var limitInForce: Int64
    var used: Int64
    var diskFree: Int64
    /// Of which something is held.
    var results = 0
    var complete = 0
    var pinned: Int64
    var pinnedResults: Int
    var blockSize: Int
    var format: String
    /// How its disk is doing.
    var health: String
    var damagedBlocks: Int

    private enum CodingKeys: String, CodingKey {
        case directory, limit, used, results, complete, pinned, format, health
        case limitInForce = "limit_in_force"
        case diskFree = "disk_free"
        case pinnedResults = "pinned_results"
        case blockSize = "block_size"
        case damagedBlocks = "damaged_blocks"
    }
}

extension ToolAnswer: Codable {
    private enum CodingKeys: String, CodingKey { case progress, alive, item, summary, failure }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        if let progress = try values.decodeIfPresent(ToolProgress.self, forKey: .progress) {
            self = .progress(progress)
        } else if values.contains(.alive) {
            self = .alive
        } else if let item = try values.decodeIfPresent(ToolItem.self, forKey: .item) {
            self = .item(item)
        } else if let summary = try values.decodeIfPresent(ToolSummary.self, forKey: .summary) {
            self = .summary(summary)
        } else {
            self = .failure(try values.decode(String.self, forKey: .failure))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .progress(let progress): try values.encode(progress, forKey: .progress)
        case .alive: try values.encode(true, forKey: .alive)
        case .item(let item): try values.encode(item, forKey: .item)
        case .summary(let summary): try values.encode(summary, forKey: .summary)
        case .failure(let text): try values.encode(text, forKey: .failure)
        }
    }
}

/// Lines of JSON, as they go through the socket.
enum ToolLine {
    static let version = 1
    /// The most bytes of a request, which may name as many paths as fit on a command line.
    static let longestRequest = 4 << 20
    static let longestAnswer = 1 << 20

    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Numbers, strings and lists of them always encode.
        guard let data = try? encoder.encode(value) else { return [] }
        return Array(data) + [UInt8(ascii: "\n")]
    }

    /// The request in a line without its line feed; else the answer to it.
    static func request(_ line: some Collection<UInt8>) -> Result<ToolRequest, Rejection> {
        let data = Data(line)
        guard let asked = try? JSONDecoder().decode(Version.self, from: data) else {
            return .failure(Rejection(reason: "This is not a request."))
        }
        guard asked.version == version else {
            return .failure(
                Rejection(
                    reason: "The mount speaks version \(version) of the tools' protocol, the command version "
                        + "\(asked.version). Use the iesfs that made the mount, or mount again."))
        }
        guard let request = try? JSONDecoder().decode(ToolRequest.self, from: data) else {
            return .failure(Rejection(reason: "The mount does not know this command."))
        }
        return .success(request)
    }

    static func answer(_ line: some Collection<UInt8>) -> ToolAnswer? {
        try? JSONDecoder().decode(ToolAnswer.self, from: Data(line))
    }

    private struct Version: Decodable { let version: Int }

    struct Rejection: Error, Hashable { let reason: String }
}
