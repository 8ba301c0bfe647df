// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESService
import IESSimulator
import Testing

/// One thing that goes wrong with a result's answers, and what a program must see of it.
struct FaultRow: Sendable {
    enum Outcome: Sendable {
        /// The right bytes, as if nothing had been.
        case bytes
        case failure(Int32)
        /// A fault that strikes by chance: the one or the other.
        case bytesOr(Int32)

        var errno: Int32? {
            switch self {
            case .bytes: nil
            case .failure(let errno), .bytesOr(let errno): errno
            }
        }
    }

    /// Where the reason can be read while it fails.
    enum Place: Sendable { case file, project }

    let name: String
    let fault: Fault
    /// How often it strikes; nil: for ever.
    var times: Int?
    /// The size is known beforehand, so that it is a read that meets the fault, not the look-up.
    var isKnown = false
    let outcome: Outcome
    var place = Place.project
    /// `user.ies.http_status` and `user.ies.error_code`; nil: absent.
    var status: Int?
    var code: String?
    /// For the result while the fault lasts: more would be a storm.
    var requests: Int

    init(
        _ name: String, _ fault: Fault, times: Int? = nil, isKnown: Bool = false, _ outcome: Outcome,
        at place: Place = .project, status: Int? = nil, code: String? = nil, requests: Int
    ) {
        self.name = name
        self.fault = fault
        self.times = times
        self.isKnown = isKnown
        self.outcome = outcome
        self.place = place
        self.status = status
        self.code = code
        self.requests = requests
    }
}

/// A mount whose service goes wrong as rows say, each with a result of its own.
struct FaultBench: Sendable {
    static let options = ["timeout=\(timeout)", "retries=1", "error_ttl=1"]
    /// Of one wait without a byte, in seconds.
    static let timeout = 3
    /// What an operation may take beyond that on a busy machine, in seconds.
    private static let slack = 12
    /// More than the probe brings, and more than one block.
    static let content = SimulatedContent.generated(seed: 23, size: 2_500_000)

    let mounted: SimulatedMount
    let rows: [FaultRow]
    let content: SimulatedContent

    private static func task(_ index: Int) -> TaskID { TaskID(number: 0x500 + index) }
    private static let warmUp = TaskID(number: 0x400)

    /// Runs every row through one mount, and looks afterwards that the worker holds no more than before.
    static func run(
        _ rows: [FaultRow], content: SimulatedContent = content, behaviour: Behaviour = Behaviour()
    ) async throws {
        let tasks = [warmUp] + rows.indices.map { task($0) }
        try await SimulatedMount.with(
            tasks.map { SimulatedResult($0, content: content) }, options: options, behaviour: behaviour
        ) { mounted in
            let bench = FaultBench(mounted: mounted, rows: rows, content: content)
            try await shell("cat \(mounted.file(warmUp)) >/dev/null && ls \(mounted.project) >/dev/null")
            let before = try await WorkerUse.of(mounted.mount)
            for (index, row) in rows.enumerated() { try await bench.check(row, task(index)) }
            let isBack = try await eventually(within: 15) {
                try await WorkerUse.of(mounted.mount).isBack(to: before)
            }
            let after = try await WorkerUse.of(mounted.mount)
            #expect(isBack, "before \(before), after \(after)")
        }
    }

