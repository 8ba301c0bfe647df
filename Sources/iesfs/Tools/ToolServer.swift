// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import Glibc
import Synchronization

/// Takes commands from a tool socket: one request for each connection, answered line by line.
///
/// All reading and writing is on one thread of its own, which never waits for the work: that is a task for each request,
/// cancelled when its client goes away.
final class ToolServer: Sendable {
    typealias Handler = @Sendable (ToolRequest, @escaping @Sendable (ToolAnswer) async -> Void) async -> Void

    struct Limits: Sendable {
        /// Those beyond it are told so.
        var clients = 16
        /// For a client to send its request, and to take an answer.
        var patience: Duration = .seconds(10)
        /// The most bytes that wait for a client until the work waits as well.
        var backlog = 256 << 10
        /// Who may connect.
        var users: Set<UInt32> = [0, CurrentUser.id]
    }

    private struct Connection {
        let descriptor: Int32
        var input: [UInt8] = []
        var output: [UInt8] = []
        var work: Task<Void, Never>?
        /// Nil while the client owes nothing.
        var deadline: ContinuousClock.Instant?
        /// What is in `output` is all there will be.
        var isFinished = false
    }

    private struct State {
        var connections: [Int: Connection] = [:]
        var next = 0
        var hasStopped = false
    }

    private let path: String
    private let listener: Int32
    private let identity: UInt64?
    private let wake: Int32
    private let limits: Limits
    private let handler: Handler
    private let state = Mutex(State())
    private let ended = DispatchSemaphore(value: 0)

    /// Listens at `path` at once.
    init(at path: String, limits: Limits = Limits(), handler: @escaping Handler) throws(ProgramError) {
        self.path = path
        self.limits = limits
        self.handler = handler
        wake = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard wake >= 0 else { throw ProgramError("no event: \(CurrentError.text)") }
        do throws(ProgramError) {
            listener = try ToolSocket.listen(at: path)
            identity = ToolSocket.identity(of: path)
        } catch {
            close(wake)
            throw error
        }
        DispatchQueue(label: "iesfs.tools").async { [self] in
            serve()
            ended.signal()
        }
    }

    /// Ends what is under way, and removes the socket.
    func stop() {
        state.withLock { $0.hasStopped = true }
        notify()
        ended.wait()
    }

    private func notify() { eventfd_write(wake, 1) }

    // MARK: Answers

    private func answer(_ number: Int, _ answer: ToolAnswer) async {
        put(number, answer)
        // A client that reads more slowly than it is told holds up its own work, until it is given up.
        while state.withLock({ $0.connections[number].map { $0.output.count > limits.backlog } ?? false }) {
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
        }
    }

    private func put(_ number: Int, _ answer: ToolAnswer) {
        let line = ToolLine.encode(answer)
        state.withLock { state in
            guard var connection = state.connections[number], !connection.isFinished else { return }
            if connection.output.isEmpty { connection.deadline = .now + limits.patience }
            connection.output += line
            connection.isFinished = answer.isLast
            state.connections[number] = connection
        }
        notify()
    }

    private func begin(_ number: Int, _ line: [UInt8]) {
        switch ToolLine.request(line) {
        case .failure(let rejection): put(number, .failure(rejection.reason))
        case .success(let request):
            let work = Task { [self] in
                await handler(request) { [self] in await answer(number, $0) }
                put(number, .failure("The command ended without an answer."))
            }
            state.withLock { state in
                if state.connections[number]?.output.isEmpty ?? false { state.connections[number]?.deadline = nil }
                state.connections[number]?.work = work
            }
        }
    }
}

