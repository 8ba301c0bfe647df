// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFetch
import IESService
import Synchronization
import SystemPackage

extension ResultFileSystem {
    /// The value of an extended attribute; ENODATA when there is none. The caller applies the kernel's size rules.
    package func extendedAttribute(
        _ name: String, of inode: InodeNumber
    ) throws(FileSystemError) -> [UInt8] {
        let node = try record(of: inode).node
        // `ls -l` asks each file for `security.` and `system.` attributes.
        guard name.hasPrefix("user."), let value = values(of: node, inode)[name] else {
            throw FileSystemError(.noData, "There is no such attribute.")
        }
        return value
    }

    /// The names of the extended attributes that have a value.
    package func extendedAttributes(of inode: InodeNumber) throws(FileSystemError) -> [String] {
        values(of: try record(of: inode).node, inode).keys.sorted()
    }

    private func values(of node: Node, _ inode: InodeNumber) -> [String: [UInt8]] {
        switch node {
        case .project(let project):
            guard let failure = failures.book.withLock({ $0.failure(of: project) }) else { return [:] }
            return rendered(failureTexts(failure.details) + [("ies.error_name", failure.name?.rawValue)])
        case .result(let id, let version):
            let isPassedThrough = passthrough.isPassedThrough(inode)
            return rendered(
                fileTexts(id) + resultTexts(id, version: version, isPassedThrough: isPassedThrough))
        case .refused(let id, _): return rendered(fileTexts(id) + [("ies.state", "failed")])
        case .root, .links, .link, .statusDirectory, .status: return [:]
        }
    }

    private typealias Texts = [(name: String, text: String?)]

    private func rendered(_ texts: Texts) -> [String: [UInt8]] {
        var values: [String: [UInt8]] = [:]
        for (name, text) in texts {
            if let text { values["user.\(name)"] = AttributeText.value(text) }
        }
        return values
    }

    private func fileTexts(_ id: ResultID) -> Texts {
        let failure = failures.book.withLock { $0.failure(of: id) }
        return (failure.map { failureTexts($0) } ?? []) + (lists.task(id).map { taskTexts($0) } ?? [])
    }

    private func failureTexts(_ failure: FailureDetails) -> Texts {
        [
            ("ies.error_msg", failure.message), ("ies.error_code", failure.code),
            ("ies.request_id", failure.requestID), ("ies.http_status", failure.status.map { String($0) }),
            ("ies.errno", failure.errno.symbol), ("ies.error_time", failure.time.text),
        ]
    }

    private func taskTexts(_ task: TaskRecord) -> Texts {
        [
            ("ies.task_name", task.name), ("ies.resource", task.resource), ("ies.task_type", task.type),
            ("ies.task_status", task.status), ("ies.operator", task.operator), ("ies.user_id", task.userID),
            ("ies.begin_time", task.beginTime), ("ies.end_time", task.endTime), ("ies.total_count", task.totalCount),
            ("ies.success_count", task.successCount), ("ies.failure_count", task.failureCount),
        ]
    }

    /// What is known of the content, if it is still the result's newest.
    private func resultTexts(_ id: ResultID, version: Int, isPassedThrough: Bool) -> Texts {
        guard case .result(let result)? = fetcher.known(id), result.record.version == version else { return [] }
        let state = isPassedThrough ? "passthrough" : result.state.rawValue
        let record = result.record
        return [
            ("ies.state", state), ("ies.cached_bytes", String(result.cachedBytes)), ("ies.filename", record.filename),
            ("ies.etag", record.etag), ("mime_type", record.mediaType), ("xdg.origin.url", record.originURL),
        ]
    }
}
