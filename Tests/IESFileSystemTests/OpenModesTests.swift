// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IESFileSystem

@Suite struct OpenModesTests {
    private let first = InodeNumber(rawValue: 7)
    private let second = InodeNumber(rawValue: 8)

    private enum Step {
        /// Where there is no other open, it would be passed through to this.
        case open(InodeNumber, Int32?)
        case release(InodeNumber)
    }

    /// What each step returns: the backing file of an open, or the one that a release leaves unused.
    private func outcomes(_ modes: inout OpenModes, _ steps: [Step]) -> [Int32?] {
        steps.map { step in
            switch step {
            case .open(let inode, let backing):
                modes.open(inode) { backing.map { BackingID(rawValue: $0) } }?.rawValue
            case .release(let inode): modes.release(inode)?.rawValue
            }
        }
    }

    @Test func `all opens of an inode share the backing file of its first, until the last release`() {
        var modes = OpenModes()
        let opened = outcomes(&modes, [.open(first, 3), .open(first, 4)])
        #expect(opened == [3, 3])
        #expect(modes.backing(of: first) == BackingID(rawValue: 3) && modes.passedThrough == 1)
        let released = outcomes(&modes, [.release(first), .release(first)])
        #expect(released == [nil, 3])
        #expect(modes.passedThrough == 0)
    }

    @Test func `an inode open through the page cache stays so until all opens are released`() {
        var modes = OpenModes()
        let results = outcomes(
            &modes,
            [
                .open(first, nil), .open(first, 4), .open(second, 5), .release(first), .open(first, 4), .release(first),
                .release(first), .open(first, 6),
            ])
        #expect(results == [nil, nil, 5, nil, nil, nil, nil, 6])
    }

    @Test func `a release of what is not open changes nothing`() {
        var modes = OpenModes()
        let results = outcomes(&modes, [.release(first), .open(first, 1)])
        #expect(results == [nil, 1])
    }

    /// The kernel's own rules, kept here as fs/fuse/iomode.c keeps them.
    private struct Kernel {
        var opens: [InodeNumber: [BackingID?]] = [:]
        var registered: Set<BackingID> = []

        /// Whether the kernel would let this open pass.
        mutating func opened(_ inode: InodeNumber, _ backing: BackingID?) -> Bool {
            if let backing, !registered.contains(backing) { return false }
            guard opens[inode, default: []].allSatisfy({ $0 == backing }) else { return false }
            opens[inode, default: []].append(backing)
            return true
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `no sequence of opens and releases breaks the kernel's rules or keeps a backing file for good`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var modes = OpenModes()
        var kernel = Kernel()
        var next: Int32 = 0
        for _ in 0..<5_000 {
            let inode = InodeNumber(rawValue: .random(in: 2...5, using: &random))
            if Bool.random(using: &random) {
                let isSettled = Bool.random(using: &random)
                let backing = modes.open(inode) {
                    guard isSettled else { return nil }
                    next += 1
                    kernel.registered.insert(BackingID(rawValue: next))
                    return BackingID(rawValue: next)
                }
                let isLetThrough = kernel.opened(inode, backing)
                #expect(isLetThrough)
            } else if kernel.opens[inode]?.popLast() != nil {
                guard let unused = modes.release(inode) else { continue }
                #expect(kernel.opens[inode] == [])
                let wasRegistered = kernel.registered.remove(unused) != nil
                #expect(wasRegistered)
            }
        }
        for (inode, opens) in kernel.opens {
            for _ in opens { if let unused = modes.release(inode) { kernel.registered.remove(unused) } }
        }
        #expect(kernel.registered.isEmpty)
        #expect(modes.passedThrough == 0)
    }
}
