// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Shows a person, or a program, what a command comes to: results on standard output, failures and progress on standard
/// error.
final class ToolReport: Sendable {
    enum Style: Hashable, Sendable {
        case lines
        /// Failures, and the last line.
        case quiet
        /// One JSON object a line: the items, and then the sum.
        case json
    }

    /// What a command says of its results, in words.
    struct Wording: Sendable {
        /// `nil`: nothing is said of it.
        var item: @Sendable (ToolItem) -> String?
        var summary: @Sendable (ToolSummary) -> String
    }

    private struct State {
        var rate = ProgressRate()
        var progress = ToolProgress()
        var isLineShown = false
        var results = 0
        var failed = 0
        var failure: String?
    }

    private let style: Style
    private let wording: Wording
    /// Of the terminal; nil: there is none, and no progress is shown.
    private let width: @Sendable () -> Int?
    private let state = Mutex(State())
    private let start = ContinuousClock.now

    init(_ style: Style, _ wording: Wording, width: @escaping @Sendable () -> Int? = Terminal.width) {
        self.style = style
        self.wording = wording
        self.width = width
    }

    /// - Parameter prefix: What stands before the items' paths: the mountpoint and a slash.
    func take(_ answer: ToolAnswer, prefix: String) {
        switch answer {
        case .progress(let progress): show(progress)
        case .alive: break
        case .item(var item):
            item.path = prefix + item.path
            state.withLock { $0.failed += item.hasFailed ? 1 : 0 }
            say(item)
        case .summary(let summary):
            state.withLock { $0.results += summary.results }
            hideLine()
            if style == .json {
                StandardOutput.write(String(decoding: ToolLine.encode(ToolAnswer.summary(summary)), as: UTF8.self))
            } else {
                StandardOutput.write(wording.summary(summary) + "\n")
            }
        case .failure(let text):
            hideLine()
            state.withLock { $0.failure = text }
            StandardError.write("iesfs: \(text)")
        }
    }

    /// After all that was asked: 1 if anything failed.
    var status: ExitStatus { state.withLock { $0.failed > 0 || $0.failure != nil ? .failure : .success } }

    /// Ctrl-C.
    func interrupted() {
        hideLine()
        let progress = state.withLock { $0.progress }
        StandardError.write("iesfs: interrupted, with \(progress.done) of \(progress.results) results in the cache")
    }

    private func say(_ item: ToolItem) {
        hideLine()
        if style == .json {
            StandardOutput.write(String(decoding: ToolLine.encode(ToolAnswer.item(item)), as: UTF8.self))
        }
        if let message = item.message {
            // The service's words may hold anything.
            let safe = message.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : String($0) }
            StandardError.write("iesfs: \(item.path): \(item.errno.map { "\($0): " } ?? "")\(safe.joined())")
        } else if style == .lines, let text = wording.item(item) {
            StandardOutput.write("\(item.path): \(text)\n")
        }
    }

    private func show(_ progress: ToolProgress) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let rate = state.withLock { state in
            state.progress = progress
            state.rate.note(progress.bytes, at: seconds)
            return state.rate.rate
        }
        guard style == .lines, progress.results > 0 || progress.totalBytes > 0, let width = width() else { return }
        state.withLock { $0.isLineShown = true }
        StandardError.writeRaw("\r" + ProgressLine.text(progress, rate: rate, width: width) + "\u{1B}[K")
    }

    private func hideLine() {
        let wasShown = state.withLock { state in
            defer { state.isLineShown = false }
            return state.isLineShown
        }
        if wasShown { StandardError.writeRaw("\r\u{1B}[K") }
    }
}

enum Terminal {
    /// The columns of the terminal that standard error goes to; nil if it goes elsewhere.
    @Sendable static func width() -> Int? {
        guard isatty(STDERR_FILENO) == 1 else { return nil }
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
