// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

/// A service in Python that checks each request with `hashlib` and `hmac`, by the published description of the signature:
/// nothing of it is ours. It keeps a line for each request.
///
/// It accepts the access keys PLAINKEY (`plain-secret`) and TEMPKEY (`temp-secret`, with the security token `temp-token`), and
/// tokens it has given for `user`, `password`, `domain`. Results are 200,000 bytes; of an id that begins with `busy` the first
/// request is throttled, `moved` is at a link of another port.
struct VerifyingServer: Sendable {
    let port: Int
    private let log: FilePath
    private let processID: String

    var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameter skew: Seconds that its clock is ahead.
    init(in workshop: Workshop, skew: Int = 0) async throws {
        port = freePort()
        log = workshop["requests"]
        let file = workshop["server.py"]
        let descriptor = try FileDescriptor.open(
            file, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        _ = try descriptor.closeAfter { try descriptor.writeAll(Self.program.utf8) }
        let started = try await shell(
            """
            setsid python3 \(file) \(port) \(freePort()) \(log) \(skew) >\(workshop["server.out"]) 2>&1 </dev/null & echo $!
            """)
        processID = started.lines[0]
        let answers = try await eventually { try await shell("curl -s -o /dev/null \(url)/").succeeded }
        guard answers else { throw Errno.connectionRefused }
        try await shell(": > \(log)")
    }

    /// What was made of each request, then its path.
    func requests() async throws -> [String] { try await shell("cat \(log)").lines }

    func stop() async throws { try await shell("kill \(processID)") }

    private static let program = #"""
        import sys, time, json, hmac, hashlib, threading, calendar
        import urllib.parse as u
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        from email.utils import formatdate

        port, link_port, log, skew = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
        KEYS = {"PLAINKEY": ("plain-secret", None), "TEMPKEY": ("temp-secret", "temp-token")}
        CONTENT = bytes(i * 7 % 251 for i in range(200_000))
        SECRETS = ["authorization", "x-auth-token", "x-security-token", "x-sdk-date", "x-project-id"]
        tokens, seen, lock = {}, set(), threading.Lock()
        now = lambda: time.time() + skew
        enc = lambda text: u.quote(text, safe="-._~")

        def verdict(handler, body):
            path, _, query = handler.path.partition("?")
            project = u.unquote(path).split("/")[2]
            token = handler.headers.get("X-Auth-Token")
            if token is not None:
                if handler.headers.get("Authorization"): return "bad-both"
                return "token" if tokens.get(token) == project else "bad-token"
            scheme, _, rest = (handler.headers.get("Authorization") or "").partition(" ")
            if scheme != "SDK-HMAC-SHA256": return "bad-scheme"
            parts = dict(part.split("=", 1) for part in rest.split(", "))
            if parts["Access"] not in KEYS: return "bad-key"
            secret, security_token = KEYS[parts["Access"]]
            date = handler.headers["X-Sdk-Date"]
            signed = parts["SignedHeaders"].split(";")
            if signed != sorted(signed) or not {"host", "x-sdk-date"} <= set(signed): return "bad-headers"
            if handler.headers.get("X-Project-Id") != project: return "bad-project"
            if security_token and (handler.headers.get("X-Security-Token") != security_token
                                   or "x-security-token" not in signed): return "bad-security-token"
            canonical_path = "/".join(enc(p) for p in u.unquote(path).split("/"))
            if not canonical_path.endswith("/"): canonical_path += "/"
            pairs = sorted(u.parse_qsl(query, keep_blank_values=True))
            lines = "".join(f"{name}:{handler.headers[name].strip()}\n" for name in signed)
            canonical = "\n".join([handler.command, canonical_path,
                                   "&".join(f"{enc(k)}={enc(v)}" for k, v in pairs), lines,
                                   parts["SignedHeaders"], hashlib.sha256(body).hexdigest()])
            text = "\n".join(["SDK-HMAC-SHA256", date, hashlib.sha256(canonical.encode()).hexdigest()])
            if hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest() != parts["Signature"]:
                return "bad-signature"
            if abs(calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")) - now()) > 900: return "late"
            return "signed" if security_token is None else "signed-temporary"

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def date_time_string(self, timestamp=None): return formatdate(now(), usegmt=True)
            def log_message(self, *arguments): pass
            def note(self, word):
                with lock, open(log, "a") as file: file.write(f"{word} {self.path.partition('?')[0]}\n")
            def answer(self, status, body, **fields):
                self.send_response(status)
                for name, value in fields.items(): self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def refuse(self, status, code, **fields):
                self.answer(status, json.dumps({"error_code": code, "error_msg": code}).encode(), **fields)
            def content(self):
                wanted = self.headers.get("Range")
                if not wanted: return self.answer(200, CONTENT, ETag='"one"')
                first, last = wanted.removeprefix("bytes=").split("-")
                piece = CONTENT[int(first):int(last) + 1]
                self.answer(206, piece, ETag='"one"',
                            Content_Range=f"bytes {first}-{int(first) + len(piece) - 1}/{len(CONTENT)}")
            def do_GET(self):
                if self.server.server_port == link_port:
                    self.note("leak" if any(self.headers.get(name) for name in SECRETS) else "link")
                    return self.content()
                pieces = self.path.partition("?")[0].split("/")
                if len(pieces) < 5: return self.answer(404, b"")
                word = verdict(self, b"")
                self.note(word)
                if word == "late": return self.refuse(401, "APIG.0303")
                if word.startswith("bad"): return self.refuse(401, "APIG.0301")
                if pieces[4] == "task":
                    return self.answer(200, b'{"offset":0,"limit":100,"count":0,"data":[]}',
                                       Content_Type="application/json")
                task = pieces[5]
                with lock:
                    is_new = task not in seen
                    seen.add(task)
                if task.startswith("busy") and is_new: return self.refuse(429, "APIG.0308", Retry_After="1")
                if task.startswith("moved"):
                    return self.answer(302, b"", Location=f"http://127.0.0.1:{link_port}/o/{task}?sig=secret")
                self.content()
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                user = body["auth"]["identity"]["password"]["user"]
                good = (self.path.startswith("/v3/auth/tokens") and user["name"] == "user"
                        and user["password"] == "password" and user["domain"]["name"] == "domain")
                self.note("login" if good else "bad-login")
                if not good: return self.refuse(401, "x")
                token = hashlib.sha256(str(len(tokens)).encode()).hexdigest()
                tokens[token] = body["auth"]["scope"]["project"]["id"]
                end = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(now() + 86400))
                self.answer(201, json.dumps({"token": {"expires_at": end}}).encode(), X_Subject_Token=token)

        other = ThreadingHTTPServer(("127.0.0.1", link_port), Handler)
        threading.Thread(target=other.serve_forever, daemon=True).start()
        ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
        """#
}
