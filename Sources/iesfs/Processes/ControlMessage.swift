// SPDX-License-Identifier: Apache-2.0

/// What a worker tells its holder and is told by it, and a holder in the background tells the command that started it.
enum ControlMessage: Hashable, Sendable {
    /// What is being waited for, for the message of one who waits in vain.
    case progress(String)
    /// Something the person at the terminal should read, though it goes on.
    case warning(String)
    /// The mount answers.
    case ready
    /// It could not be mounted.
    case failed(String, ExitStatus)
    /// The kernel ended the session: somebody unmounted.
    case unmounted
    /// From a worker that stands by to take over: it could be loaded, and has not touched the cache.
    case loaded
    /// To such a worker: it is its turn.
    case go
    /// To a worker: another one is to take over. It reads no more requests, answers what it can, and ends.
    case drain
}

extension ControlMessage {
    /// One datagram: a word, and a text after a blank.
    var encoded: [UInt8] {
        switch self {
        case .progress(let text): Array("progress \(text)".utf8)
        case .warning(let text): Array("warning \(text)".utf8)
        case .ready: Array("ready".utf8)
        case .failed(let text, let status): Array("failed \(status.rawValue) \(text)".utf8)
        case .unmounted: Array("unmounted".utf8)
        case .loaded: Array("loaded".utf8)
        case .go: Array("go".utf8)
        case .drain: Array("drain".utf8)
        }
    }

    /// Nil for what a later version may send.
    init?(_ bytes: some Collection<UInt8>) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 1)
        let text = words.count > 1 ? String(words[1]) : ""
        switch words.first {
        case "progress": self = .progress(text)
        case "warning": self = .warning(text)
        case "ready": self = .ready
        case "unmounted": self = .unmounted
        case "loaded": self = .loaded
        case "go": self = .go
        case "drain": self = .drain
        case "failed":
            let parts = text.split(separator: " ", maxSplits: 1)
            guard let code = parts.first.flatMap({ Int32($0) }) else { return nil }
            self = .failed(parts.count > 1 ? String(parts[1]) : "", ExitStatus(rawValue: code) ?? .failure)
        default: return nil
        }
    }
}
