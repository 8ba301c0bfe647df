// SPDX-License-Identifier: Apache-2.0

import Glibc
import IESMount
import Synchronization
import Testing

@testable import iesfs

/// The tool socket itself: who is let in, and what becomes of clients that do not behave.
@Suite(.timeLimit(.minutes(5))) final class ToolServerTests {
    private let directory: String
    private var path: String { "\(directory)/1-2.tools" }

    init() throws {
        var template = Array("/tmp/iesfs-tools.XXXXXX".utf8CString)
        directory = try #require(
            template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) }.map { String(cString: $0) })
    }

    deinit {
        unlink(path)
        rmdir(directory)
    }

    /// A client that waits in plain calls, on a thread that may.
    private final class Client: Sendable {
        let descriptor: Int32

        init(_ path: String) throws {
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            try #require(ToolSocket.withAddress(path) { connect(descriptor, $0, $1) == 0 })
        }

        deinit { leave() }

        func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
        func leave() { shutdown(descriptor, Int32(SHUT_RDWR)) }

        /// All lines until the server ends the connection.
        func answers() async -> [ToolAnswer?] {
            await withCheckedContinuation { continuation in
                let thread = ToolServerThread { [descriptor] in
                    var all: [UInt8] = []
                    var piece = [UInt8](repeating: 0, count: 4096)
                    while true {
                        let count = recv(descriptor, &piece, piece.count, 0)
                        guard count > 0 else { break }
                        all += piece[..<count]
                    }
                    continuation.resume(
                        returning: all.split(separator: UInt8(ascii: "\n")).map { ToolLine.answer($0) })
                }
                thread.start()
            }
        }
    }

    /// A busy machine is not a silent client.
    private static var patient: ToolServer.Limits {
        var limits = ToolServer.Limits()
        limits.patience = .seconds(600)
        return limits
    }

    private func server(
        _ limits: ToolServer.Limits = patient,
        _ handler: @escaping ToolServer.Handler = { _, answer in
            await answer(.summary(ToolSummary(results: 1)))
        }
    ) throws -> ToolServer { try ToolServer(at: path, limits: limits, handler: handler) }

    @Test func `the socket is its user's alone, takes the place of an old one, and goes with the server`() async throws
    {
        close(open(path, O_CREAT | O_WRONLY, 0o644))
        let server = try server()
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFSOCK && status.st_mode & 0o777 == 0o600)
        server.stop()
        #expect(lstat(path, &status) != 0)
        // One that another has put there by then stays.
        let first = try self.server()
        let second = try self.server()
        first.stop()
        #expect(lstat(path, &status) == 0)
        second.stop()
        #expect(lstat(path, &status) != 0)
    }

    @Test func `a request gets its answers, in order, and then the end`() async throws {
        let server = try server { request, answer in
            for path in request.paths { await answer(.item(ToolItem(path: path))) }
            await answer(.summary(ToolSummary(results: request.paths.count)))
            await answer(.failure("too late"))
        }
        let paths = (0..<20_000).map { "p/task-\($0)" }
        let client = try Client(path)
        async let answers = client.answers()
        // In two parts, the second of which comes when the first was read, or not.
        let line = ToolLine.encode(ToolRequest(.evict, paths: paths))
        await withCheckedContinuation { continuation in
            ToolServerThread {
                client.send(Array(line[..<100]))
                client.send(Array(line[100...]))
                continuation.resume()
            }.start()
        }
        let expected = paths.map { ToolAnswer.item(ToolItem(path: $0)) } + [.summary(ToolSummary(results: 20_000))]
        #expect(await answers == expected)
        server.stop()
    }

    @Test func `a client that goes away ends its work, and no other`() async throws {
        let events = AsyncStream<String>.makeStream()
        let server = try server { request, answer in
            events.continuation.yield("began \(request.paths[0])")
            if request.paths == ["left"] {
                while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(2)) }
                events.continuation.yield("cancelled")
            } else {
                await answer(.summary(ToolSummary()))
            }
        }
        let leaving = try Client(path)
        leaving.send(ToolLine.encode(ToolRequest(.evict, paths: ["left"])))
        var seen = events.stream.makeAsyncIterator()
        #expect(await seen.next() == "began left")
        leaving.leave()
        #expect(await seen.next() == "cancelled")
        let staying = try Client(path)
        staying.send(ToolLine.encode(ToolRequest(.evict, paths: ["stays"])))
        #expect(await staying.answers() == [.summary(ToolSummary())])
        server.stop()
    }

    @Test func `a client that says nothing, or takes no answer, is sent away`() async throws {
        var limits = ToolServer.Limits()
        limits.patience = .milliseconds(200)
        let isCancelled = Atomic(false)
        let server = try server(limits) { request, answer in
            while !Task.isCancelled {
                await answer(.item(ToolItem(path: String(repeating: "x", count: 10_000))))
            }
            isCancelled.store(true, ordering: .relaxed)
        }
        #expect(await (try Client(path)).answers().isEmpty)
        var deaf: [Client] = []
        while !isCancelled.load(ordering: .relaxed) {
            // On a busy machine it may be sent away before its request was read.
            deaf.append(try Client(path))
            deaf.last?.send(ToolLine.encode(ToolRequest(.info)))
            try await Task.sleep(for: .milliseconds(100))
        }
        server.stop()
    }

    @Test func `what is no request is refused in words, and so is one that never ends`() async throws {
        let server = try server()
        let confused = try Client(path)
        confused.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(await confused.answers() == [.failure("This is not a request.")])
        let endless = try Client(path)
        async let answers = endless.answers()
        await withCheckedContinuation { continuation in
            ToolServerThread {
                let piece = [UInt8](repeating: 0x20, count: 1 << 20)
                for _ in 0..<8 { endless.send(piece) }
                continuation.resume()
            }.start()
        }
        #expect(await answers == [.failure("The request is longer than \(4 << 20) bytes.")])
        server.stop()
    }

    @Test func `there are so many clients at a time and no more, and others than the users not at all`() async throws {
        var limits = Self.patient
        limits.clients = 2
        let server = try server(limits)
        let waiting = [try Client(path), try Client(path)]
        let third = try Client(path)
        third.send(ToolLine.encode(ToolRequest(.info)))
        guard case .failure(let text)?? = await third.answers().first else {
            Issue.record("let in")
            return
        }
        #expect(text.contains("Too many"))
        for client in waiting { client.leave() }
        server.stop()

        limits.users = [CurrentUser.id + 1]
        let closed = try self.server(limits)
        let stranger = try Client(path)
        stranger.send(ToolLine.encode(ToolRequest(.info)))
        guard case .failure(let refusal)?? = await stranger.answers().first else {
            Issue.record("let in")
            return
        }
        #expect(refusal.contains("Only root"))
        closed.stop()
    }

    @Test func `a directory of somebody else's is not used`() throws {
        #expect(ToolSocket.directories(of: 0) == ["/run/iesfs"])
        #expect(
            ToolSocket.directories(of: 7, environment: ["XDG_RUNTIME_DIR": "/run/user/7"])
                == ["/run/user/7/iesfs", "/tmp/iesfs-7"])
        #expect(
            ToolSocket.directories(of: 7, environment: ["XDG_RUNTIME_DIR": "relative"])
                == ["/run/user/7/iesfs", "/tmp/iesfs-7"])
    }
}

/// A thread of a test's own, for calls that wait.
final class ToolServerThread: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func start() {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self).toOpaque()
        let failure = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<ToolServerThread>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, argument)
        precondition(failure == 0)
        pthread_detach(thread)
    }
}
