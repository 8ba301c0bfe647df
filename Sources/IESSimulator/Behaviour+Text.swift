// SPDX-License-Identifier: Apache-2.0

extension Behaviour {
    /// Sets switches from a line such as `ranges=ignored framing=chunked`. `SimulatorHelp.switches` lists them.
    package mutating func set(_ text: String) throws(OrderError) {
        var line = try OrderLine(text)
        var changed = self
        try changed.setDelivery(&line)
        try changed.setList(&line)
        try changed.setAccess(&line)
        try line.finish()
        self = changed
    }

    private mutating func setDelivery(_ line: inout OrderLine) throws(OrderError) {
        if let value = try line.choice("ranges", of: Ranges.self) { ranges = value }
        if let value = try line.boolean("accept-ranges") { announcesRanges = value }
        if let value = try line.choice("framing", of: Framing.self) { framing = value }
        if let value = try line.choice("if-range", of: IfRange.self) { ifRange = value }
        if let value = try line.boolean("conditions") { honoursConditions = value }
        if let value = try line.duration("latency") { latency = value }
        if let value = try line.integer("speed", as: Int.self) { bytesPerSecond = value > 0 ? value : nil }
        if let value = line.take("redirects") {
            redirects =
                switch value {
                case "none": .none
                case "same": .sameAuthority
                case "other-port": .otherPort
                default: .origin(value)
                }
        }
        if let value = try line.duration("link-lifetime") { linkLifetime = value }
    }

    private mutating func setList(_ line: inout OrderLine) throws(OrderError) {
        if let value = try line.choice("paging", of: Paging.self) { paging = value }
        if let value = try line.integer("page-size", as: Int.self) {
            guard value > 0 else { throw OrderError("page-size is at least 1") }
            pageSize = value
        }
        if let value = try line.integer("count-error", as: Int.self) { countError = value }
        if let value = try line.boolean("numbers") { numbersInTasks = value }
    }

    private mutating func setAccess(_ line: inout OrderLine) throws(OrderError) {
        if let value = try line.boolean("authenticates") { authenticates = value }
        if let value = try line.duration("window") { signatureWindow = value }
        if let value = try line.boolean("project-id") { requiresProjectID = value }
        if let value = try line.boolean("locks-keys") { locksKeys = value }
        if let value = try line.choice("metadata-tokens", of: MetadataTokens.self) { metadataTokens = value }
        if let value = try line.boolean("agency") { hasAgency = value }
        if let value = try line.duration("key-lifetime") { keyLifetime = value }
        if let value = try line.duration("clock-skew") { clockSkew = value }
        if let value = try line.choice("errors", of: Refusal.Shape.self) { errorShape = value }
        if let value = try line.boolean("request-id") { sendsRequestID = value }
        if let value = line.take("unknown") {
            unknown = DocumentedError.named(value) ?? Refusal(code: value, message: "文件不存在")
        }
        if let value = try line.integer("rate", as: Int.self) { callsPerSecond = value > 0 ? value : nil }
        if let value = line.take("retry-after") { retryAfter = try Fault.retry(value) }
    }
}
