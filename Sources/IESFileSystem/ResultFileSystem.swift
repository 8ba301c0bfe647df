// SPDX-License-Identifier: Apache-2.0

package import IESCache
package import IESFetch
package import IESService
package import IESTakeover
package import Logging
import Synchronization
import SystemPackage

/// The file system: names, inodes, handles, attributes and errors; it knows nothing of FUSE.
///
/// Methods ending in `Now` answer from memory or the local index, or throw; nil means that the answer
/// needs the network or the disk: call the async method of the same name, on a task of its own.
/// Neither waits for the network on the caller's thread. Cancelling the task of an async method ends
/// it with EINTR.
///
/// Each lock here is held alone, and never while another module is called.
package final class ResultFileSystem: Sendable {
    let fetcher: ResultFetcher
    let cache: BlockCache
    let settings: FileSystemSettings
    let lists: TaskLists
    let links: LinkDirectories
    let inodes: Mutex<InodeTable>
    let handles = Mutex(HandleTable<OpenObject>())
    let passthrough = Passthrough()
    /// What the next worker will know of this one; nil: nothing.
    let kept: TakeoverRecord?
    let inherited = Inheritance()
    let failures: SharedFailureBook
    let answered: AnsweredProjects
    let endpoint: Endpoint
    let health: ServiceHealth
    let moreStatus: @Sendable () -> [StatusLine]
    let logger: Logger
    let started: FileTime
    let startedInstant: ContinuousClock.Instant
    private let invalidEntry = Mutex<@Sendable (InodeNumber, String) -> Void>({ _, _ in })

    /// - Parameters:
    ///   - kept: Of the mount: what earlier workers told the kernel is taken over from it, and this one's is kept there.
    ///   - status: Lines for `/.iesfs/status` that others know: credentials, passthrough, and so on.
    package init(
        fetcher: ResultFetcher, cache: BlockCache, client: ServiceClient, settings: FileSystemSettings,
        kept: TakeoverRecord? = nil, status: @escaping @Sendable () -> [StatusLine] = { [] }, logger: Logger
    ) {
        self.kept = kept
        inodes = Mutex(InodeTable(kept))
        self.fetcher = fetcher
        self.cache = cache
        self.settings = settings
        self.logger = logger
        endpoint = client.endpoint
        health = client.health
        moreStatus = status
        // Attributes that were told never change, so they are those of the mount and not of this worker.
        started =
            kept.map { FileTime(seconds: $0.started.seconds, nanoseconds: $0.started.nanoseconds) } ?? settings.now()
        startedInstant = settings.instant()
        links = LinkDirectories(cache: cache)
        let failures = SharedFailureBook()
        self.failures = failures
        let answered = AnsweredProjects()
        self.answered = answered
        let (now, timeout) = (settings.now, settings.timeout)
        lists = TaskLists(client: client, cache: cache, settings: settings, logger: logger) { project, failure in
            if failure == nil { answered.add(project) }
            failures.book.withLock { book in
                guard let failure else { return book.listSucceeded(project) }
                book.listFailed(project, FailureDetails(.service(failure), timeout: timeout, time: now()))
            }
        }
        inherit()
        fetcher.onChange = { [weak self] id in self?.changed(id) }
        fetcher.modified = { [lists] id in
            lists.task(id)?.endDate.map { FileTime($0) }.map {
                Timestamp(seconds: $0.seconds, nanoseconds: $0.nanoseconds)
            }
        }
    }

    /// Called, from any thread, when a name must be looked up again because its result changed. It must not wait.
    package var onInvalidEntry: @Sendable (_ parent: InodeNumber, _ name: String) -> Void {
        get { invalidEntry.withLock { $0 } }
        set { invalidEntry.withLock { $0 = newValue } }
    }

    /// Says whether the kernel may read finished results by itself from now on: once, before the first open.
    package func passThrough(_ standing: PassthroughStanding) {
        passthrough.stand(standing)
        releaseLeftovers()
    }

    private func changed(_ id: ResultID) {
        links.invalidate(id.project)
        onInvalidEntry(number(of: .project(id.project)), id.task.rawValue)
    }

    // MARK: What is known

    /// The service answered for a result just now.
    func succeeded(_ id: ResultID) {
        failures.book.withLock { $0.succeeded(id, wasAnswered: true) }
        links.invalidate(id.project)
        answered.add(id.project)
    }

    func allows(_ project: ProjectID) -> Bool { settings.projects.isEmpty || settings.projects.contains(project) }

    /// The number of a node: the index's, or where the index fails the one it would most likely give.
    func number(of node: Node) -> InodeNumber {
        let preferred = InodeNumber.preferred(for: node)
        guard node != .root else { return .root }
        let number = try? cache.inodeNumber(path: node.path, variant: node.variant, preferred: preferred.rawValue)
        return number.map { InodeNumber(rawValue: $0) } ?? preferred
    }

    /// What an inode is: from memory, or from the index where an earlier worker answered for it.
    func record(of inode: InodeNumber) throws(FileSystemError) -> InodeTable.Record {
        if inode == .root { return describe(.root) }
        if let record = inodes.withLock({ $0[inode] }) { return record }
        guard let owner = try? cache.path(ofInode: inode.rawValue),
            let node = Node(path: owner.path, variant: owner.variant), let record = recall(node)
        else { throw FileSystemError(.staleNFSFileHandle, "The file is not known any more; look up its name again.") }
        return record
    }

    /// What is told of a node now, if nothing was told of its inode before.
    func describe(_ node: Node, result: ResultRecord? = nil) -> InodeTable.Record {
        switch node {
        case .result:
            let modified = result?.modified ?? Timestamp(seconds: 0)
            return InodeTable.Record(
                node: node, size: result?.size ?? 0,
                modified: FileTime(seconds: modified.seconds, nanoseconds: modified.nanoseconds))
        case .refused(let id, let size):
            let time = lists.task(id)?.endDate.map { FileTime($0) } ?? settings.now()
            return InodeTable.Record(
                node: node, size: size, modified: failures.book.withLock { $0.refusedTime(of: id, time) })
        case .link(_, _, let target):
            let size = Int64(LinkDirectories.destination(target).utf8.count)
            return InodeTable.Record(node: node, size: size, modified: started)
        case .root, .project, .links, .statusDirectory, .status:
            return InodeTable.Record(node: node, size: 0, modified: started)
        }
    }

    /// As `describe`, for a node that only the index remembers; nil for a version that is not the newest.
    private func recall(_ node: Node) -> InodeTable.Record? {
        guard case .result(let id, let version) = node else { return describe(node) }
        let latest = try? cache.latest(ResultKey(project: id.project.rawValue, task: id.task.rawValue))
        guard let latest, latest.version == version else { return nil }
        return describe(node, result: latest)
    }
}

/// The failures of a mount, for all who report and show them.
final class SharedFailureBook: Sendable {
    let book = Mutex(FailureBook())
}

/// The projects of which the service has given a list or a result since the mount.
final class AnsweredProjects: Sendable {
    /// How many are kept: a mount can be asked for any number.
    private static let most = 1000

    private let projects = Mutex<Set<ProjectID>>([])

    var all: Set<ProjectID> { projects.withLock { $0 } }

    func add(_ project: ProjectID) {
        projects.withLock { if $0.count < Self.most { $0.insert(project) } }
    }
}
