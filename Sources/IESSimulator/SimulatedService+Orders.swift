// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESService

extension SimulatedService {
    /// Injects the fault a line describes.
    package func injectFault(_ text: String) throws(OrderError) { inject(try FaultRule(parsing: text)) }

    /// Sets the switches a line names.
    package func setSwitches(_ text: String) throws(OrderError) {
        var changed = behaviour
        try changed.set(text)
        behaviour = changed
    }

    /// Adds a task, or changes the one of that id, as a line says: `id=abc size=10M seed=3 state=running`.
    /// A content given for a task that is there replaces its content. `SimulatorHelp.results` lists the words.
    package func setResult(_ text: String) throws(OrderError) {
        var line = try OrderLine(text)
        guard let task = try line.task() else { throw OrderError("no id= is given") }
        var project: ProjectID?
        if let word = line.take("project") {
            project = ProjectID(rawValue: word)
            guard project != nil else { throw OrderError("\"\(word)\" is not a project id") }
        }
        let content = try Self.content(&line)
        let known = result(task, project: project)
        var changed = known ?? SimulatedResult(task)
        try changed.set(&line)
        try line.finish()
        if let content, known != nil {
            changed.content = content
            changed.revision += 1
            if changed.lastModified != nil { changed.lastModified = now }
        } else if let content {
            changed.content = content
        }
        add(changed, project: project)
    }

    private static func content(_ line: inout OrderLine) throws(OrderError) -> SimulatedContent? {
        let seed = try line.integer("seed", as: UInt64.self)
        if let size = try line.integer("size", as: Int64.self) {
            guard size >= 0 else { throw OrderError("size is not negative") }
            return .generated(seed: seed ?? 0, size: size)
        }
        if let text = line.take("text") { return .text(text) }
        guard let path = line.take("file") else { return nil }
        let content = SimulatedContent.file(path: path)
        guard content.size != nil else { throw OrderError("the file \(path) cannot be read") }
        return content
    }
}

extension SimulatedResult {
    fileprivate mutating func set(_ line: inout OrderLine) throws(OrderError) {
        if let value = line.take("name") { name = value }
        if let value = line.take("type") { mediaType = value == "none" ? nil : value }
        if let value = line.take("etag") {
            entityTag = value == "none" ? .none : value == "automatic" ? .automatic : .text(value)
        }
        if let value = line.take("filename") { filename = value == "none" ? nil : value }
        if let value = line.take("disposition") { disposition = value == "none" ? nil : value }
        if let value = line.take("modified") {
            guard value != "none" else { return lastModified = nil }
            guard let seconds = Double(value) else { throw OrderError("modified=\(value) is not seconds since 1970") }
            lastModified = Date(timeIntervalSince1970: seconds)
        }
        if let value = try line.boolean("listed") { isListed = value }
        if let value = line.take("resource") { details.resource = value }
        if let value = line.take("task-status") { details.status = value }
        switch line.take("state") {
        case nil: break
        case "finished": state = .finished
        case "running": state = .running
        case "failed": state = .failed
        case "refused": state = .refused(try Refusal(&line, status: nil))
        case let word?: throw OrderError("state=\(word) is none of finished, running, failed, refused")
        }
    }
}
