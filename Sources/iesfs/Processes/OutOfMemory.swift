// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Whom the kernel ends first when memory runs out: the worker, because another one can take over.
enum OutOfMemory {
    /// By how much root's holder is put behind what it was, and an ordinary user's worker ahead.
    private static let step = 500
    private static let file = "/proc/self/oom_score_adj"

    /// For the holder. Only root may.
    static func spare() { if CurrentUser.isRoot { move(by: -step) } }

    /// For the worker: root's gets back to what the holder was before, if that could be spared.
    static func offer() { move(by: step) }

    /// How many processes the kernel has ended so since it started; nil where it does not say.
    static var kills: UInt64? {
        guard let text = text("/proc/vmstat") else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
        return line.flatMap { UInt64($0.dropFirst("oom_kill ".count)) }
    }

    private static func move(by change: Int) {
        guard let old = text(file).flatMap({ Int($0.filter { !$0.isWhitespace }) }) else { return }
        let descriptor = open(file, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let new = Array("\(min(max(old + change, -999), 1000))".utf8)
        // Where it may not be, the kernel chooses by size alone, which is the worker too.
        _ = write(descriptor, new, new.count)
    }

    private static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &piece, piece.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}
