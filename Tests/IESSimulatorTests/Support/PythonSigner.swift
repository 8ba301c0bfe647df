// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESSimulator

/// Signs requests with Python's hashlib and hmac, from the published description.
enum PythonSigner {
    private static let program = """
        import sys, hashlib, hmac, urllib.parse as u
        access, secret, method, url, date = sys.argv[1:6]
        headers = dict(h.split(':', 1) for h in sys.argv[6:])
        parts = u.urlsplit(url)
        headers['host'] = parts.netloc
        headers['x-sdk-date'] = date
        path = '/'.join(u.quote(p, safe='-._~') for p in u.unquote(parts.path).split('/'))
        if not path.endswith('/'): path += '/'
        query = '&'.join(u.quote(k, safe='-._~') + '=' + u.quote(v, safe='-._~')
                         for k, v in sorted(u.parse_qsl(parts.query, keep_blank_values=True)))
        names = sorted(h.lower() for h in headers)
        lines = ''.join(n + ':' + {k.lower(): v for k, v in headers.items()}[n].strip() + '\\n' for n in names)
        signed = ';'.join(names)
        canonical = '\\n'.join([method, path, query, lines, signed, hashlib.sha256(b'').hexdigest()])
        text = '\\n'.join(['SDK-HMAC-SHA256', date, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        print(f'SDK-HMAC-SHA256 Access={access}, SignedHeaders={signed}, Signature={signature}', end='')
        """

    /// The header lines curl is to send.
    static func sign(
        _ url: String, access: String = SimulatedAccount.accessKey, secret: String = SimulatedAccount.secretKey,
        date: Date = Date(), fields: [String: String] = ["X-Project-Id": Simulator.project]
    ) async throws -> [String] {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyyMMdd'T'HHmmss'Z'"
        let stamp = formatter.string(from: date)
        let run = try await Command.run(
            ["python3", "-c", program, access, secret, "GET", url, stamp] + fields.map { "\($0.key):\($0.value)" })
        return ["-H", "X-Sdk-Date: \(stamp)", "-H", "Authorization: \(run.text)"]
            + fields.flatMap { ["-H", "\($0.key): \($0.value)"] }
    }
}
