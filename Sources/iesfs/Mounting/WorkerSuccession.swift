// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import IESMount
import IESTakeover
import Logging
import SystemPackage

/// The workers of a mount, one after the other, and what each leaves to the next.
///
/// Decides nothing: carries out what `HolderPlan` says, and tells it what became of it.
struct WorkerSuccession {
    private let job: MountJob
    private let lock: FileDescriptor
    private let inBackground: Bool
    private(set) var record: TakeoverRecord
    private var worker: WorkerProcess?
    /// The one that stands by for an upgrade.
    private var candidate: WorkerProcess?
    /// What the last worker that served was started from.
    private var proven: Executable
    /// What those before it were.
    private var previous: Executable?
    /// While there is no worker.
    private var refusing: RefusingDevice?
    private var device: Int32 = -1
    /// `OutOfMemory.kills` when the worker was started.
    private var memoryKills: UInt64?

    init(_ job: MountJob, lock: FileDescriptor, inBackground: Bool) throws(ProgramError) {
        self.job = job
        self.lock = lock
        self.inBackground = inBackground
        proven = try Executable.running()
        record = try Self.newRecord()
    }

    private static func newRecord() throws(ProgramError) -> TakeoverRecord {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        do throws(TakeoverError) {
            return try TakeoverRecord.create(seconds: Int64(now.tv_sec), nanoseconds: Int32(now.tv_nsec))
        } catch {
            throw ProgramError(error.description)
        }
    }

    /// Starts the first worker of a mount.
    mutating func start(on device: Int32) throws(ProgramError) { try start(proven, on: device) }

    /// Starts the first worker of a mount that was made again.
    mutating func beginAgain(on device: Int32) throws(ProgramError) {
        let new = try Self.newRecord()
        new.inheritHistory(of: record)
        record = new
        try start(proven, on: device)
    }

    /// Whether workers can follow each other on the mount, whose INIT was answered.
    var ability: TakeoverAbility { TakeoverAbility.of(record) }

    private mutating func start(_ executable: Executable, on device: Int32) throws(ProgramError) {
        refusing?.end()
        refusing = nil
        self.device = device
        record.generation += 1
        memoryKills = OutOfMemory.kills
        worker = try process(executable)
    }

    private func process(_ executable: Executable, standsBy: Bool = false) throws(ProgramError) -> WorkerProcess {
        try WorkerProcess(
            executable, for: job, WorkerProcess.Legacy(device: device, lock: lock, record: record),
            inBackground: inBackground, standsBy: standsBy)
    }

    // MARK: What happens

    /// To be polled for reading.
    var descriptors: [Int32] {
        (worker?.descriptors ?? []) + (candidate?.descriptors ?? []) + (refusing == nil ? [] : [device])
    }

    /// What the workers say, and what the device does while there is none.
    mutating func events(_ log: LogWriter) -> [HolderPlan.Event] {
        var events: [HolderPlan.Event] = []
        if let worker {
            let messages = worker.messages()
            if messages.contains(.ready), proven !== worker.executable {
                (previous, proven) = (proven, worker.executable)
            }
            events += messages.map { .message($0) }
            show(worker, log)
        }
        if let candidate {
            events += candidate.messages().map { .candidate($0) }
            show(candidate, log)
        }
        if let refusing, !refusing.refuse() {
            refusing.end()
            self.refusing = nil
            events.append(.mountEnded)
        }
        return events
    }

    /// What became of processes that ended.
    mutating func reap(_ log: LogWriter) -> [HolderPlan.Event] {
        var events: [HolderPlan.Event] = []
        if let worker, let end = worker.process.endNow() {
            // What it said before it ended comes first.
            events += self.events(log)
            worker.close()
            self.worker = nil
            events.append(.workerEnded(end, cause(of: end)))
        }
        if let candidate, let end = candidate.process.endNow() {
            events += candidate.messages().map { .candidate($0) }
            show(candidate, log)
            candidate.close()
            self.candidate = nil
            events.append(.candidateEnded(end))
        }
        return events
    }

    private func cause(of end: ChildProcess.End) -> WorkerDeath.Cause {
        guard end == .killed(signal: SIGKILL) else { return .itself }
        guard let before = memoryKills, let now = OutOfMemory.kills, now > before else { return .somebody }
        return .memory
    }

    /// What a process writes on standard error: what the runtime says when it crashes, and where.
    private func show(_ process: WorkerProcess, _ log: LogWriter) {
        for line in process.lastWords() { log.write("worker: \(line)", level: .error) }
    }

    // MARK: What is to be done

    /// - Returns: What came of it at once.
    mutating func carryOut(
        _ action: HolderPlan.Action, on device: Int32, installedPath: String
    ) -> [HolderPlan.Event] {
        do throws(ProgramError) {
            switch action {
            case .signalWorker(let signal): worker?.process.signal(signal.number)
            case .startWorker(.proven): try start(proven, on: device)
            case .startWorker(.previous):
                proven = previous ?? proven
                previous = nil
                try start(proven, on: device)
            case .startWorker(.installed): try start(try Executable.at(installedPath), on: device)
            case .refuseRequests:
                let refusing = RefusingDevice(device, kept: record)
                self.device = device
                self.refusing = refusing
                if !refusing.begin() { return [.mountEnded] }
            case .noteDeath(let text, let isSuspicious):
                record.noteDeath(text, at: Int64(time(nil)))
                record.takeMarks(suspected: isSuspicious)
            case .drainWorker: worker?.tell(.drain)
            case .startCandidate: return startCandidate(installedPath)
            case .endCandidate: candidate?.process.signal(SIGKILL)
            case .promoteCandidate:
                guard candidate != nil else {
                    return [.startFailed("the new program's process ended before its turn")]
                }
                record.generation += 1
                record.takeMarks(suspected: false)
                memoryKills = OutOfMemory.kills
                worker = candidate
                candidate = nil
                worker?.tell(.go)
            case .noteUpgrade(let failure): record.noteUpgrade(failure: failure)
            case .report, .log, .unmount, .disconnect, .setTimer, .mountAgain, .exit: break
            }
            return []
        } catch {
            return [.startFailed(error.description)]
        }
    }

    private mutating func startCandidate(_ path: String) -> [HolderPlan.Event] {
        do throws(ProgramError) {
            candidate = try process(try Executable.at(path), standsBy: true)
            return []
        } catch {
            return [.candidate(.failed(error.description, .failure))]
        }
    }
}

extension HolderPlan.Signal {
    fileprivate var number: Int32 {
        switch self {
        case .hangUp: SIGHUP
        case .terminate: SIGTERM
        case .kill: SIGKILL
        }
    }
}
