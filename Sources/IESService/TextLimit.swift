// SPDX-License-Identifier: Apache-2.0

extension String {
    /// The longest beginning of at most `limit` bytes of UTF-8 that ends between two characters of Unicode.
    func prefix(utf8: Int) -> String {
        guard self.utf8.count > utf8 else { return self }
        var end = self.utf8.index(self.utf8.startIndex, offsetBy: max(0, utf8))
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = self.utf8.index(before: end) }
        return String(self[..<end])
    }
}
