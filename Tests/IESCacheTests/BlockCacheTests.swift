// SPDX-License-Identifier: Apache-2.0

import GRDB
import Glibc
import IESCache
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(5))) struct BlockCacheTests {
    @Test func `a second user is refused and told who the first is`() throws {
        let scratch = try Scratch()
        let first = try scratch.open { $0.owner = "/mnt/ies" }
        let error = #expect(throws: CacheError.self) { try scratch.open() }
        #expect(error == .inUse(directory: scratch.cachePath, owner: "/mnt/ies (process \(getpid()))"))
        first.close()
        try scratch.open().close()
    }

    @Test func `a lock given from outside outlives the cache`() throws {
        let scratch = try Scratch()
        let lock = try CacheLock.acquire(scratch.cachePath, owner: "/mnt/held")
        for _ in 0..<2 {
            let cache = try scratch.open { $0.lockDescriptor = lock.rawValue }
            cache.close()
            #expect(throws: CacheError.self) { try scratch.open() }
        }
        try lock.close()
        try scratch.open().close()
    }

    @Test func `the directory is private, tagged and says its format`() throws {
        let scratch = try Scratch()
        mkdir(scratch.cachePath.string, 0o755)
        let cache = try scratch.open()
        _ = try cache.file(for: cache.add("t", size: 1)).store([7], 0..<1)
        var status = stat()
        stat(scratch.cachePath.string, &status)
        #expect(status.st_mode & 0o7777 == 0o700)
        let tag = try Scratch.read(scratch.cachePath.appending("CACHEDIR.TAG"))
        #expect(tag.starts(with: Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)))
        for file in Scratch.files(scratch.cachePath.appending("data")) {
            stat(file.string, &status)
            #expect(status.st_mode & 0o777 == 0o600)
        }
        #expect(
            Scratch.names(scratch.cachePath) == [
                "CACHEDIR.TAG", "data", "format", "index.sqlite", "index.sqlite-wal", "lock",
            ])
    }

    @Test func `a directory that is not ours is refused in words`() throws {
        let scratch = try Scratch()
        mkdir(scratch.cachePath.string, 0o700)
        try Scratch.write([1], to: scratch.cachePath.appending("letter.txt"))
        let error = #expect(throws: CacheError.self) { try scratch.open() }
        #expect("\(try #require(error))".contains("is not empty and holds no iesfs cache"))
        #expect(Scratch.names(scratch.cachePath) == ["letter.txt"])

        try scratch.open("other").close()
        chmod(scratch.path.appending("other").string, 0o777)
        let open = #expect(throws: CacheError.self) { try scratch.open("other") }
        #expect("\(try #require(open))".contains("others may write to it"))

        try Scratch.write([1], to: scratch.path.appending("file"))
        #expect(throws: CacheError.self) { try scratch.open("file") }
    }

    @Test(.enabled(if: geteuid() == 0, "needs to give a directory away"))
    func `a directory of another user is refused in words`() throws {
        let scratch = try Scratch()
        mkdir(scratch.cachePath.string, 0o700)
        chown(scratch.cachePath.string, 65534, 65534)
        let error = #expect(throws: CacheError.self) { try scratch.open() }
        #expect("\(try #require(error))".contains("belongs to user 65534"))
    }

    @Test func `what was told of a version never changes and survives`() throws {
        let scratch = try Scratch()
        let details = ResultDetails(
            etag: "\"a\"", lastModified: "Mon, 01 Jan 2024 00:00:00 GMT", mediaType: "text/csv", filename: "报告.csv",
            modified: Timestamp(seconds: 1_704_067_200, nanoseconds: 5), originURL: "https://h/v2/p/ies/result/t")
        let key = ResultKey(project: "项目", task: "t'; DROP TABLE version; --/../../x")
        var record: ResultRecord?
        do {
            let cache = try scratch.open()
            record = try cache.add(NewResult(key: key, size: 12, details: details))
            _ = try cache.add("other", size: 3)
            cache.close()
        }
        let cache = try scratch.open()
        #expect(try cache.latest(key) == record)
        #expect(record?.details == details)
        #expect(try cache.projects() == ["p", "项目"])
        #expect(try cache.results(of: "项目") == [#require(record)])
        #expect(try cache.results(of: "none") == [])
        #expect(try cache.latest(ResultKey(project: "p", task: "none")) == nil)
    }

    @Test func `results are listed once each, in their newest version, by task`() throws {
        let scratch = try Scratch()
        let cache = try scratch.open()
        for task in ["b", "a", "b", "c", "b"] { _ = try cache.add(task, size: 1) }
        #expect(try cache.results(of: "p").map { "\($0.key.task)\($0.version)" } == ["a0", "b2", "c0"])
    }

    @Test func `an inode number stays with its path, and no two share one`() throws {
        let scratch = try Scratch()
        var numbers: [String: UInt64] = [:]
        do {
            let cache = try scratch.open()
            for name in ["a", "b", "c"] {
                numbers[name] = try cache.inodeNumber(path: name, variant: "0", preferred: 77)
                numbers[name + "!"] = try cache.inodeNumber(path: name, variant: "refused", preferred: .max)
            }
            numbers["low"] = try cache.inodeNumber(path: "low", variant: "", preferred: 1)
            #expect(Set(numbers.values).count == 7)
            #expect(numbers["a"] == 77)
            #expect(numbers.values.allSatisfy { $0 > 1 })
            #expect(try cache.path(ofInode: 77)?.path == "a")
            cache.close()
        }
        let cache = try scratch.open()
        for name in ["c", "b", "a"] {
            #expect(try cache.inodeNumber(path: name, variant: "0", preferred: 77) == numbers[name])
            #expect(try cache.inodeNumber(path: name, variant: "refused", preferred: .max) == numbers[name + "!"])
        }
        #expect(try cache.inodeNumber(path: "d", variant: "0", preferred: 77) == 80)
        #expect(try cache.path(ofInode: #require(numbers["b"]))?.path == "b")
        #expect(try cache.path(ofInode: 5_000) == nil)
    }

    @Test func `the last task list is kept`() throws {
        let scratch = try Scratch()
        do {
            let cache = try scratch.open()
            cache.storeTasks([1, 2], of: "p")
            cache.storeTasks([3, 0, 255], of: "p")
            #expect(try cache.tasks(of: "p") == [3, 0, 255])
            #expect(try cache.tasks(of: "q") == nil)
            cache.close()
        }
        #expect(try scratch.open().tasks(of: "p") == [3, 0, 255])
    }

    @Test func `the space used is counted in pages, and agrees with what the disk says`() throws {
        let scratch = try Scratch()
        let data = content(65_536 * 2 + 10, seed: 1)
        do {
            let cache = try scratch.open()
            let file = try cache.file(for: cache.add("t", size: data.count))
            #expect(cache.usage().used == 0)
            try file.store(data, 100..<200)
            #expect(cache.usage().used == 4096)
            try file.store(data, 5000..<9000)
            #expect(cache.usage().used == 4096 * 3)
            try file.store(data, 0..<10_000)
            #expect(cache.usage().used == 4096 * 3)
            try file.store(data, 0..<65_536)
            try file.store(data, 131_072..<data.count)
            try file.store(data, 65_536..<70_000)
            #expect(cache.usage().used == 65_536 + 4096 + 8192)
            #expect(cache.usage().limit == 1 << 30)
            cache.close()
            #expect(cache.usage().used == 65_536 + 4096)
        }
        var status = stat()
        stat(try #require(Scratch.files(scratch.cachePath.appending("data")).first).string, &status)
        #expect(status.st_blocks * 512 == 65_536 + 4096)
        let cache = try scratch.open()
        #expect(cache.usage().used == 65_536 + 4096)
        #expect(cache.usage().effectiveLimit <= 1 << 30)
    }

    @Test func `without a limit it is a tenth of the disk, at least a gibibyte`() throws {
        let scratch = try Scratch()
        var disk = statvfs()
        statvfs(scratch.path.string, &disk)
        let tenth = Int64(disk.f_blocks) * Int64(disk.f_frsize) / 10
        #expect(try scratch.open { $0.limit = nil }.usage().limit == max(tenth, 1 << 30))
    }

    @Test func `an index of another format is set aside with one warning, and its data goes`() async throws {
        let scratch = try Scratch()
        do {
            let cache = try scratch.open()
            try cache.file(for: cache.add("t", size: 5)).store([1, 2, 3, 4, 5], 0..<5)
            cache.close()
        }
        try Scratch.write(Array("iesfs cache, format 999\n".utf8), to: scratch.cachePath.appending("format"))
        let cache = try scratch.open()
        #expect(try cache.latest(ResultKey(project: "p", task: "t")) == nil)
        #expect(scratch.warnings.all.count == 1)
        #expect(cache.usage().used == 0)
        #expect(cache.usage().replacedIndexes == 1)
        let place = scratch.cachePath.appending("set-aside")
        #expect(Scratch.files(place).contains { $0.lastComponent == "index.sqlite" })
        // It takes room that nobody counts; the suite's limit ends a wait in vain.
        while Scratch.files(place).contains(where: { $0.string.contains("/data/") }) {
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(Scratch.files(place).contains { $0.lastComponent == "index.sqlite" })
        #expect(Scratch.files(scratch.cachePath.appending("data")) == [])
    }

    @Test func `an index with migrations of a later version is set aside`() throws {
        let scratch = try Scratch()
        try scratch.open().close()
        let queue = try DatabaseQueue(path: scratch.cachePath.appending("index.sqlite").string)
        try queue.writeWithoutTransaction { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('2: later')") }
        try queue.close()
        try scratch.open().close()
        #expect(scratch.warnings.all.count == 1)
        #expect(scratch.warnings.all.first?.contains("another version") == true)
    }

    @Test(arguments: ["", "not a database, but text that is long enough to be taken for its header"])
    func `an index that is no database is begun anew`(text: String) throws {
        let scratch = try Scratch()
        do {
            let cache = try scratch.open()
            _ = try cache.add("t", size: 5)
            cache.close()
        }
        try Scratch.write(Array(text.utf8), to: scratch.cachePath.appending("index.sqlite"))
        let cache = try scratch.open()
        #expect(try cache.latest(ResultKey(project: "p", task: "t")) == nil)
        let record = try cache.add("t", size: 5)
        try cache.file(for: record).store([1, 2, 3, 4, 5], 0..<5)
        #expect(try cache.file(for: record).now(0, 5).bytes == [1, 2, 3, 4, 5])
    }
}
