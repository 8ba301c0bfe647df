// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESMount
import SystemPackage

/// What a mount says of itself in `/.iesfs/status`: lines of a name, a colon and a value.
struct StatusText {
    private var values: [String: String] = [:]

    init(of mountpoint: FilePath) throws(MountError) {
        guard let text = try? Data(contentsOf: URL(filePath: "\(mountpoint)/.iesfs/status")) else {
            throw MountError(
                .failed,
                "The mount at \(mountpoint) does not answer: its daemon has gone. Mount it again, or unmount it.")
        }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[String(line[..<colon])] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
    }

    subscript(_ name: String) -> String? { values[name] }
}
