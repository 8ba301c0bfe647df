// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import IESService
import Synchronization

/// The import/export service in memory: results, task list and detail, tokens; no sockets.
///
/// It verifies credentials itself, answers as facts/ies-api.md describes with the open questions as
/// switches (`Behaviour`), goes wrong on demand (`inject`) and logs every call (`log`). Everything may
/// be changed while calls are being answered; an answer under way keeps what it began with.
package final class SimulatedService: Sendable {
    struct State: Sendable {
        var accounts: Accounts
        var projects: [ProjectID]
        /// In the order they were added, which is the order of the list.
        var order: [ResultID] = []
        var results: [ResultID: SimulatedResult] = [:]
        var behaviour = Behaviour()
        var faults = FaultBook()
        var requestNumber = 0
        var throttle = Throttle()
        /// `host:port` of the server's second port.
        var linkAuthority: String?
        var initial: (results: [ResultID: SimulatedResult], order: [ResultID], behaviour: Behaviour)?
    }

    package let log = RequestLog()
    let state: Mutex<State>
    private let clock: @Sendable () -> Date

    /// - Parameter now: The true time; `Behaviour.clockSkew` is added to it.
    package init(
        project: ProjectID = .simulated, accessKey: String = SimulatedAccount.accessKey,
        secretKey: String = SimulatedAccount.secretKey, token: String = SimulatedAccount.token,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        clock = now
        state = Mutex(
            State(
                accounts: Accounts(accessKey: accessKey, secretKey: secretKey, token: token, project: project),
                projects: [project]))
    }

    /// The service's own clock.
    package var now: Date { clock() + behaviour.clockSkew.seconds }

    /// The project of `init`, which the other calls mean where none is named.
    package var project: ProjectID { state.withLock { $0.projects[0] } }

    // MARK: Results

    /// Adds a task, or replaces the one of that id.
    package func add(_ result: SimulatedResult, project: ProjectID? = nil) {
        state.withLock { state in
            let id = ResultID(project: project ?? state.projects[0], task: result.task)
            if !state.projects.contains(id.project) { state.projects.append(id.project) }
            if state.results.updateValue(result, forKey: id) == nil { state.order.append(id) }
        }
    }

    package func remove(_ task: TaskID, project: ProjectID? = nil) {
        state.withLock { state in
            let id = ResultID(project: project ?? state.projects[0], task: task)
            state.results[id] = nil
            state.order.removeAll { $0 == id }
        }
    }

    package func result(_ task: TaskID, project: ProjectID? = nil) -> SimulatedResult? {
        state.withLock { $0.results[ResultID(project: project ?? $0.projects[0], task: task)] }
    }

    /// Every task of the project, in the order of the list.
    package func results(of project: ProjectID? = nil) -> [SimulatedResult] {
        state.withLock { state in
            let project = project ?? state.projects[0]
            return state.order.filter { $0.project == project }.compactMap { state.results[$0] }
        }
    }

    /// Changes a task that is there; does nothing where it is not.
    package func update(
        _ task: TaskID, project: ProjectID? = nil, _ change: (inout SimulatedResult) -> Void
    ) {
        state.withLock { state in
            let id = ResultID(project: project ?? state.projects[0], task: task)
            guard var result = state.results[id] else { return }
            change(&result)
            state.results[id] = result
        }
    }

    /// Gives a task another content, and so another automatic entity tag and time of change.
    package func replace(_ task: TaskID, with content: SimulatedContent, project: ProjectID? = nil) {
        let time = now
        update(task, project: project) { result in
            result.content = content
            result.revision += 1
            if result.lastModified != nil { result.lastModified = time }
        }
    }

    /// Ends a running, failed or refused task well.
    package func finish(_ task: TaskID, content: SimulatedContent? = nil, project: ProjectID? = nil) {
        update(task, project: project) { result in
            result.state = .finished
            if let content { result.content = content }
        }
    }

    package func setState(_ new: SimulatedResult.State, of task: TaskID, project: ProjectID? = nil) {
        update(task, project: project) { $0.state = new }
    }

    /// Lets a project answer with an empty list.
    package func addProject(_ project: ProjectID) {
        state.withLock { if !$0.projects.contains(project) { $0.projects.append(project) } }
    }

    // MARK: Switches and faults

    package var behaviour: Behaviour {
        get { state.withLock { $0.behaviour } }
        set { state.withLock { $0.behaviour = newValue } }
    }

    /// Changes switches in one step.
    package func change(_ body: (inout Behaviour) -> Void) { state.withLock { body(&$0.behaviour) } }

    /// Lets calls go wrong: those for `task`, or all; `times` of them (nil: for ever) after `after` good ones.
    package func inject(
        _ fault: Fault, for task: TaskID? = nil, on operation: Operation? = nil, times: Int? = 1, after: Int = 0
    ) {
        inject(FaultRule(fault, task: task, operation: operation, times: times, after: after))
    }

    package func inject(_ rule: FaultRule) { state.withLock { $0.faults.add(rule) } }

    package func clearFaults() { state.withLock { $0.faults.clear() } }
    package func clearFaults(of task: TaskID) { state.withLock { $0.faults.clear(task: task) } }

    /// Faults still to come.
    package var faults: [FaultRule] { state.withLock { $0.faults.rules } }

    /// Where redirects with `Behaviour.redirects == .otherPort` lead.
    package func setLinkAuthority(_ authority: String?) { state.withLock { $0.linkAuthority = authority } }

    // MARK: Starting over

    /// Remembers the tasks and switches; `reset` comes back to them.
    package func markInitial() { state.withLock { $0.initial = ($0.results, $0.order, $0.behaviour) } }

    /// Takes back all faults and lock-outs, forgets the log, and brings tasks and switches to what
    /// `markInitial` saw (without it: the tasks stay, the switches get their defaults).
    package func reset() {
        state.withLock { state in
            state.faults.clear()
            state.behaviour = Behaviour()
            state.accounts.unlock()
            state.throttle = Throttle()
            if let initial = state.initial { (state.results, state.order, state.behaviour) = initial }
        }
        log.reset()
    }

    func fault(_ slot: Fault.Slot, _ call: Call) -> Fault? {
        state.withLock { $0.faults.take(slot, task: call.task, operation: call.operation) }
    }
}

/// Counts calls within the current second.
struct Throttle: Sendable {
    private var second = Int64.min
    private var calls = 0

    mutating func admits(at time: Date, limit: Int?) -> Bool {
        guard let limit else { return true }
        let current = Int64(time.timeIntervalSince1970.rounded(.down))
        if current != second { (second, calls) = (current, 0) }
        calls += 1
        return calls <= limit
    }
}
