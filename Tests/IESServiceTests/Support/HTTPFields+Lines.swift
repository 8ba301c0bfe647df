// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

extension HTTPFields {
    /// Fields as they stand in a message, `Name: value`, in order.
    init(lines: [String]) {
        self.init()
        for line in lines {
            let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, let name = HTTPField.Name(String(halves[0])) else {
                preconditionFailure("no field: \(line)")
            }
            append(HTTPField(name: name, value: String(halves[1].drop { $0 == " " })))
        }
    }
}
