// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import IESTakeover
import Synchronization
import SystemPackage

extension ResultFileSystem {
    /// Opens a directory: a snapshot of its names.
    package func openDirectoryNow(
        _ inode: InodeNumber, request: RequestNumber = .none
    ) throws(FileSystemError) -> HandleID? {
        if let handle = openedDirectoryEarlier(inode, by: request) { return handle }
        let node = try record(of: inode).node
        if case .project(let project) = node, !lists.isSettled(project) { return nil }
        return insert(.directory(try snapshot(of: node)), .directory, inode, request)
    }

    /// As `openDirectoryNow`, asking the service for a project's tasks where needed.
    ///
    /// A list that fails does not fail the directory: it shows what is known, and why in its attributes.
    package func openDirectory(
        _ inode: InodeNumber, request: RequestNumber = .none
    ) async throws(FileSystemError) -> HandleID {
        let node = try record(of: inode).node
        if case .project(let project) = node {
            await lists.settle(project)
            if Task.isCancelled { throw FileSystemError(.interrupted, "The operation was interrupted.") }
        }
        return insert(.directory(try snapshot(of: node)), .directory, inode, request)
    }

    /// Gives the names after `offset` (0 for all, else an entry's `nextOffset`), `.` and `..` included,
    /// until `visit` returns false, which means that this entry was not taken.
    package func readDirectory(
        _ handle: HandleID, from offset: UInt64, _ visit: (DirectoryEntry) -> Bool
    ) throws(FileSystemError) {
        guard case .directory(let snapshot)? = object(of: handle) else { throw .notOpen }
        let own = [(".", snapshot.node), ("..", snapshot.parent)]
        for (position, (name, node)) in own.enumerated() where offset <= position {
            let dots = DirectoryEntry(
                name: name, inode: number(of: node), kind: .directory, nextOffset: UInt64(position) + 1, entry: nil,
                record: nil)
            guard visit(dots) else { return }
        }
        for placed in snapshot.entries(after: offset) {
            guard visit(entry(placed)) else { return }
        }
    }

    /// Adds one look-up for an entry whose full answer went into a READDIRPLUS reply; nothing for one without.
    package func remember(_ entry: DirectoryEntry) {
        guard let record = entry.record else { return }
        inodes.withLock { _ = $0.add(entry.inode, record) }
    }

    /// Closes a directory. Harmless for a handle that is not open.
    package func releaseDirectory(_ handle: HandleID) {
        _ = remove(handle)
    }

    private func entry(_ placed: DirectorySnapshot.Placed) -> DirectoryEntry {
        let (node, result): (Node, ResultRecord?) =
            switch placed.item.content {
            case .node(let node): (node, nil)
            case .known(let record, let id): (.result(id, version: record.version), record)
            case .unseen(let id): (.result(id, version: 0), nil)
            }
        if case .unseen = placed.item.content {
            // Its number is not claimed before there is something to number.
            return DirectoryEntry(
                name: placed.item.name, inode: .preferred(for: node), kind: .file, nextOffset: placed.offset,
                entry: nil,
                record: nil)
        }
        let number = number(of: node)
        let record = inodes.withLock { $0[number] } ?? describe(node, result: result)
        return DirectoryEntry(
            name: placed.item.name, inode: number, kind: node.kind, nextOffset: placed.offset,
            entry: entry(record, number), record: record)
    }

    func snapshot(of node: Node) throws(FileSystemError) -> DirectorySnapshot {
        DirectorySnapshot(of: node, parent: try parent(of: node), items(of: node))
    }

    private func parent(of node: Node) throws(FileSystemError) -> Node {
        switch node {
        case .root, .project, .statusDirectory: return .root
        case .links(let project): return .project(project)
        case .link, .result, .refused, .status:
            throw FileSystemError(.notDirectory, "Only a directory can be listed.")
        }
    }

    private func items(of node: Node) -> [DirectorySnapshot.Item] {
        switch node {
        case .root: projects().map { DirectorySnapshot.Item(name: $0.rawValue, content: .node(.project($0))) }
        case .project(let project): results(of: project)
        case .links(let project):
            links.names(in: project).map { name, target in
                DirectorySnapshot.Item(name: name, content: .node(.link(in: project, name: name, target: target)))
            }
        case .statusDirectory:
            Node.StatusFile.allCases.map { DirectorySnapshot.Item(name: $0.rawValue, content: .node(.status($0))) }
        case .link, .result, .refused, .status: []
        }
    }

    /// The configured projects, or else those in the cache and those the service has answered for.
    func projects() -> Set<ProjectID> {
        guard settings.projects.isEmpty else { return Set(settings.projects) }
        let cached = (try? cache.projects()) ?? []
        return answered.all.union(cached.compactMap { Names.project($0) })
    }

    /// The last task list, and what the cache knows besides.
    func results(of project: ProjectID) -> [DirectorySnapshot.Item] {
        var items: [TaskID: DirectorySnapshot.Content] = [:]
        for task in lists.tasks(of: project) where Names.task(task.taskID.rawValue) != nil {
            items[task.taskID] = .unseen(ResultID(project: project, task: task.taskID))
        }
        for record in (try? cache.results(of: project.rawValue)) ?? [] {
            guard let task = Names.task(record.key.task) else { continue }
            items[task] = .known(record, ResultID(project: project, task: task))
        }
        return items.map { DirectorySnapshot.Item(name: $0.key.rawValue, content: $0.value) }
    }
}