    private func check(_ row: FaultRow, _ task: TaskID) async throws {
        let log = mounted.service.log
        if row.isKnown { try await shell("stat \(mounted.file(task))") }
        mounted.service.inject(row.fault, for: task, on: .result, times: row.times)
        let requests = log.count(of: task)
        let start = ContinuousClock.now
        let copy = try await self.copy(task)
        let time = ContinuousClock.now - start
        #expect(
            log.count(of: task) - requests <= row.requests, "\(row.name): \(log.count(of: task) - requests) requests")
        #expect(time < .seconds(Self.timeout + Self.slack), "\(row.name): \(time)")
        try await judge(copy, row, task)
        mounted.service.clearFaults()
        try await recovers(row, task)
    }

    private func copy(_ task: TaskID) async throws -> ShellResult {
        let copy = mounted.workshop["copy"]
        return try await shell(
            "rm -f \(copy) && cp \(mounted.file(task)) \(copy) && sha256sum <\(copy)", environment: ["LC_ALL": "C"])
    }

    private func judge(_ copy: ShellResult, _ row: FaultRow, _ task: TaskID) async throws {
        guard !copy.succeeded else {
            if case .failure(let errno) = row.outcome {
                Issue.record("\(row.name): \(Self.words(errno)) was to come, and bytes did")
            }
            #expect(copy.text.hasPrefix(try #require(content.sha256())), "\(row.name): wrong bytes")
            return
        }
        guard let errno = row.outcome.errno else {
            Issue.record("\(row.name): \(copy.errors)")
            return
        }
        // Kernels whose reads go through iomap tell EIO of any failed buffered read.
        let isRight = copy.errors.hasSuffix(": \(Self.words(errno))\n")
        #expect(
            isRight || copy.errors.hasSuffix(": \(Self.words(EIO))\n") && row.place == .file,
            "\(row.name): \(copy.errors)")
        let place = row.place == .file ? mounted.file(task) : mounted.project
        #expect(try await mounted.attribute("errno", of: place) == Self.symbols[errno], "\(row.name)")
        #expect(try await mounted.attribute("error_msg", of: place)?.isEmpty == false, "\(row.name)")
        #expect(try await mounted.attribute("http_status", of: place) == row.status.map { "\($0)" }, "\(row.name)")
        if let code = row.code { #expect(try await mounted.attribute("error_code", of: place) == code, "\(row.name)") }
        if row.place == .project {
            #expect(try await mounted.attribute("error_name", of: place) == task.rawValue, "\(row.name)")
        }
    }

    /// Once the fault has gone the result is read without a remount, and nothing is said of a failure any more.
    private func recovers(_ row: FaultRow, _ task: TaskID) async throws {
        // Refused credentials may be held back until somebody says that they are good.
        if row.outcome.errno == EACCES {
            let holder = try #require(try await mounted.mount.processes().first)
            try await shell("kill -HUP \(holder)")
        }
        let sum = try #require(content.sha256())
        var last = ""
        let isRight = try await eventually(within: 20) {
            let copy = try await self.copy(task)
            last = copy.errors
            return copy.text.hasPrefix(sum)
        }
        #expect(isRight, "\(row.name): does not recover: \(last)")
        #expect(try await mounted.attribute("error_msg", of: mounted.file(task)) == nil, "\(row.name)")
        #expect(try await mounted.attribute("error_msg", of: mounted.project) == nil, "\(row.name)")
    }

    static func words(_ errno: Int32) -> String { String(cString: strerror(errno)) }

    static let symbols: [Int32: String] = [
        EIO: "EIO", EREMOTEIO: "EREMOTEIO", EINVAL: "EINVAL", EACCES: "EACCES", ENOENT: "ENOENT", EBUSY: "EBUSY",
        ETIMEDOUT: "ETIMEDOUT", EHOSTUNREACH: "EHOSTUNREACH", ECONNREFUSED: "ECONNREFUSED",
        ECONNRESET: "ECONNRESET", EPROTO: "EPROTO", ESTALE: "ESTALE",
    ]
}

/// What a worker holds of the machine.
struct WorkerUse: Sendable, CustomStringConvertible {
    /// But for those of data files, which the cache keeps.
    let descriptors: Int
    let threads: Int
    /// Of memory that is its own, in KiB.
    let memory: Int

    var description: String { "\(descriptors) descriptors, \(threads) threads, \(memory) KiB" }

    static func of(_ mount: MountedResults) async throws -> WorkerUse {
        let worker = try #require(try await mount.processes().last)
        let result = try await shell(
            """
            ls -l /proc/\(worker)/fd | grep -c -v '\(mount.cache)/data/'
            awk '/^Threads/ { print $2 }' /proc/\(worker)/status
            awk '/^RssAnon/ { print $2 }' /proc/\(worker)/status
            """)
        let numbers = result.lines.compactMap { Int($0) }
        try #require(numbers.count == 3, "\(result.text)\(result.errors)")
        return WorkerUse(descriptors: numbers[0], threads: numbers[1], memory: numbers[2])
    }

    /// Kept connections, pool threads and buffers for reuse may be a few more; a leak is one for each row and request.
    func isBack(to before: WorkerUse) -> Bool {
        descriptors <= before.descriptors + 6 && threads <= before.threads + 8 && memory <= before.memory + (48 << 10)
    }
}
