// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
package import IESService

/// Files of a directory as results: each regular file is a finished task.
package enum DataDirectory {
    /// The visible files of `path`, by name. A file changed later has another entity tag from then on.
    package static func results(in path: String) throws(OrderError) -> [SimulatedResult] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        } catch {
            throw OrderError("the directory \(path) cannot be read")
        }
        return names.filter { !$0.hasPrefix(".") }.compactMap { result(name: $0, path: "\(path)/\($0)") }
    }

    /// The file's name itself where it has the form of an id, else the first 32 digits of its SHA-256.
    package static func task(for name: String) -> TaskID {
        let digits = String(SHA256Digest.hex(Array(name.utf8)).prefix(32))
        guard let task = TaskID(rawValue: name) ?? TaskID(rawValue: digits) else {
            preconditionFailure("32 hexadecimal digits are an id")
        }
        return task
    }

    private static func result(name: String, path: String) -> SimulatedResult? {
        guard let status = ContentReader.status(of: path), status.st_mode & S_IFMT == S_IFREG else { return nil }
        return SimulatedResult(
            task(for: name), name: name, content: .file(path: path), mediaType: mediaType(of: name), filename: name)
    }

    private static func mediaType(of name: String) -> String {
        switch name.split(separator: ".").last?.lowercased() {
        case "csv": "text/csv"
        case "txt", "log", "md": "text/plain"
        case "json": "application/json"
        case "zip": "application/zip"
        case "pdf": "application/pdf"
        case "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        case "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        case "wav": "audio/wav"
        case "mp4": "video/mp4"
        case "png": "image/png"
        case "jpg", "jpeg": "image/jpeg"
        default: "application/octet-stream"
        }
    }
}
