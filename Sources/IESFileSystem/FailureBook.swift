// SPDX-License-Identifier: Apache-2.0

import IESService

/// The last failure of each result and of each project, as the extended attributes show them, and the journal of all.
///
/// A result's failure is gone after its next success. A project shows the last failure of a name that did
/// not resolve, or of its list, until something of it succeeds.
struct FailureBook: Sendable {
    struct OfProject: Hashable, Sendable {
        let details: FailureDetails
        /// The task whose result failed; nil where the task list did.
        let name: TaskID?
    }

    /// How many results' failures are kept; a listing of refused tasks is to fit.
    static let capacity = 20_000
    private var results: [ResultID: FailureDetails] = [:]
    private var ofNames: [ProjectID: OfProject] = [:]
    private var ofLists: [ProjectID: OfProject] = [:]
    /// What `mtime` a refused result was told to have.
    private var refusedTimes: [ResultID: FileTime] = [:]
    private(set) var journal = ErrorJournal()

    func failure(of id: ResultID) -> FailureDetails? { results[id] }

    func failure(of project: ProjectID) -> OfProject? {
        guard let name = ofNames[project] else { return ofLists[project] }
        guard let list = ofLists[project] else { return name }
        return name.details.time < list.details.time ? list : name
    }

    /// - Returns: False when this is the failure that was recorded last, reported once more.
    @discardableResult
    mutating func failed(_ id: ResultID, _ details: FailureDetails, as failureClass: FailureClass) -> Bool {
        let isNew = !(results[id].map { $0.isReportedTwice(by: details) } ?? false)
        if results.count >= Self.capacity, results[id] == nil { results.removeAll() }
        results[id] = details
        if failureClass != .refused { ofNames[id.project] = OfProject(details: details, name: id.task) }
        if isNew { journal.add(details, path: "/\(id)") }
        return isNew
    }

    /// - Parameter wasAnswered: The service itself answered just now, so whatever failed of the project before is past.
    mutating func succeeded(_ id: ResultID, wasAnswered: Bool) {
        results[id] = nil
        if wasAnswered || ofNames[id.project]?.name == id.task { ofNames[id.project] = nil }
    }

    @discardableResult
    mutating func listFailed(_ project: ProjectID, _ details: FailureDetails) -> Bool {
        let isNew = !(ofLists[project].map { $0.details.isReportedTwice(by: details) } ?? false)
        ofLists[project] = OfProject(details: details, name: nil)
        if isNew { journal.add(details, path: "/\(project)") }
        return isNew
    }

    mutating func listSucceeded(_ project: ProjectID) { ofLists[project] = nil }

    /// The `mtime` of a refused result: the one told first.
    mutating func refusedTime(of id: ResultID, _ time: @autoclosure () -> FileTime) -> FileTime {
        if let told = refusedTimes[id] { return told }
        if refusedTimes.count >= Self.capacity { refusedTimes.removeAll() }
        let time = time()
        refusedTimes[id] = time
        return time
    }
}
