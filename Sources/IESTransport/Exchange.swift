// SPDX-License-Identifier: Apache-2.0

import CCurl
import HTTPTypes
import IESService

/// One exchange under way. Bound to the event loop's thread, on which libcurl calls it back.
final class Exchange {
    let control: ExchangeControl
    let slot: EasySlot
    private(set) var deadlines: Deadlines

    let order: ExchangeOrder
    private let fields: FieldList
    private var reader = HeadReader()
    private var bodyEnd: BodyEnd?
    private var chunks = ChunkDecoder()
    /// How much of the bytes that libcurl will hand over again was taken before the pause.
    private var takenAhead = 0
    private var received: Int64 = 0
    private var hasNewBytes = false
    /// Why a callback told libcurl to end the transfer.
    private var verdict: TransportError?

    /// - Parameter slot: Its handle gets every option, and this exchange as context of its callbacks: the event loop
    ///   keeps the exchange until the handle is out of the multi handle.
    init(
        _ order: ExchangeOrder, slot: EasySlot, settings: CurlSettings, onNewConnection: Bool = false
    ) throws(TransportError) {
        self.order = order
        self.slot = slot
        control = order.control
        deadlines = Deadlines(
            connectTimeout: order.request.connectTimeout, stallTimeout: order.request.stallTimeout, start: order.start)
        fields = try RequestOptions(settings: settings, request: order.request).apply(to: slot.handle)
        do throws(CurlFailure) {
            if onNewConnection { try slot.handle.set(.connectsAnew, true) }
            try slot.handle.setCallbacks(
                Unmanaged.passUnretained(self).toOpaque(),
                ready: { context, _, _, _, _ in Exchange.from(context).connected() },
                head: { bytes, size, count, context in Exchange.from(context).takeLine(bytes, size * count) },
                body: { bytes, size, count, context in Exchange.from(context).takeBody(bytes, size * count) })
        } catch {
            throw .other(error.text)
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> Exchange {
        Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue()
    }

    // MARK: libcurl's callbacks

    private func connected() -> Int32 {
        deadlines.connected()
        return CURL_PREREQFUNC_OK
    }

    private func takeLine(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        hasNewBytes = true
        guard control.ending == .none else { return Self.refusal }
        let head: HeadReader.Head
        do throws(HeadReader.Malformed) {
            guard let complete = try reader.take(UnsafeRawBufferPointer(start: bytes, count: count)) else {
                return count
            }
            head = complete
        } catch {
            return end(.malformedResponse(error.reason))
        }
        deadlines.bodyBegins()
        let bodyEnd = BodyEnd(of: head, to: order.request.head.method)
        self.bodyEnd = bodyEnd
        control.receiverIsAsked()
        switch order.receiver.receive(head.response, of: control) {
        case .proceed: control.receiverProceeds()
        case .pause: pause()
        case .stop: return end(.stopped)
        }
        if case .unknowable(let reason) = bodyEnd { return end(.malformedResponse(reason)) }
        return count
    }

    private func takeBody(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        hasNewBytes = true
        guard control.ending == .none else { return Self.refusal }
        // Paused with the head: libcurl keeps these bytes until the resume.
        guard !deadlines.isPaused else { return Self.pause }
        let body = UnsafeRawBufferPointer(start: bytes, count: count).bytes
        guard bodyEnd == .chunked else { return answer(handOver(body), count) }
        return takeChunks(body, count)
    }

    private func takeChunks(_ body: RawSpan, _ count: Int) -> Int {
        var position = takenAhead
        takenAhead = 0
        while true {
            let (before, start) = (chunks, position)
            do throws(ChunkDecoder.Malformed) {
                guard let data = try chunks.next(in: body, from: &position) else { return count }
                switch handOver(body.extracting(data)) {
                case .proceed: continue
                case .pause:
                    // libcurl hands all of `body` over again, perhaps with more behind it.
                    chunks = before
                    takenAhead = start
                    return Self.pause
                case .stop: return end(.stopped)
                }
            } catch {
                return end(.malformedResponse(error.reason))
            }
        }
    }

    private func handOver(_ bytes: RawSpan) -> Flow {
        control.receiverIsAsked()
        let flow = order.receiver.receive(bytes)
        switch flow {
        case .proceed:
            control.receiverProceeds()
            received += Int64(bytes.byteCount)
        case .pause: pause()
        case .stop: break
        }
        return flow
    }

    private func answer(_ flow: Flow, _ count: Int) -> Int {
        switch flow {
        case .proceed: count
        case .pause: Self.pause
        case .stop: end(.stopped)
        }
    }

    private func pause() {
        deadlines.pause()
        control.receiverPauses()
    }

    private func end(_ error: TransportError) -> Int {
        verdict = error
        return Self.refusal
    }

    private static let pause = Int(CURL_WRITEFUNC_PAUSE)
    private static let refusal = Int(CURL_WRITEFUNC_ERROR)

    // MARK: For the event loop

    /// Carries out `Transfer.resume()`. The receiver may be called before this returns.
    func resume(at now: ContinuousClock.Instant) throws(CurlFailure) {
        guard deadlines.isPaused else { return }
        deadlines.resume(at: now)
        try slot.handle.resume()
    }

    /// Moves the stall deadline if bytes have come since the last call.
    ///
    /// - Returns: Whether they have.
    func noteProgress(at now: ContinuousClock.Instant) -> Bool {
        defer { hasNewBytes = false }
        if hasNewBytes { deadlines.bytesCame(at: now) }
        return hasNewBytes
    }

    /// The response had no status line because the connection still held bytes of an exchange before. Nothing of it was
    /// believed, so that what changes nothing can be asked again over a new connection.
    func isSpoilt(_ code: CURLcode) -> Bool {
        let head = order.request.head
        return code == CURLE_UNSUPPORTED_PROTOCOL && deadlines.phase == .response && isOnReusedConnection
            && (head.method == .get || head.method == .head) && order.request.body.isEmpty && control.ending == .none
    }

    private var isOnReusedConnection: Bool { slot.handle.get(CURLINFO_NUM_CONNECTS) == 0 }

    /// What libcurl's result means with all that is known here.
    func outcome(of code: CURLcode) -> Result<Void, TransportError> {
        if let verdict { return .failure(verdict) }
        if code == CURLE_OK { return completeness() }
        switch control.ending {
        case .stopped: return .failure(.stopped)
        case .cancelled: return .failure(.cancelled)
        case .none: break
        }
        let head = order.request.head
        let circumstances = TransportError.Circumstances(
            authority: head.authority ?? "", isSecure: head.scheme == "https", phase: deadlines.phase,
            received: received, isReused: isOnReusedConnection)
        return .failure(TransportError(slot.handle.failure(code), in: circumstances))
    }

    /// libcurl is content; so are we only if the head came whole and its promise was kept.
    private func completeness() -> Result<Void, TransportError> {
        switch bodyEnd {
        case nil:
            return .failure(
                .connectionReset("\(order.request.head.authority ?? "") closed the connection within the header"))
        case .length(let length) where received != length: return .failure(.bodyCutShort(received: received))
        case .chunked where !chunks.isComplete: return .failure(.bodyCutShort(received: received))
        default: return .success(())
        }
    }

    /// Answers the waiting caller; the last thing done to an exchange.
    func finish(_ result: Result<Void, TransportError>) {
        order.continuation.resume(returning: result)
    }
}

/// An easy handle that is used for one exchange after the other.
final class EasySlot {
    let handle = EasyHandle()
}
