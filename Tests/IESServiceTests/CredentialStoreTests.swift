// SPDX-License-Identifier: Apache-2.0

import Foundation
import IESService
import SystemPackage
import Testing

@Suite struct CredentialStoreTests {
    private static let keyVariables = ["HUAWEICLOUD_SDK_AK": "EAK", "HUAWEICLOUD_SDK_SK": "ESK"]

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func store(
        token: FilePath? = nil, file: FilePath? = nil, profile: String = "basic", _ environment: [String: String] = [:],
        now: Date = Date(timeIntervalSinceNow: 3600)
    ) -> CredentialStore {
        CredentialStore(
            CredentialConfiguration(tokenFile: token, credentialsFile: file, profile: profile),
            environment: environment,
            now: { now })
    }

    private func keys(_ accessKey: String, _ secretKey: String, _ securityToken: String? = nil) -> Credentials {
        .keys(
            AccessKeys(
                accessKey: accessKey, secretKey: Secret(secretKey), securityToken: securityToken.map { Secret($0) }))
    }

    @Test func `a token file goes before everything`() throws {
        let file = try directory.write("  tok+/=\n", to: "token")
        let store = store(token: file, Self.keyVariables)
        #expect(try store.current() == .token(Secret("tok+/=")))
        #expect(store.source == "token file \(file)")
    }

    @Test func `a credentials file that is named goes before the environment`() throws {
        let file = try directory.write(
            "[basic]\nak = A\nsk = S\nsecurity_token = T\n[other]\nak=B\nsk=U\nsecurity_token=", to: "c")
        #expect(try store(file: file, Self.keyVariables).current() == keys("A", "S", "T"))
        let other = store(file: file, profile: "other")
        #expect(try other.current() == keys("B", "U"))
        #expect(other.source == "profile [other] of \(file)")
    }

    @Test func `the environment gives keys or a token`() throws {
        #expect(try store(Self.keyVariables).current() == keys("EAK", "ESK"))
        let temporary = Self.keyVariables.merging(["HUAWEICLOUD_SDK_SECURITY_TOKEN": "ET"]) { $1 }
        #expect(try store(temporary).current() == keys("EAK", "ESK", "ET"))
        let emptyToken = Self.keyVariables.merging(["HUAWEICLOUD_SDK_SECURITY_TOKEN": ""]) { $1 }
        #expect(try store(emptyToken).current() == keys("EAK", "ESK"))
        #expect(try store(["IESFS_TOKEN": "tok"]).current() == .token(Secret("tok")))
    }

    @Test func `the profile file is found at home or where a variable says`() throws {
        try FileManager.default.createDirectory(
            atPath: directory.path.appending(".huaweicloud").string, withIntermediateDirectories: false)
        try directory.write("[basic]\nak = H\nsk = S", to: ".huaweicloud/credentials")
        #expect(try store(["HOME": directory.path.string]).current() == keys("H", "S"))
        let file = try directory.write("[basic]\nak = V\nsk = S", to: "elsewhere")
        let variables = ["HOME": directory.path.string, "HUAWEICLOUD_SDK_CREDENTIALS_FILE": file.string]
        #expect(try store(variables).current() == keys("V", "S"))
        #expect(try store(variables.merging(Self.keyVariables) { $1 }).current() == keys("EAK", "ESK"))
    }

