// SPDX-License-Identifier: Apache-2.0

package import IESService
import IESFetch
import Synchronization
import SystemPackage

/// Which results a path means, for commands that work on many.
extension ResultFileSystem {
    /// The results at `path`, a path below the mountpoint of which any component may be a pattern: one result, or all that
    /// are listed in a project, or in all projects that are shown. In order.
    ///
    /// Where patterns or projects have to be listed, the service is asked for its list as for `ls`.
    package func results(at path: String) async throws(FileSystemError) -> [ResultID] {
        let names = path.split(separator: "/").map { NamePattern(String($0)) }
        var found: [ResultID] = []
        for project in try projects(matching: names.first ?? NamePattern("*")) {
            found += try await results(of: project, matching: Array(names.dropFirst()))
        }
        guard !found.isEmpty || names.isEmpty else { throw .nothingMatches }
        return found
    }

    private func projects(matching pattern: NamePattern) throws(FileSystemError) -> [ProjectID] {
        if pattern.isGlob {
            return projects().filter { pattern.matches($0.rawValue) }.sorted { $0.rawValue < $1.rawValue }
        }
        guard let project = Names.project(pattern.text), allows(project) else { throw .noSuchName }
        return [project]
    }

    private func results(
        of project: ProjectID, matching names: [NamePattern]
    ) async throws(FileSystemError) -> [ResultID] {
        switch (names.first, names.count) {
        case (nil, _): return try await listed(project)
        case (let name?, 1) where name.text == Node.linksDirectoryName: return try await listed(project)
        case (let name?, 2) where name.text == Node.linksDirectoryName:
            let targets = links.names(in: project).filter { names[1].matches($0.key) }.values
            return targets.map { ResultID(project: project, task: $0) }.sorted { $0.task.rawValue < $1.task.rawValue }
        case (let name?, 1) where name.isGlob:
            return try await listed(project).filter { name.matches($0.task.rawValue) }
        case (let name?, 1):
            guard let task = Names.task(name.text) else { throw .noSuchName }
            return [ResultID(project: project, task: task)]
        default: throw FileSystemError(.notDirectory, "A result is a file, and there is nothing below it.")
        }
    }

    /// What a listing of the project shows; fails where there is nothing to show because the list failed.
    private func listed(_ project: ProjectID) async throws(FileSystemError) -> [ResultID] {
        await lists.settle(project)
        if Task.isCancelled { throw FileSystemError(.interrupted, "The operation was interrupted.") }
        let tasks = results(of: project).compactMap { Names.task($0.name) }
        if tasks.isEmpty, let failure = failures.book.withLock({ $0.failure(of: project) }), failure.name == nil {
            throw FileSystemError(failure.details)
        }
        return tasks.sorted { $0.rawValue < $1.rawValue }.map { ResultID(project: project, task: $0) }
    }
}

extension FileSystemError {
    fileprivate static var nothingMatches: FileSystemError {
        FileSystemError(.noSuchFileOrDirectory, "No result matches.")
    }
}