/// On the server's thread.
extension ToolServer {
    private func serve() {
        while true {
            let (connections, hasStopped) = state.withLock { ($0.connections, $0.hasStopped) }
            if hasStopped { break }
            var polled = [
                pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
            ]
            let numbers = connections.keys.sorted()
            for number in numbers {
                guard let connection = connections[number] else { continue }
                let events = POLLIN | (connection.output.isEmpty ? 0 : POLLOUT)
                polled.append(pollfd(fd: connection.descriptor, events: Int16(events), revents: 0))
            }
            poll(&polled, nfds_t(polled.count), timeout(connections.values.compactMap(\.deadline).min()))
            var count: eventfd_t = 0
            eventfd_read(wake, &count)
            for (number, entry) in zip(numbers, polled.dropFirst(2)) {
                if entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { receive(number) }
                transmit(number)
            }
            if polled[1].revents != 0 { accept() }
            expire()
        }
        for number in state.withLock({ Array($0.connections.keys) }) { end(number) }
        // Another mount may have got the number by now, and put its own there.
        if ToolSocket.identity(of: path) == identity { unlink(path) }
        close(listener)
        close(wake)
    }

    private func timeout(_ deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        return Int32(clamping: max(0, Int64((deadline - .now) / .milliseconds(1)) + 1))
    }

    private func accept() {
        let descriptor = accept4(listener, nil, nil, Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue))
        guard descriptor >= 0 else { return }
        var refusal: String?
        if !limits.users.contains(ies_peer_user(descriptor)) {
            refusal = "Only root and the user who mounted may do this."
        } else if state.withLock({ $0.connections.values.count { !$0.isFinished } }) >= limits.clients {
            refusal = "Too many commands are at work on this mount. Try again when one has ended."
        }
        let number = state.withLock { state -> Int? in
            // Those that are only told so are not let in without end either.
            guard state.connections.count < 2 * limits.clients else { return nil }
            state.connections[state.next] = Connection(descriptor: descriptor, deadline: .now + limits.patience)
            state.next += 1
            return state.next - 1
        }
        guard let number else {
            close(descriptor)
            return
        }
        if let refusal { put(number, .failure(refusal)) }
    }

    private func receive(_ number: Int) {
        guard
            let (descriptor, isDone) = state.withLock({ state in
                state.connections[number].map { ($0.descriptor, $0.work != nil || $0.isFinished) }
            })
        else { return }
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &piece, piece.count, 0)
        guard count > 0 else {
            // Nobody waits for the answer any more.
            if count == 0 || (errno != EAGAIN && errno != EINTR) { end(number) }
            return
        }
        if isDone { return }
        let end = piece[..<count].firstIndex(of: UInt8(ascii: "\n"))
        let length = state.withLock { state -> Int in
            state.connections[number]?.input += piece[..<(end ?? count)]
            return state.connections[number]?.input.count ?? 0
        }
        if length > ToolLine.longestRequest {
            put(number, .failure("The request is longer than \(ToolLine.longestRequest) bytes."))
        } else if end != nil {
            begin(number, state.withLock { $0.connections[number]?.input } ?? [])
        }
    }

    private func transmit(_ number: Int) {
        guard let connection = state.withLock({ $0.connections[number] }), !connection.output.isEmpty else { return }
        let count = send(connection.descriptor, connection.output, connection.output.count, Int32(MSG_NOSIGNAL))
        guard count > 0 else {
            if errno != EAGAIN, errno != EINTR { end(number) }
            return
        }
        let isDone = state.withLock { state -> Bool in
            state.connections[number]?.output.removeFirst(count)
            let isEmpty = state.connections[number]?.output.isEmpty ?? true
            let isDone = isEmpty && (state.connections[number]?.isFinished ?? true)
            state.connections[number]?.deadline = isEmpty && !isDone ? nil : .now + limits.patience
            return isDone
        }
        // Closed only when the client has: closing with something unread would take the answer from it.
        if isDone { shutdown(connection.descriptor, Int32(SHUT_WR)) }
    }

    private func expire() {
        let now = ContinuousClock.now
        let late = state.withLock { state in
            state.connections.filter { $0.value.deadline.map { $0 <= now } ?? false }.keys
        }
        for number in late { end(number) }
    }

    private func end(_ number: Int) {
        guard let connection = state.withLock({ $0.connections.removeValue(forKey: number) }) else { return }
        connection.work?.cancel()
        close(connection.descriptor)
    }
}
