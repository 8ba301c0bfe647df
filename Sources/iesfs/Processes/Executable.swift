// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A program file that can be started whatever happens to its name meanwhile.
final class Executable: Sendable {
    let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// The one that runs now.
    static func running() throws(ProgramError) -> Executable { try at("/proc/self/exe") }

    /// The one that has this path now.
    static func at(_ path: String) throws(ProgramError) -> Executable {
        let descriptor = open(path, ies_O_PATH | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ProgramError("the program \(path) cannot be opened: \(CurrentError.text)")
        }
        return Executable(descriptor)
    }

    /// The path that this program was started from; another one may have been installed there by now.
    static var installedPath: String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        let path = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        let mark = " (deleted)"
        return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
    }
}
