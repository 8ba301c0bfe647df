// SPDX-License-Identifier: Apache-2.0

import Testing

// `#expect(try await …)` does not compile inside a closure; these take values already awaited.

func expect<Value: Equatable>(
    _ value: Value, _ expected: Value, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(value == expected, sourceLocation: sourceLocation)
}

func expect(
    _ value: (status: Int, code: String), _ expected: (Int, String),
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(value == expected, sourceLocation: sourceLocation)
}
