// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

/// nginx, which speaks TLS before a simulator: one port for each certificate. Its log tells the versions of HTTP.
struct TLSFront: Sendable {
    /// `good` is for this machine, `wrong` for another name, `expired` since yesterday. `ca` vouches for all of them.
    enum Certificate: String, CaseIterable, Sendable { case good, wrong, expired }

    let ports: [Certificate: Int]
    let directory: FilePath
    private let processID: String

    var authorities: FilePath { directory.appending("ca.pem") }

    func url(_ certificate: Certificate) -> String { "https://127.0.0.1:\(ports[certificate] ?? 0)" }

    /// - Parameter port: Of the plain server behind it.
    init(before port: Int, in directory: FilePath) async throws {
        self.directory = directory
        let made = try await shell(Self.certificates, in: directory)
        try #require(made.succeeded, "\(made.errors)")
        let ports = Dictionary(uniqueKeysWithValues: Certificate.allCases.map { ($0, freePort()) })
        self.ports = ports
        let servers = Certificate.allCases.map { certificate in
            """
            server {
                listen 127.0.0.1:\(ports[certificate] ?? 0) ssl http2;
                ssl_certificate \(directory)/\(certificate.rawValue).pem;
                ssl_certificate_key \(directory)/\(certificate.rawValue).key;
                location / {
                    proxy_pass http://127.0.0.1:\(port); proxy_http_version 1.1; proxy_buffering off; proxy_redirect off;
                    proxy_set_header Host $http_host;
                }
            }
            """
        }
        let configuration = """
            daemon off; pid \(directory)/nginx.pid; error_log \(directory)/error.log; user root; worker_processes 1;
            events { worker_connections 256; }
            http {
                log_format plain '$server_protocol $uri $connection';
                access_log \(directory)/access.log plain;
                client_body_temp_path \(directory)/t1; proxy_temp_path \(directory)/t2;
                fastcgi_temp_path \(directory)/t3; uwsgi_temp_path \(directory)/t4; scgi_temp_path \(directory)/t5;
                \(servers.joined(separator: "\n"))
            }
            """
        try write(configuration.utf8, to: directory.appending("nginx.conf"))
        let started = try await shell(
            "setsid nginx -p \(directory) -c \(directory)/nginx.conf >\(directory)/nginx.out 2>&1 </dev/null & echo $!")
        processID = try #require(started.lines.first)
        let answers = try await eventually {
            try await shell("curl -sk --noproxy '*' -o /dev/null https://127.0.0.1:\(ports[.good] ?? 0)/").succeeded
        }
        try #require(answers, "nginx does not answer")
    }

    func stop() async throws { try await shell("kill \(processID)") }

    /// `HTTP/1.1 /path` of each request so far.
    func requests() async throws -> [String] {
        try await shell("cat \(directory)/access.log").lines
    }

    private static let certificates = """
        set -e
        key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $key -keyout ca.key -out ca.pem -days 2 -subj '/CN=A CA of this test' 2>/dev/null
        certificate() {
            openssl req -new $key -keyout $1.key -out $1.csr -subj /CN=$1 2>/dev/null
            printf 'subjectAltName=%s\\n' "$2" >$1.ext
            openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.pem -days $3 \\
                -extfile $1.ext 2>/dev/null
        }
        certificate good DNS:localhost,IP:127.0.0.1,IP:::1 2
        certificate wrong DNS:other.invalid 2
        certificate expired DNS:localhost,IP:127.0.0.1 -1
        """
}
