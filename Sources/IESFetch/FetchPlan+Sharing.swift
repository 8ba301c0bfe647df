// SPDX-License-Identifier: Apache-2.0

/// A connection that is slower than others is not waited for: another one takes over a part of what it is to bring.
extension FetchPlan {
    /// A download this many times slower than the others lags.
    private static let lag = 4.0
    /// Less than this, in seconds, is not worth another request.
    private static let patience = 0.25
    /// Less than this, in bytes, is not worth another request.
    private static let leastShare: Int64 = 1 << 20

    /// A read waits for a download that lags: others take over before they go further ahead.
    mutating func cutLaggard() -> [Action] {
        guard !isStream, hasReads else { return [] }
        for (id, download) in downloads {
            guard let rate = download.rate, let usual = usualRate(without: id), rate * Self.lag < usual,
                reads.keys.contains(where: { serves(id, read: $0) })
            else { continue }
            if let actions = share(id, rate: rate, with: usual) { return actions }
        }
        return []
    }

    /// There is nothing else to start, and a read waits: the download that would end last shares what is left of it.
    mutating func shareRest() -> [Action] {
        guard !isStream, hasReads, downloads.count < parallel else { return [] }
        let last = downloads.max { $0.value.secondsLeft < $1.value.secondsLeft }
        guard let (id, download) = last, let rate = download.rate else { return [] }
        return share(id, rate: rate, with: usualRate(without: id) ?? rate) ?? []
    }

    /// Cuts a download so that both parts end at the same time.
    private mutating func share(_ id: Int, rate: Double, with other: Double) -> [Action]? {
        guard let download = downloads[id], download.secondsLeft >= Self.patience, other > 0 else { return nil }
        let rest = download.left.upperBound - download.left.lowerBound
        let kept = Int64(Double(rest) * rate / (rate + other))
        guard rest - kept >= Self.leastShare else { return nil }
        guard downloads.count < limit else {
            unmet.ahead += 1
            return []
        }
        // What hardly moves is given up.
        if kept < Self.leastShare / 4 { return replace(id) }
        return [cut(id, at: download.next + kept, until: download.end)]
    }

    /// The mean rate of the other downloads.
    private func usualRate(without id: Int) -> Double? {
        let rates = downloads.filter { $0.key != id }.values.compactMap(\.rate)
        return rates.isEmpty ? nil : rates.reduce(0, +) / Double(rates.count)
    }
}

extension FetchPlan.Download {
    /// At the rate it had; 0 where that is not known.
    fileprivate var secondsLeft: Double {
        guard let rate else { return 0 }
        return Double(left.upperBound - left.lowerBound) / max(rate, 1)
    }
}
