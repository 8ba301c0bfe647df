// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import iesfs

@Suite struct ControlMessageTests {
    @Test(
        arguments: [
            .progress("the endpoint to answer"), .warning("a b  c"), .ready, .unmounted, .failed("no: 凭证", .usage),
            .failed("", .failure), .failed("two\nlines", .failure), .loaded, .go, .drain,
        ] as [ControlMessage])
    func `a message arrives as it was sent, and the end of the sender shows`(message: ControlMessage) throws {
        let (ours, theirs) = try ControlSocket.pair()
        theirs.send(message)
        theirs.send(.ready)
        theirs.close()
        #expect(ours.receive(waits: true) == .message(message))
        #expect(ours.receive(waits: true) == .message(.ready))
        #expect(ours.receive(waits: true) == .ended)
        ours.close()
    }

    @Test func `nothing to read is told apart from the end, and sending to nobody does no harm`() throws {
        let (ours, theirs) = try ControlSocket.pair()
        #expect(ours.receive(waits: false) == .nothing)
        theirs.close()
        ours.send(.ready)
        #expect(ours.receive(waits: false) == .ended)
        ours.close()
    }

    @Test(arguments: ["", "later thing", "failed", "failed x y"])
    func `what another version says is passed over`(text: String) {
        #expect(ControlMessage(Array(text.utf8)) == nil)
    }

    @Test func `a text too long for a datagram is cut`() throws {
        let (ours, theirs) = try ControlSocket.pair()
        theirs.send(.warning(String(repeating: "x", count: 100_000)))
        guard case .message(.warning(let text)) = ours.receive(waits: true) else {
            Issue.record("no warning")
            return
        }
        #expect(text.count > 10_000)
        theirs.close()
        ours.close()
    }
}
