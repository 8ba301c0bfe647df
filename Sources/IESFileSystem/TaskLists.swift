// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import IESCache
import IESService
import Logging
import Synchronization

/// The last task list of each project, from the service or, until it answers, from the index.
///
/// A list is asked for once however many wait for it, and holds for `listTTL`.
final class TaskLists: Sendable {
    /// A request for a list that is under way.
    private struct Flight: Sendable {
        let started: ContinuousClock.Instant
        let landing = Event()
    }

    private struct OfProject: Sendable {
        var tasks: [TaskRecord] = []
        var positions: [TaskID: Int] = [:]
        /// Whether there has ever been a list, in this run or an earlier one.
        var isKnown = false
        /// When the list, or the failure to get it, is to be followed by another try.
        var nextTry: ContinuousClock.Instant?
        var flight: Flight?
        /// When a list first differed from the one before.
        var changed: FileTime?
        var hasWarned = false

        mutating func replace(_ new: [TaskRecord], at time: FileTime) {
            if isKnown, Set(new.map(\.taskID)) != Set(positions.keys) { changed = time }
            tasks = new
            positions = Dictionary(zip(new.map(\.taskID), new.indices), uniquingKeysWith: { first, _ in first })
            isKnown = true
        }
    }

    /// Beyond it, projects without a list are forgotten: anyone can name any number of projects.
    private static let kept = 1000

    private let client: ServiceClient
    private let cache: BlockCache
    private let settings: FileSystemSettings
    private let logger: Logger
    private let onEnd: @Sendable (ProjectID, ServiceFailure?) -> Void
    private let projects = Mutex<[ProjectID: OfProject]>([:])

    /// - Parameter onEnd: Called after each try: nil for a list, else why there is none.
    init(
        client: ServiceClient, cache: BlockCache, settings: FileSystemSettings, logger: Logger,
        onEnd: @escaping @Sendable (ProjectID, ServiceFailure?) -> Void
    ) {
        self.client = client
        self.cache = cache
        self.settings = settings
        self.logger = logger
        self.onEnd = onEnd
    }

    /// What the last list says of a task.
    func task(_ id: ResultID) -> TaskRecord? {
        withProject(id.project) { list in list.positions[id.task].map { list.tasks[$0] } }
    }

    func tasks(of project: ProjectID) -> [TaskRecord] { withProject(project) { $0.tasks } }

    /// When the names of the project last changed, as far as this run has seen.
    func changed(_ project: ProjectID) -> FileTime? { projects.withLock { $0[project]?.changed } }

    /// Whether what is known will do: a list or a failure that is recent enough, or a service that takes longer than
    /// one waits for a newer list.
    func isSettled(_ project: ProjectID) -> Bool {
        guard settings.listsTasks else { return true }
        let now = settings.instant()
        return withProject(project) { list in
            if let flight = list.flight { return list.isKnown && now - flight.started >= settings.listPatience }
            return list.nextTry.map { now < $0 } ?? false
        }
    }

    /// Asks the service, or waits for the answer to who has asked before. Returns when it has answered or failed; where
    /// an older list is there to show, after `listPatience` at the latest; and when the task is cancelled.
    func settle(_ project: ProjectID) async {
        if isSettled(project) { return }
        let now = settings.instant()
        let (flight, isKnown) = withProject(project) { list in
            if let flight = list.flight { return (flight, list.isKnown) }
            let flight = Flight(started: now)
            list.flight = flight
            Task { await self.ask(project, flight) }
            return (flight, list.isKnown)
        }
        guard isKnown else { return await flight.landing.wait() }
        let patience = settings.listPatience - (now - flight.started)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await flight.landing.wait() }
            group.addTask { [settings] in try? await settings.sleep(patience) }
            await group.next()
            group.cancelAll()
        }
    }

    private func ask(_ project: ProjectID, _ flight: Flight) async {
        let result: Result<TaskList, ServiceFailure>
        do throws(ServiceFailure) {
            result = .success(try await client.tasks(of: project, deadline: settings.instant() + settings.timeout))
        } catch {
            result = .failure(error)
        }
        let now = settings.instant()
        let mustWarn = withProject(project) { list in
            list.flight = nil
            switch result {
            case .success(let answer):
                list.replace(answer.tasks, at: settings.now())
                list.nextTry = now + settings.listTTL
                defer { list.hasWarned = list.hasWarned || !answer.isComplete }
                return !answer.isComplete && !list.hasWarned
            case .failure:
                list.nextTry = now + settings.errorTTL
                return false
            }
        }
        if mustWarn {
            logger.warning("The service's task list may be incomplete; tasks are found by their id all the same.")
        }
        switch result {
        case .success(let answer):
            if let json = try? JSONEncoder().encode(answer.tasks) {
                cache.storeTasks(Array(json), of: project.rawValue)
            }
            onEnd(project, nil)
        case .failure(let failure):
            onEnd(project, failure)
        }
        flight.landing.happen()
    }

    /// The project's entry; at first use with the list that the index has kept.
    private func withProject<Value>(_ project: ProjectID, _ body: (inout OfProject) -> Value) -> Value
    where Value: Sendable {
        if projects.withLock({ $0[project] == nil }) {
            let stored = stored(project)
            projects.withLock { projects in
                guard projects[project] == nil else { return }
                if projects.count >= Self.kept {
                    projects = projects.filter { $0.value.isKnown || $0.value.flight != nil }
                }
                var list = OfProject()
                if let stored { list.replace(stored, at: settings.now()) }
                projects[project] = list
            }
        }
        return projects.withLock { body(&$0[project, default: OfProject()]) }
    }

    private func stored(_ project: ProjectID) -> [TaskRecord]? {
        // An index that fails has warned already; the list is only a convenience.
        guard let json = try? cache.tasks(of: project.rawValue) else { return nil }
        return try? JSONDecoder().decode([TaskRecord].self, from: Data(json))
    }
}
