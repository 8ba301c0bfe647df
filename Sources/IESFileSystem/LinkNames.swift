// SPDX-License-Identifier: Apache-2.0

/// The names below `.by-name`: what the service calls a file, made safe for a directory.
enum LinkNames {
    /// NAME_MAX of Linux, in bytes.
    static let longestName = 255

    /// A file name without `/`, control or direction-changing characters, at most 255 bytes long, its
    /// extension kept; nil where nothing is left of it, or where it means a directory.
    static func sanitise(_ name: String) -> String? {
        var safe = String.UnicodeScalarView()
        for scalar in name.unicodeScalars { safe.append(isUnsafe(scalar) ? "_" : scalar) }
        let text = String(safe)
        guard !text.isEmpty, text != ".", text != ".." else { return nil }
        return fit(text, mark: "")
    }

    /// Gives each target its name: duplicates become `name (2).xlsx`, `name (3).xlsx`, … in the order given.
    static func assign<Target>(_ names: [(name: String, target: Target)]) -> [String: Target] {
        var assigned: [String: Target] = [:]
        var last: [String: Int] = [:]
        for (name, target) in names {
            guard let safe = sanitise(name) else { continue }
            var candidate = safe
            var number = last[safe] ?? 1
            while assigned[candidate] != nil {
                number += 1
                candidate = fit(safe, mark: " (\(number))")
            }
            last[safe] = number
            assigned[candidate] = target
        }
        return assigned
    }

    /// Puts `mark` before the extension, and shortens what stands before it to fit.
    private static func fit(_ name: String, mark: String) -> String {
        var stem = Substring(name)
        var ending: Substring = ""
        // An extension of 32 bytes or more is none; a leading dot begins no extension.
        if let dot = name.lastIndex(of: "."), dot > name.startIndex, name[dot...].utf8.count < 32 {
            (stem, ending) = (name[..<dot], name[dot...])
        }
        while stem.utf8.count + mark.utf8.count + ending.utf8.count > longestName { stem.unicodeScalars.removeLast() }
        return "\(stem)\(mark)\(ending)"
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2f, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: true
        default:
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: true
            default: false
            }
        }
    }
}
