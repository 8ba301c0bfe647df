// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFetch

@Suite struct ConnectionClimbTests {
    /// A line in bytes per second, looked at every 50 ms.
    private struct Line {
        var climb = ConnectionClimb(most: 8)
        var time = ContinuousClock.now
        /// What so many connections bring, so long after the start.
        let rate: (_ connections: Int, _ time: Double) -> Double
        var isWaiting = true
        private let start = ContinuousClock.now

        init(_ rate: @escaping (Int, Double) -> Double) { self.rate = rate }

        /// Goes on for so long; returns how many connections there were at each look.
        @discardableResult
        mutating func run(seconds: Double) -> [Int] {
            (0..<Int(seconds * 20)).map { _ in
                let elapsed = (time - start) / .seconds(1)
                climb.received(Int64(rate(climb.connections, elapsed) * 0.05))
                time += .milliseconds(50)
                climb.look(at: time, isWaiting: isWaiting, inUse: climb.connections, isFlowing: true)
                return climb.connections
            }
        }
    }

    @Test func `where each connection is limited there are eight of them within a second`() {
        var line = Line { connections, _ in 20e6 * Double(connections) }
        #expect(line.run(seconds: 1).last == 8)
    }

    @Test func `where each connection is limited fewer are tried seldom`() {
        var line = Line { connections, _ in 20e6 * Double(connections) }
        let connections = line.run(seconds: 60)
        #expect(connections.reduce(0, +) >= connections.count * 7)
    }

    @Test func `a server that counts each second anew does not deceive`() {
        // Each connection has 20 MB for each second, and gets them within a tenth.
        var line = Line { connections, time in
            time.truncatingRemainder(dividingBy: 1) < 0.1 ? 200e6 * Double(connections) : 0
        }
        let connections = line.run(seconds: 20)
        #expect(connections.prefix(40).last == 8)
        #expect(connections.dropFirst(40).reduce(0, +) >= 7 * (connections.count - 40))
    }

    @Test func `where one connection fills the line a second one is tried seldom`() {
        var line = Line { _, _ in 600e6 }
        let connections = line.run(seconds: 60)
        #expect(connections.reduce(0, +) < connections.count * 5 / 4)
        #expect(connections.max() == 2)
    }

    @Test func `connections that stop helping are given up`() {
        // After five seconds the line as a whole is slow.
        var line = Line { connections, time in time < 5 ? 20e6 * Double(connections) : 20e6 }
        #expect(line.run(seconds: 4).last == 8)
        #expect(line.run(seconds: 40).last == 1)
    }

    @Test func `readers that do not wait need no second connection`() {
        var line = Line { connections, _ in 20e6 * Double(connections) }
        line.isWaiting = false
        #expect(line.run(seconds: 10).max() == 1)
    }

    @Test func `readers that have not waited for a while have fewer`() {
        var line = Line { connections, _ in 20e6 * Double(connections) }
        line.run(seconds: 2)
        line.time += .seconds(10)
        #expect(line.run(seconds: 0.05).last == 4)
    }

    @Test func `no more than there may be`() {
        var climb = ConnectionClimb(most: 3)
        var time = ContinuousClock.now
        for _ in 0..<100 {
            climb.received(Int64(climb.connections) << 20)
            time += .milliseconds(50)
            climb.look(at: time, isWaiting: true, inUse: climb.connections, isFlowing: true)
            #expect(climb.connections <= 3)
        }
        #expect(climb.connections == 3)
    }
}
