// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// All findings, as one screen or as JSON.
struct DoctorReport: Hashable, Sendable {
    let findings: [Finding]

    var status: ExitStatus { findings.contains { $0.verdict == .failed } ? .failure : .success }

    /// For people: by section, with what to do below each line that is not right.
    var text: String {
        let width = findings.map(\.name.count).max() ?? 0
        let sections = Finding.Section.allCases.map { section in
            let lines = findings.filter { $0.section == section }.map { Self.line($0, width: width) }
            return lines.isEmpty ? "" : "\(section.rawValue)\n\(lines.joined())"
        }
        return sections.joined() + "\n" + conclusion + "\n"
    }

    /// For programs: `ok`, and the findings in order.
    var json: String {
        struct Document: Encodable {
            let ok: Bool
            let findings: [Finding]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let document = Document(ok: status == .success, findings: findings)
        guard let bytes = try? encoder.encode(document) else { preconditionFailure("texts can be encoded") }
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }

    private var conclusion: String {
        let failures = findings.count { $0.verdict == .failed }
        let warnings = findings.count { $0.verdict == .warning }
        let warned = warnings == 0 ? "" : warnings == 1 ? " 1 warning." : " \(warnings) warnings."
        return (failures == 0 ? "Nothing failed." : "\(failures) failed.") + warned
    }

    private static func line(_ finding: Finding, width: Int) -> String {
        let mark =
            switch finding.verdict {
            case .ok: "ok    "
            case .note: "      "
            case .warning: "warn  "
            case .failed: "FAILED"
            }
        let name = finding.name + String(repeating: " ", count: max(0, width - finding.name.count))
        let line = "  \(mark)  \(name)  \(printable(finding.value))\n"
        return line + (finding.advice.map { "          -> \(printable($0))\n" } ?? "")
    }

    /// What others may have worded keeps to its line, and cannot steer the terminal.
    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) })
    }
}
