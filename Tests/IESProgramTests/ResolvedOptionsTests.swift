// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Testing

@testable import iesfs

@Suite struct ResolvedOptionsTests {
    private func resolve(
        _ arguments: String..., environment: [String: String] = [:], file: [String: String]? = nil
    ) throws -> ResolvedOptions {
        try ResolvedOptions(
            arguments: arguments, environment: environment, file: file.map { ("/etc/iesfs/config.yaml", $0) },
            workingDirectory: "/home/u")
    }

    private func sentence(_ arguments: String..., environment: [String: String] = [:]) -> String {
        do throws(OptionError) {
            _ = try ResolvedOptions(arguments: arguments, environment: environment, workingDirectory: "/")
            return ""
        } catch {
            return error.description
        }
    }

    @Test func `nothing said means the documented defaults`() throws {
        let options = try resolve().options
        #expect(options.timeout == .seconds(30))
        #expect(options.retries == 5)
        #expect(options.rate == 10)
        #expect(options.listTTL == .seconds(60))
        #expect(options.errorTTL == .seconds(5))
        #expect(options.blockSize == 1_048_576)
        #expect(options.readAhead == 67_108_864)
        #expect(options.connections == 8)
        #expect(options.umask == 0)
        #expect(options.profile == "basic")
        #expect(options.effectiveCheck == .fail)
        #expect(options.cacheSize == nil)
    }