    @Test func `without any there is a sentence that says where they can come from`() {
        for environment in [[:], ["HOME": directory.path.string], ["HUAWEICLOUD_SDK_AK": "", "IESFS_TOKEN": ""]] {
            let error = #expect(throws: CredentialError.self) { try store(environment).current() }
            #expect(error?.kind == .missing)
            #expect(error?.description.contains("HUAWEICLOUD_SDK_AK") == true)
        }
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o666, 0o777] as [UInt16])
    func `a file that others can use is refused with the command that mends it`(mode: UInt16) throws {
        let file = try directory.write("canary", to: "to ken's", mode: mode)
        let error = #expect(throws: CredentialError.self) { try store(token: file).current() }
        #expect(error?.kind == .exposed)
        #expect(error?.description.contains("`chmod 600 '\(directory.path)/to ken'\\''s'`") == true)
        #expect(error?.description.contains("canary") == false)
        try directory.setMode(0o600, of: file)
        #expect(try store(token: file).current() == .token(Secret("canary")))
    }

    @Test(arguments: [0o600, 0o400, 0o700, 0o611] as [UInt16])
    func `a file that only its owner can use is read`(mode: UInt16) throws {
        let file = try directory.write("tok", to: "token")
        try directory.setMode(mode, of: file)
        #expect(try store(token: file).current() == .token(Secret("tok")))
    }

    @Test func `the command for a plain name needs no quotes`() throws {
        let file = try directory.write("x", to: "token", mode: 0o644)
        let error = #expect(throws: CredentialError.self) { try store(token: file).current() }
        #expect(error?.description.contains("`chmod 600 \(file)`") == true)
    }

    @Test func `a usual place is not skipped when it is exposed`() throws {
        try FileManager.default.createDirectory(
            atPath: directory.path.appending(".huaweicloud").string, withIntermediateDirectories: false)
        try directory.write("[basic]\nak = H\nsk = S", to: ".huaweicloud/credentials", mode: 0o644)
        let error = #expect(throws: CredentialError.self) { try store(["HOME": directory.path.string]).current() }
        #expect(error?.kind == .exposed)
    }

    @Test func `a file that is not there, or no file, is refused by name`() throws {
        let absent = directory.path.appending("absent")
        for store in [
            store(token: absent), store(file: absent), store(["HUAWEICLOUD_SDK_CREDENTIALS_FILE": absent.string]),
        ] {
            let error = #expect(throws: CredentialError.self) { try store.current() }
            #expect(error?.kind == .unreadable)
            #expect(error?.description.contains(absent.string) == true)
        }
        #expect(throws: CredentialError.self) { try store(token: directory.path).current() }
    }

    @Test(arguments: ["", "  \n", "two words", "line\nline", "tok\u{0}", "tök", "tok\u{7F}"])
    func `what cannot be a token is refused`(text: String) throws {
        let file = try directory.write(text, to: "token")
        let error = #expect(throws: CredentialError.self) { try store(token: file).current() }
        #expect(error?.kind == .invalid)
        if !text.isEmpty { #expect(throws: CredentialError.self) { try store(["IESFS_TOKEN": text]).current() } }
    }

    @Test(arguments: [
        "[basic]\nak = canary", "[basic]\nsk = canary", "[other]\nak = a\nsk = canary", "canary",
        "[basic]\nak = can ary\nsk = canary", "[basic]\nak = can,ary\nsk = canary",
        "[basic]\nak = a\nsk = canary\nsecurity_token = can ary",
    ])
    func `a profile that cannot be used is refused without its values`(text: String) throws {
        let file = try directory.write(text, to: "c")
        let error = #expect(throws: CredentialError.self) { try store(file: file).current() }
        #expect(error?.kind == .invalid)
        #expect(error?.description.contains("canary") == false)
        #expect(error?.description.contains("can ary") == false)
    }

    @Test func `half of a pair of variables is refused`() {
        for variable in Self.keyVariables.keys {
            let error = #expect(throws: CredentialError.self) { try store([variable: "canary"]).current() }
            #expect(error?.kind == .invalid)
            #expect(error?.description.contains("canary") == false)
        }
    }
}

extension CredentialStoreTests {
    @Test func `a token file is read again when it changes`() throws {
        let file = try directory.write("one", to: "token")
        let store = store(token: file)
        #expect(try store.current() == .token(Secret("one")))
        try directory.write("four", to: "token")
        #expect(try store.current() == .token(Secret("four")))
        // The same size, another file.
        let replacement = try directory.write("five", to: "new")
        try FileManager.default.removeItem(atPath: file.string)
        try FileManager.default.moveItem(atPath: replacement.string, toPath: file.string)
        #expect(try store.current() == .token(Secret("five")))
    }

