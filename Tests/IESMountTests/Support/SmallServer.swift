// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

/// A server of some lines of Python, as a process of its own.
struct SmallServer: Sendable {
    let port: Int
    let log: FilePath
    private let processID: String

    /// - Parameters:
    ///   - script: Has `port` and `log(line)`; writes "ready" by `log` when it listens.
    ///   - name: Of its files in `directory`.
    init(_ script: String, name: String, port: Int = freePort(), in directory: FilePath) async throws {
        self.port = port
        log = directory.appending("\(name).log")
        let prologue = """
            import os, select, socket, sys, threading, time
            port = \(port)
            out = open("\(log)", "a", buffering=1)
            def log(line): out.write(line + "\\n")

            """
        let file = directory.appending("\(name).py")
        try write((prologue + script).utf8, to: file)
        let started = try await shell("setsid python3 \(file) >\(file).out 2>&1 </dev/null & echo $!")
        processID = try #require(started.lines.first)
        let log = log
        let isReady = try await eventually(within: 20) { try await shell("grep -q ready \(log)").succeeded }
        let complaint = try await shell("cat \(file).out").text
        try #require(isReady, "\(complaint)")
    }

    func stop() async throws { try await shell("kill \(processID)") }

    /// What it has written down, without "ready".
    func lines() async throws -> [String] { try await shell("cat \(log)").lines.filter { $0 != "ready" } }

    /// A port whose queue is full: whoever connects gets no answer, not even a refusal.
    ///
    /// - Parameter family: `AF_INET` or `AF_INET6`.
    static func blackHole(family: String = "AF_INET", port: Int = freePort(), in directory: FilePath) async throws
        -> SmallServer
    {
        try await SmallServer(
            """
            address = "127.0.0.1" if "\(family)" == "AF_INET" else "::1"
            listener = socket.socket(socket.\(family))
            listener.bind((address, port)); listener.listen(0)
            queue = []
            for _ in range(8):
                s = socket.socket(socket.\(family)); s.setblocking(False)
                s.connect_ex((address, port)); queue.append(s)
            time.sleep(0.3)
            log("ready")
            time.sleep(3600)
            """, name: "hole-\(family)", port: port, in: directory)
    }

    /// Takes connections and does with each, in Python, what `body` says with `s`.
    static func accepting(_ body: String, name: String, in directory: FilePath) async throws -> SmallServer {
        try await SmallServer(
            """
            listener = socket.create_server(("127.0.0.1", port))
            log("ready")
            kept = []
            while True:
                s, _ = listener.accept()
                kept.append(s)
                \(body)
            """, name: name, in: directory)
    }

    /// A proxy for CONNECT and for whole URLs. Its log has the first line of each request, and of those it can read the
    /// names of the fields.
    ///
    /// - Parameter refuses: Everything, with 403.
    static func proxy(refuses: Bool = false, in directory: FilePath) async throws -> SmallServer {
        try await SmallServer(
            """
            def pump(a, b):
                try:
                    while True:
                        data = a.recv(65536)
                        if not data: break
                        b.sendall(data)
                except OSError: pass
                for s in (a, b):
                    try: s.shutdown(socket.SHUT_RDWR)
                    except OSError: pass
            def head(s):
                data = b""
                while b"\\r\\n\\r\\n" not in data:
                    more = s.recv(65536)
                    if not more: return None
                    data += more
                return data
            def serve(s):
                data = head(s)
                if data is None: return
                lines = data.split(b"\\r\\n\\r\\n")[0].decode("latin-1").split("\\r\\n")
                method, target, _ = lines[0].split(" ")
                log(lines[0] + " | " + " ".join(l.split(":")[0] for l in lines[1:]))
                if \(refuses ? "True" : "False"):
                    s.sendall(b"HTTP/1.1 403 Forbidden\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"); s.close(); return
                if method == "CONNECT":
                    host, _, p = target.rpartition(":")
                    up = socket.create_connection((host.strip("[]"), int(p)))
                    s.sendall(b"HTTP/1.1 200 Connected\\r\\n\\r\\n")
                else:
                    authority, _, path = target[7:].partition("/")
                    host, _, p = authority.rpartition(":")
                    up = socket.create_connection((host.strip("[]"), int(p)))
                    rest = [l for l in lines[1:] if not l.lower().startswith(("proxy-", "connection"))]
                    up.sendall((f"{method} /{path} HTTP/1.1\\r\\n" + "\\r\\n".join(rest) + "\\r\\nConnection: close\\r\\n\\r\\n").encode("latin-1"))
                threading.Thread(target=pump, args=(s, up), daemon=True).start()
                pump(up, s)
            listener = socket.create_server(("127.0.0.1", port), backlog=64)
            log("ready")
            while True:
                s, _ = listener.accept()
                threading.Thread(target=serve, args=(s,), daemon=True).start()
            """, name: refuses ? "refusing-proxy" : "proxy", in: directory)
    }
}