    @Test func `every option of the table can be set`() throws {
        let options = try resolve(
            "allow_other,uid=7,gid=8,umask=027,cache_dir=/c,cache_size=2G,block_size=256K,read_ahead=0,timeout=5s",
            "connections=3",
            "retries=0,list_ttl=1m,error_ttl=0,nolist,nopassthrough,check=none,projects=a:b-c,token_file=/t,credentials=/k",
            "profile=p,proxy=http://x:1,cacert=/ca,allow_http,log=/l,log_level=debug,allow_root=no",
            "cache_free=10%,memory=32M,revalidate=1h,rate=0,metadata=no",
            "project_profiles=a=p:b-c=q,project_endpoints=a=https://h:8443:b=cn-east-3"
        )
        #expect(Set(options.texts.keys) == Set(OptionTable.options.map(\.name)))
        #expect(options.options.projects == ["a", "b-c"])
        #expect(options.options.cacheSize == 2_147_483_648)
        #expect(options.options.cacheFree == .part(0.1))
        #expect(options.options.memory == 33_554_432)
        #expect(options.options.revalidate == .seconds(3600))
        #expect(options.options.umask == 0o27)
        #expect(options.options.connections == 3)
        #expect(options.options.rate == 0)
        #expect(options.options.metadata == nil)
        let (a, b) = (try #require(ProjectID(rawValue: "a")), try #require(ProjectID(rawValue: "b")))
        #expect(options.options.projectEndpoints == [a: "https://h:8443", b: "cn-east-3"])
        #expect(options.options.projectProfiles.count == 2)
        #expect(options.options.log == .file("/l"))
        #expect(options.options.listsNothing)
    }

    @Test func `-o wins over the environment, which wins over the file`() throws {
        let resolved = try resolve(
            "timeout=1", environment: ["IESFS_TIMEOUT": "2", "IESFS_RETRIES": "2", "IESFS_UID": ""],
            file: ["timeout": "3", "retries": "3", "uid": "3"])
        #expect(resolved.options.timeout == .seconds(1))
        #expect(resolved.options.retries == 2)
        #expect(resolved.options.uid == 3)
        #expect(resolved.origins == ["timeout": "-o", "retries": "the environment", "uid": "/etc/iesfs/config.yaml"])
    }

    @Test func `of a repeated option the last one counts`() throws {
        #expect(try resolve("uid=1,uid=2", "uid=3").options.uid == 3)
    }

    @Test func `an option that is on in the file can be switched off`() throws {
        #expect(try !resolve("allow_other=no", file: ["allow_other": "true"]).options.allowsOther)
    }

    @Test func `relative paths start from the working directory, but in the file they are refused`() throws {
        #expect(try resolve("cache_dir=c").options.cacheDirectory == "/home/u/c")
        #expect(try resolve(environment: ["IESFS_TOKEN_FILE": "t"]).options.tokenFile == "/home/u/t")
        #expect(throws: OptionError.self) { try resolve(file: ["cache_dir": "c"]) }
    }

    @Test(arguments: ["_netdev", "nofail"])
    func `a mount made at boot only warns, unless told otherwise`(option: String) throws {
        #expect(try resolve(option).options.effectiveCheck == .warn)
        #expect(try resolve("\(option),check=fail").options.effectiveCheck == .fail)
    }

    @Test func `what is for fstab is passed over`() throws {
        let options = "ro,_netdev,nofail,noauto,user,users,x-systemd.automount,x-gvfs-show,X-mount.mkdir=0755"
        _ = try resolve(options + ",dev,nodev,suid,nosuid,exec,noexec,atime,noatime,relatime,strictatime,defaults")
        #expect(try resolve("noexec").options.forbidsExecution)
        #expect(try resolve("user").options.forbidsExecution)
        #expect(try !resolve("user,exec").options.forbidsExecution)
    }

    @Test(arguments: [
        ("cachedir=/x", "-o: unknown option 'cachedir'; the nearest known one is cache_dir"),
        ("tiemout=5", "-o: unknown option 'tiemout'; the nearest known one is timeout"),
        ("rw", "-o rw: an iesfs mount is read-only; leave rw out"),
        ("umask=9", "-o: umask '9' must be an octal mask such as 022 or 077"),
        ("check=maybe", "-o: check 'maybe' must be fail, warn or none"),
        ("uid", "-o: uid needs a value, as in uid=N"),
        ("allow_other,allow_root", "allow_other and allow_root exclude each other"),
        ("block_size=3M", "-o: block_size '3M' must be a power of two from 64K to 64M"),
        ("connections=17", "-o: connections '17' must be a whole number from 1 to 16"),
        ("projects=../etc", "-o: projects '../etc' must be project ids separated by colons"),
    ])
    func `a mistake is answered with one sentence`(text: String, expected: String) {
        #expect(sentence(text) == expected)
    }

    @Test func `remount is refused in words`() {
        #expect(sentence("remount").contains("unmount it and mount it again"))
    }

    @Test(arguments: [
        "token=CANARY", "sk=CANARY", "password=CANARY", "secret_key=CANARY", "ak=CANARY", "unheard=CANARY",
        "proxy=http://user:CANARY@host:3128",
    ])
    func `a secret among the options is refused and never repeated`(text: String) {
        let sentence = sentence(text)
        #expect(!sentence.isEmpty)
        #expect(!sentence.contains("CANARY"))
    }

    @Test func `a mistake in the environment says so`() {
        #expect(
            sentence(environment: ["IESFS_RETRIES": "many"])
                == "the environment: retries 'many' must be a whole number from 0 to 100")
    }

    @Test func `a child that gets the text resolves the same`() throws {
        let resolved = try resolve(
            #"_netdev,cache_dir=a\,b,log_level=error"#, environment: ["IESFS_RETRIES": "9"], file: ["timeout": "9s"])
        let again = try ResolvedOptions(arguments: [resolved.asArgument], workingDirectory: "/elsewhere")
        #expect(again.options == resolved.options)
        #expect(again.asArgument == resolved.asArgument)
    }

    @Test func `the help names every option within 79 columns`() {
        let lines = OptionTable.help.split(separator: "\n")
        for option in OptionTable.options {
            #expect(lines.contains { $0.hasPrefix("  \(option.name)") }, "\(option.name)")
        }
        #expect(lines.allSatisfy { $0.count <= 79 })
    }
}
