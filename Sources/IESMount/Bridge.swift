// SPDX-License-Identifier: Apache-2.0

import CFuse3
import IESFileSystem
import Logging
import SystemPackage

/// Passes the kernel's requests to the file system and its answers back; it decides nothing.
///
/// What the file system can answer at once is answered on the libfuse thread. A request that must wait becomes one task,
/// so that no libfuse thread ever waits for the network or a disk.
final class Bridge: Sendable {
    let fileSystem: ResultFileSystem
    let buffers = ReplyBuffers(size: MountRequest.maximumRead)
    let waiting = WaitingRequests()
    let interrupts = InterruptWatch()
    private let logger: Logger

    init(fileSystem: ResultFileSystem, logger: Logger) {
        self.fileSystem = fileSystem
        self.logger = logger
    }

    /// The bridge a request belongs to, and the request.
    ///
    /// The session outlives its requests and keeps the bridge, so the pointer in its user data owns nothing.
    static func take(_ pointer: fuse_req_t?) -> (bridge: Bridge, request: Request) {
        let request = Request(pointer)
        let device = fuse_req_userdata(request.pointer).assumingMemoryBound(to: ies_fuse_device.self)
        return (Unmanaged<Bridge>.fromOpaque(device.pointee.bridge).takeUnretainedValue(), request)
    }

    /// Answers now with what `body` returns; where it returns nil, waits for `later` on a task.
    func answer(
        _ request: Request, _ operation: StaticString, for subject: WaitingRequest.Subject = .other,
        now body: () throws(FileSystemError) -> Reply?,
        later: @escaping @Sendable (ResultFileSystem) async throws(FileSystemError) -> Reply
    ) {
        do throws(FileSystemError) {
            if let reply = try body() { return send(reply, to: request, operation) }
        } catch {
            return send(.failure(error), to: request, operation)
        }
        wait(request, operation, for: subject) { [fileSystem] waiter in
            do throws(FileSystemError) {
                waiter.answer(try await later(fileSystem))
            } catch {
                waiter.answer(.failure(error))
            }
        }
    }

    /// Answers now with what `body` returns or throws.
    func answer(_ request: Request, _ operation: StaticString, _ body: () throws(FileSystemError) -> Reply) {
        do throws(FileSystemError) {
            send(try body(), to: request, operation)
        } catch {
            send(.failure(error), to: request, operation)
        }
    }

    /// Makes a request's task. `body` calls `answer` of what it is given exactly once.
    func wait(
        _ request: Request, _ operation: StaticString, for subject: WaitingRequest.Subject = .other,
        _ body: @escaping @Sendable (Waiter) async -> Void
    ) {
        let entry = WaitingRequest(thread: request.thread, subject: subject)
        let waiter = Waiter(bridge: self, request: request, operation: operation, entry: entry)
        waiting.add(entry)
        waiter.watchInterrupts()
        entry.adopt(Task { await body(waiter) })
    }

    func report(_ error: FileSystemError, _ operation: StaticString) {
        logger.log(
            level: error.isExpected ? .debug : .warning, "\(operation): \(error.summary)",
            metadata: ["errno": "\(error.errno)"])
    }
}

/// A request that waits on a task, until it is answered.
struct Waiter: Sendable {
    let bridge: Bridge
    let request: Request
    let operation: StaticString
    let entry: WaitingRequest

    func answer(_ reply: Reply) {
        // libfuse calls the interrupt function and takes it away under one lock, so afterwards nobody has `entry` from it.
        fuse_req_interrupt_func(request.pointer, nil, nil)
        bridge.interrupts.remove(entry)
        bridge.send(reply, to: request, operation)
        bridge.waiting.remove(entry)
    }

    /// `entry` outlives the interrupt function: this waiter, which the request's task keeps, holds it until the answer.
    fileprivate func watchInterrupts() {
        fuse_req_interrupt_func(
            request.pointer,
            { pointer, entry in
                let (bridge, _) = Bridge.take(pointer)
                bridge.interrupts.interrupted(
                    Unmanaged<WaitingRequest>.fromOpaque(entry!).takeUnretainedValue())
            }, Unmanaged.passUnretained(entry).toOpaque())
    }
}
