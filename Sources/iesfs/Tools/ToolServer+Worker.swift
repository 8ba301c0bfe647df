// SPDX-License-Identifier: Apache-2.0

import IESMount
import SystemPackage

extension ToolServer {
    /// The tool socket of a worker, of the mount that stands at its mountpoint.
    static func start(for job: MountJob, _ parts: WorkerParts) throws(ProgramError) -> ToolServer {
        let mount: MountRecord?
        do throws(MountError) {
            mount = try MountTable.current().mount(at: FilePath(job.mountpoint))
        } catch {
            throw ProgramError(error.description)
        }
        guard let mount, mount.isOurs else { throw ProgramError("nothing is mounted at \(job.mountpoint)") }
        let directory = try ToolSocket.prepareDirectory(environment: job.environment)
        let desk = ToolDesk(cache: parts.cache, directory: try job.cacheDirectory(), fileSystem: parts.fileSystem)
        return try ToolServer(at: "\(directory)/\(ToolSocket.name(of: mount.device))") { request, answer in
            await desk.carryOut(request, answer)
        }
    }
}
