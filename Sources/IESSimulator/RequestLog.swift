// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import IESService
import Synchronization

/// Every call the service got, in order, and what became of it. Holds no secret.
package final class RequestLog: Sendable {
    package struct Entry: Sendable, Codable, Identifiable {
        package enum Ending: String, Sendable, Codable {
            case open
            /// The whole answer was handed to the network.
            case complete
            /// A fault ended it.
            case cut
            /// The client left first.
            case abandoned
        }

        /// Counts from 1.
        package let id: Int
        package let time: Date
        package let method: String
        /// With the query, signatures of links redacted.
        package let path: String
        package let operation: String
        /// The task asked for, if any.
        package let task: String?
        package let range: String?
        package let ifRange: String?
        /// Every field of the request, in order, values of secret ones redacted.
        package let fields: [Field]
        /// `signed`, `token`, `link`, `none`, or why the credentials were not accepted.
        package let credentials: String
        package internal(set) var status: Int?
        /// Bytes of the body handed to the network, without chunk framing.
        package internal(set) var bodyBytes: Int64 = 0
        package internal(set) var ending = Ending.open

        package func field(_ name: String) -> String? {
            fields.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    package struct Field: Sendable, Codable, Hashable {
        package let name: String
        package let value: String
    }

    /// What can be waited for.
    package enum Condition: Sendable, Hashable {
        /// So many calls have arrived since the last reset (of that task's result, or in all).
        case arrived(Int, task: TaskID? = nil)
        /// So many calls have been answered or broken off.
        case ended(Int, task: TaskID? = nil)
        /// So many bytes of result bodies have been sent.
        case sent(Int64, task: TaskID? = nil)
        /// So many calls are open at this moment, neither more nor less.
        case open(Int)
    }

    private struct Waiter {
        let condition: Condition
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var entries: [Entry] = []
        /// Number of the first entry minus one, so that a late report after a reset finds nothing.
        var forgotten = 0
        var open = 0
        var highestOpen = 0
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
        var connections = 0
    }

    private let state = Mutex(State())

    // MARK: Asking

    package var entries: [Entry] { state.withLock { $0.entries } }

    /// Calls that asked for this task's result or its link.
    package func entries(of task: TaskID) -> [Entry] { entries.filter { Self.delivers($0, task: task) } }

    /// Calls since the last reset.
    package var count: Int { state.withLock { $0.entries.count } }

    package func count(of task: TaskID) -> Int {
        state.withLock { Self.count(in: $0, task: task) }
    }

    /// Body bytes handed to the network in successful answers (200, 206) for this task's result.
    package func bytesSent(of task: TaskID) -> Int64 {
        state.withLock { Self.sent(in: $0, task: task) }
    }

    /// The same for the results of all tasks.
    package var bytesSent: Int64 { state.withLock { Self.sent(in: $0, task: nil) } }

    /// Calls being answered at this moment.
    package var openCount: Int { state.withLock { $0.open } }

    /// The most calls that were ever open together since the last reset.
    package var highestOpenCount: Int { state.withLock { $0.highestOpen } }

    /// Connections that brought a call since the last reset.
    package var connectionCount: Int { state.withLock { $0.connections } }

    /// Forgets every call; those still open are not counted any more.
    package func reset() {
        state.withLock {
            $0.forgotten += $0.entries.count
            $0.entries.removeAll()
            $0.open = 0
            $0.highestOpen = 0
            $0.connections = 0
        }
        wake()
    }

    /// Waits until `condition` holds; returns at once where it does already.
    package func wait(for condition: Condition) async throws {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let isMet = state.withLock { state in
                    if Task.isCancelled || Self.holds(condition, in: state) { return true }
                    state.waiters[number] = Waiter(condition: condition, continuation: continuation)
                    return false
                }
                if isMet { continuation.resume() }
            }
            try Task.checkCancellation()
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.continuation
                .resume(throwing: CancellationError())
        }
    }

    /// The calls as JSON, oldest first.
    package func json(task: TaskID? = nil) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let chosen = task.map { entries(of: $0) } ?? entries
        guard let data = try? encoder.encode(chosen) else { return Array("[]".utf8) }
        return Array(data)
    }

    // MARK: Reporting

    func connected() { state.withLock { $0.connections += 1 } }

    /// - Returns: The number under which the rest is reported.
    func begin(
        _ request: SimulatedRequest, operation: Operation, task: TaskID?, credentials: String, at time: Date
    ) -> Int {
        let number = state.withLock { state in
            let number = state.forgotten + state.entries.count + 1
            state.entries.append(
                Entry(
                    id: number, time: time, method: request.method, path: Redaction.path(request.target),
                    operation: operation.rawValue, task: task?.rawValue, range: request.fields.first("Range"),
                    ifRange: request.fields.first("If-Range"),
                    fields: request.fields.map { Field(name: $0.name, value: Redaction.value($0)) },
                    credentials: credentials))
            state.open += 1
            state.highestOpen = max(state.highestOpen, state.open)
            return number
        }
        wake()
        return number
    }

    func answered(_ number: Int, status: Int) { change(number) { $0.status = status } }

    func sent(_ number: Int, bytes: Int) { change(number) { $0.bodyBytes += Int64(bytes) } }

    func end(_ number: Int, _ ending: Entry.Ending) {
        change(number, closes: true) { if $0.ending == .open { $0.ending = ending } }
    }

    private func change(_ number: Int, closes: Bool = false, _ body: (inout Entry) -> Void) {
        state.withLock { state in
            let index = number - state.forgotten - 1
            guard state.entries.indices.contains(index) else { return }
            if closes, state.entries[index].ending == .open { state.open -= 1 }
            body(&state.entries[index])
        }
        wake()
    }

    private func wake() {
        let met = state.withLock { state -> [Waiter] in
            guard !state.waiters.isEmpty else { return [] }
            let numbers = state.waiters.filter { Self.holds($0.value.condition, in: state) }.keys
            return numbers.compactMap { state.waiters.removeValue(forKey: $0) }
        }
        for waiter in met { waiter.continuation.resume() }
    }

    private static func delivers(_ entry: Entry, task: TaskID?) -> Bool {
        guard let task else { return true }
        return entry.task == task.rawValue
            && (entry.operation == Operation.result.rawValue || entry.operation == Operation.link.rawValue)
    }

    private static func count(in state: State, task: TaskID?) -> Int {
        task == nil ? state.entries.count : state.entries.count { delivers($0, task: task) }
    }

    private static func sent(in state: State, task: TaskID?) -> Int64 {
        state.entries.lazy.filter { ($0.status == 200 || $0.status == 206) && isResult($0, task: task) }
            .reduce(0) { $0 + $1.bodyBytes }
    }

    private static func isResult(_ entry: Entry, task: TaskID?) -> Bool {
        (task == nil || entry.task == task?.rawValue)
            && (entry.operation == Operation.result.rawValue || entry.operation == Operation.link.rawValue)
    }

    private static func holds(_ condition: Condition, in state: State) -> Bool {
        switch condition {
        case .arrived(let number, let task): count(in: state, task: task) >= number
        case .ended(let number, let task):
            state.entries.count { $0.ending != .open && delivers($0, task: task) } >= number
        case .sent(let bytes, let task): sent(in: state, task: task) >= bytes
        case .open(let number): state.open == number
        }
    }
}
