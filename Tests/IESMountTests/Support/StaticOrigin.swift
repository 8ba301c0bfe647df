// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// A real HTTP server that serves plain files at `/v2/<project>/ies/result/<id>`.
struct StaticOrigin: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// Honours ranges, sends ETag and Last-Modified.
        case nginx
        /// HTTP/1.0, ignores ranges.
        case python
    }

    let kind: Kind
    let port: Int
    let directory: FilePath
    private let processID: String

    var url: String { "http://127.0.0.1:\(port)" }

    private static func log(in directory: FilePath) -> FilePath { directory.appending("access.log") }

    /// Serves `tree`, the directory that holds `v2`.
    ///
    /// - Parameter rate: Bytes per second per connection, in nginx's words (`20m`).
    init(_ kind: Kind, serving tree: FilePath, in directory: FilePath, rate: String? = nil) async throws {
        self.kind = kind
        self.directory = directory
        port = freePort()
        let log = Self.log(in: directory)
        switch kind {
        case .nginx:
            let configuration = """
                daemon off; pid \(directory)/nginx.pid; error_log \(directory)/error.log;
                worker_processes 1;
                events { worker_connections 1024; }
                http {
                    log_format plain '$request_method $uri $status $body_bytes_sent';
                    access_log \(log) plain;
                    sendfile on; keepalive_requests 100000;
                    client_body_temp_path \(directory)/t1; proxy_temp_path \(directory)/t2;
                    fastcgi_temp_path \(directory)/t3; uwsgi_temp_path \(directory)/t4; scgi_temp_path \(directory)/t5;
                    server { listen 127.0.0.1:\(port); root \(tree); \(rate.map { "limit_rate \($0);" } ?? "") }
                }
                user root;
                """
            let file = directory.appending("nginx.conf")
            let descriptor = try FileDescriptor.open(
                file, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
            _ = try descriptor.closeAfter { try descriptor.writeAll(configuration.utf8) }
            processID = try await Self.start("nginx -p \(directory) -c \(file)", log: directory.appending("nginx.out"))
        case .python:
            processID = try await Self.start(
                "python3 -u -m http.server --bind 127.0.0.1 --directory \(tree) \(port)", log: log)
        }
        let answers = try await eventually(within: 10) {
            try await shell("curl -s -o /dev/null http://127.0.0.1:\(port)/").succeeded
        }
        guard answers else { throw Errno.connectionRefused }
    }

    private static func start(_ command: String, log: FilePath) async throws -> String {
        let result = try await shell("setsid \(command) >\(log) 2>&1 </dev/null & echo $!")
        return result.lines[0]
    }

    func stop() async throws {
        try await shell("kill \(processID)")
    }

    /// How often `path` was asked for so far.
    func requests(for path: String) async throws -> Int {
        let found = try await shell("grep -c -F -- '\(path) ' \(Self.log(in: directory))")
        return Int(found.lines.first ?? "0") ?? 0
    }

    /// How many bytes of bodies were sent for `path`; only nginx counts them.
    func bytesSent(for path: String) async throws -> Int {
        let sum = try await shell(
            "awk -v p='\(path)' '$2 == p { s += $4 } END { printf \"%d\\n\", s }' \(Self.log(in: directory))")
        return Int(sum.lines.first ?? "0") ?? 0
    }
}
