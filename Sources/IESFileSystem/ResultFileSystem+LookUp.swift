// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESFetch
import IESService
import Synchronization
import SystemPackage

extension ResultFileSystem {
    /// Looks up a name in a directory. Each success adds one look-up to the inode's count, which the
    /// kernel takes back through `forget`; do so yourself when the reply could not be delivered.
    package func lookUpNow(_ name: String, in parent: InodeNumber) throws(FileSystemError) -> Entry? {
        switch try target(name, in: try record(of: parent).node) {
        case .node(let node): return enter(node)
        case .result(let id):
            switch fetcher.known(id) {
            case .result(let result)?: return enter(result)
            case .failed(let error)?: return try failed(id, error, isRemembered: true)
            case nil: return nil
            }
        }
    }

    /// As `lookUpNow`, asking the service where needed; ends by the deadline.
    package func lookUp(_ name: String, in parent: InodeNumber) async throws(FileSystemError) -> Entry {
        if let entry = try lookUpNow(name, in: parent) { return entry }
        guard case .result(let id) = try target(name, in: try record(of: parent).node) else { throw .noSuchName }
        let result: FetchedResult
        do throws(FetchError) {
            result = try await fetcher.resolve(id)
        } catch {
            return try failed(id, error, isRemembered: false)
        }
        succeeded(id)
        return enter(result)
    }

    /// Takes back `lookUps` of an inode's count.
    package func forget(_ inode: InodeNumber, lookUps: UInt64) {
        inodes.withLock { $0.forget(inode, lookUps: lookUps) }
    }

    private enum Target {
        case node(Node)
        case result(ResultID)
    }

    /// What a name means, by its form alone; only `.by-name` looks at what is known.
    private func target(_ name: String, in parent: Node) throws(FileSystemError) -> Target {
        switch parent {
        case .root:
            if name == Node.statusDirectoryName { return .node(.statusDirectory) }
            guard let project = Names.project(name), allows(project) else { throw .noSuchName }
            return .node(.project(project))
        case .project(let project):
            if name == Node.linksDirectoryName { return .node(.links(of: project)) }
            guard let task = Names.task(name) else { throw .noSuchName }
            return .result(ResultID(project: project, task: task))
        case .links(let project):
            guard let task = links.names(in: project)[name] else { throw .noSuchName }
            return .node(.link(in: project, name: name, target: task))
        case .statusDirectory:
            guard let file = Node.StatusFile(rawValue: name) else { throw .noSuchName }
            return .node(.status(file))
        case .link, .result, .refused, .status:
            throw FileSystemError(.notDirectory, "A name was looked up in what is no directory.")
        }
    }

    private func enter(_ result: FetchedResult) -> Entry {
        enter(.result(result.id, version: result.record.version), result: result.record)
    }

    /// Counts a look-up of `node` and says what the kernel is to know of it.
    func enter(_ node: Node, result: ResultRecord? = nil) -> Entry {
        let number = number(of: node)
        let new = describe(node, result: result)
        return entry(inodes.withLock { $0.add(number, new) }, number)
    }

    /// Records a failure; one that is a refusal is an entry itself.
    ///
    /// - Parameter isRemembered: The fetcher remembered it, nobody was asked anew.
    private func failed(_ id: ResultID, _ error: FetchError, isRemembered: Bool) throws(FileSystemError) -> Entry {
        let details = note(error, of: id, isRemembered: isRemembered)
        guard FailureClass(error, timeout: settings.timeout) == .refused else { throw FileSystemError(details) }
        return enter(.refused(id, size: max(1, Int64(details.message.utf8.count))))
    }

    /// Records why a result could not be had, for the attributes and the journal, and returns what is recorded.
    @discardableResult
    func note(_ error: FetchError, of id: ResultID, isRemembered: Bool) -> FailureDetails {
        let details = FailureDetails(error, timeout: settings.timeout, time: settings.now())
        // A reader who left is nobody's failure.
        guard FailureCause(error, timeout: settings.timeout) != .interrupted else { return details }
        let failureClass = FailureClass(error, timeout: settings.timeout)
        return failures.book.withLock { book in
            guard isRemembered, let told = book.failure(of: id), told.isSame(as: details) else {
                book.failed(id, details, as: failureClass)
                return details
            }
            book.failed(id, told, as: failureClass)
            return told
        }
    }
}

extension FileSystemError {
    static var noSuchName: FileSystemError { FileSystemError(.noSuchFileOrDirectory, "There is no such name.") }
}