    @Test func `a file that was just written is not trusted to stay`() throws {
        // Two changes within one tick of the file system's clock look like one.
        let file = try directory.write("one", to: "token")
        let store = store(token: file, now: Date())
        for text in ["two", "thr", "fou", "fiv"] {
            try directory.write(text, to: "token")
            #expect(try store.current() == .token(Secret(text)))
        }
    }

    @Test func `a file that is empty while it is written leaves what was known`() throws {
        let file = try directory.write("one", to: "token")
        let store = store(token: file)
        #expect(try store.current() == .token(Secret("one")))
        try directory.write("", to: "token")
        #expect(try store.current() == .token(Secret("one")))
        try directory.write("two", to: "token")
        #expect(try store.current() == .token(Secret("two")))
        store.reload()
        #expect(try store.current() == .token(Secret("two")))
    }

    @Test func `a file that becomes readable to others is refused from then on`() throws {
        let file = try directory.write("one", to: "token")
        let store = store(token: file)
        #expect(try store.current() == .token(Secret("one")))
        try directory.setMode(0o644, of: file)
        #expect(throws: CredentialError.self) { try store.current() }
        try directory.setMode(0o600, of: file)
        #expect(try store.current() == .token(Secret("one")))
    }

    @Test func `a file that goes away is missed`() throws {
        let file = try directory.write("one", to: "token")
        let store = store(token: file)
        #expect(try store.current() == .token(Secret("one")))
        try FileManager.default.removeItem(atPath: file.string)
        #expect(throws: CredentialError.self) { try store.current() }
    }
}

extension CredentialStoreTests {
    @Test func `what systemd holds for the service goes after the environment and before the profile at home`() throws {
        // systemd shows it to the service's user by way of the group.
        try directory.write("tok\n", to: "iesfs.token", mode: 0o440)
        let variables = ["CREDENTIALS_DIRECTORY": directory.path.string]
        let store = store(variables)
        #expect(try store.current() == .token(Secret("tok")))
        #expect(store.source.contains("iesfs.token"))
        #expect(try self.store(variables.merging(Self.keyVariables) { $1 }).current() == keys("EAK", "ESK"))
        try FileManager.default.removeItem(atPath: directory.path.appending("iesfs.token").string)
        try directory.write("[basic]\nak = A\nsk = S", to: "iesfs.credentials", mode: 0o400)
        #expect(try store.current() == keys("A", "S"))
        try directory.setMode(0o444, of: directory.path.appending("iesfs.credentials"))
        #expect(throws: CredentialError.self) { try store.current() }
    }

    @Test func `a profile of a project's own is not overruled by what is there for all`() throws {
        let file = try directory.write("[own]\nak = O\nsk = S", to: "c")
        var configuration = CredentialConfiguration(profile: "own")
        configuration.isProfileOnly = true
        let variables = Self.keyVariables.merging(
            ["IESFS_TOKEN": "tok", "HUAWEICLOUD_SDK_CREDENTIALS_FILE": file.string]) { $1 }
        #expect(try CredentialStore(configuration, environment: variables).current() == keys("O", "S"))
    }

    @Test func `a file that is half written leaves what was known`() throws {
        let whole = "[basic]\nak = A2\nsk = S2\n"
        let file = try directory.write("[basic]\nak = A\nsk = S", to: "c")
        let store = store(file: file, now: Date())
        #expect(try store.current() == keys("A", "S"))
        for count in 0..<"[basic]\nak = A2\nsk = ".utf8.count {
            try directory.write(String(whole.prefix(count)), to: "c")
            #expect(try store.current() == keys("A", "S"))
        }
        try directory.write(whole, to: "c")
        #expect(try store.current() == keys("A2", "S2"))
    }
}
