// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// The cache directory and its disk. Looks only: creates nothing, locks nothing.
enum CacheFindings {
    static func all(_ job: MountJob) -> [Finding] {
        let path: FilePath
        do {
            path = try job.cacheDirectory()
        } catch {
            return [.failed(.cache, "directory", error.description, advice: "name one with -o cache_dir=DIR")]
        }
        let directory = directory(path)
        guard directory.verdict != .failed else { return [directory] }
        return [directory, space(of: existing(path)), user(of: path)]
    }

    static func directory(_ path: FilePath) -> Finding {
        func failed(_ reason: String) -> Finding {
            .failed(
                .cache, "directory", "\(path): \(reason)",
                advice: "choose another with -o cache_dir=DIR, or mend this one")
        }
        var status = stat()
        guard stat(path.string, &status) == 0 else {
            guard errno == ENOENT else { return failed(CurrentError.text) }
            let parent = existing(path)
            guard access(parent.string, W_OK | X_OK) == 0 else {
                return failed("it cannot be created in \(parent) (\(CurrentError.text))")
            }
            return .ok(.cache, "directory", "\(path), which the first mount creates")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return failed("it is not a directory") }
        guard status.st_uid == geteuid() else {
            return failed("it belongs to user \(status.st_uid), not to user \(geteuid())")
        }
        guard access(path.string, R_OK | W_OK | X_OK) == 0 else { return failed(CurrentError.text) }
        return .ok(.cache, "directory", path.string)
    }

    /// The nearest directory above that is there.
    private static func existing(_ path: FilePath) -> FilePath {
        var path = path
        while access(path.string, F_OK) != 0, path.components.count > 0 { path.removeLastComponent() }
        return path.isEmpty ? "/" : path
    }

    static func space(of path: FilePath) -> Finding {
        var system = statvfs()
        guard statvfs(path.string, &system) == 0 else {
            return .failed(
                .cache, "space", CurrentError.text, advice: "see what is the matter with the disk of \(path)")
        }
        let unit = UInt64(system.f_frsize)
        return space(free: UInt64(system.f_bavail) * unit, of: UInt64(system.f_blocks) * unit)
    }

    static func space(free: UInt64, of total: UInt64) -> Finding {
        let gibibyte = Double(1 << 30)
        func text(_ bytes: UInt64) -> String { "\((Double(bytes) / gibibyte * 10).rounded() / 10) GiB" }
        let value = "\(text(free)) free of \(text(total))"
        guard free >= 1 << 30 else {
            return .warning(
                .cache, "space", value,
                advice:
                    "make room or choose another disk with -o cache_dir=DIR: what does not fit is fetched again each time"
            )
        }
        return .ok(.cache, "space", value)
    }

    /// Who has it now, by what the lock file says and whether that process is one of ours.
    private static func user(of path: FilePath) -> Finding {
        guard let text = try? SmallText.read(path.appending("lock")) else {
            return .note(.cache, "user", "nobody")
        }
        let lines = text.split(separator: "\n")
        guard let process = lines.first.flatMap({ Int32($0) }),
            let name = try? SmallText.read(FilePath("/proc/\(process)/comm")), name.hasPrefix("iesfs")
        else { return .note(.cache, "user", "nobody") }
        return .note(
            .cache, "user", "\(lines.count > 1 ? "\(lines[1]), " : "")process \(process)",
            advice: "a second mount needs a cache_dir of its own")
    }
}
