// SPDX-License-Identifier: Apache-2.0

/// Sizes and times as people read them.
enum HumanText {
    /// `0 B`, `1.5 KiB`, `12 GiB`: three digits at most.
    static func size(_ bytes: Int64) -> String {
        var (value, unit) = (Double(max(0, bytes)), 0)
        while value >= 999.5, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        if unit == 0 { return "\(max(0, bytes)) B" }
        return "\(value < 9.95 ? tenths(value) : "\(Int(value.rounded()))") \(units[unit])"
    }

    private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// `1 result`, `2 results`
    static func count(_ number: Int, _ thing: String) -> String { "\(number) \(thing)\(number == 1 ? "" : "s")" }

    /// `0:07`, `12:30`, `3:05:00`.
    static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 360_000 else { return "--:--" }
        let whole = Int(max(0, seconds).rounded(.up))
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let minutes = "\(two(whole / 60 % 60)):\(two(whole % 60))"
        if whole >= 3600 { return "\(whole / 3600):\(minutes)" }
        return "\(whole / 60):\(two(whole % 60))"
    }
}

/// How fast bytes come: evened out, from what was told at which time. Holds no clock.
struct ProgressRate: Sendable {
    /// In bytes per second; nil until there is something to tell.
    private(set) var rate: Double?
    private var last: (bytes: Int64, time: Double)?

    /// - Parameter time: In seconds, from whatever start.
    mutating func note(_ bytes: Int64, at time: Double) {
        guard let last else {
            self.last = (bytes, time)
            return
        }
        let elapsed = time - last.time
        guard elapsed >= 0.5 else { return }
        let now = Double(max(0, bytes - last.bytes)) / elapsed
        // What was a few seconds ago counts little.
        let weight = min(1, elapsed / 3)
        rate = rate.map { $0 * (1 - weight) + now * weight } ?? now
        self.last = (bytes, time)
    }
}

/// One line for a terminal: a bar, a part of the whole, the rate and the time that is left.
enum ProgressLine {
    static func text(_ progress: ToolProgress, rate: Double?, width: Int) -> String {
        let total = estimatedTotal(progress)
        let part = total > 0 ? min(1, Double(progress.bytes) / Double(total)) : progress.results > 0 ? 0 : 1
        var parts = [" \(Int(part * 100))%"]
        if progress.results > 0 { parts.append("\(progress.done + progress.failed) of \(progress.results)") }
        let about = progress.unsized > 0 ? "about " : ""
        parts.append("\(HumanText.size(progress.bytes)) of \(about)\(HumanText.size(total))")
        if let rate {
            parts.append("\(HumanText.size(Int64(rate)))/s")
            let left = Double(max(0, total - progress.bytes)) / rate
            parts.append("ETA \(rate > 0 ? HumanText.time(left) : "--:--")")
        }
        if progress.failed > 0 { parts.append("\(progress.failed) failed") }
        let text = parts.joined(separator: "  ")
        // The last column stays free: some terminals would go on to the next line.
        let room = width - 1 - text.count - 2
        guard room >= 8 else { return String(text.dropFirst().prefix(max(0, width - 1))) }
        let bar = min(room, 40)
        let full = Int(part * Double(bar))
        return "[" + String(repeating: "#", count: full) + String(repeating: ".", count: bar - full) + "]" + text
    }

    /// Results whose size is not known yet are taken to be as large as the others.
    private static func estimatedTotal(_ progress: ToolProgress) -> Int64 {
        let sized = progress.results - progress.unsized
        guard progress.unsized > 0, sized > 0 else { return max(progress.totalBytes, progress.bytes) }
        let mean = Double(progress.totalBytes) / Double(sized)
        return max(progress.bytes, progress.totalBytes + Int64(min(mean * Double(progress.unsized), 1e18)))
    }
}
