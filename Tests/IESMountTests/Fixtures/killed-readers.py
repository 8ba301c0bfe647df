# SPDX-License-Identifier: Apache-2.0
"""Reads a mount with eight processes while its worker is ended again and again; says every error, and what the holder uses.

killed-readers.py PROJECT REFERENCE SCRATCH HOLDER TIMES WAYS SEED [--warm NAME] [--iesfs PROGRAM] [--slow SECONDS]

REFERENCE holds the same files as the directory PROJECT, fetched without the mount. WAYS are signals, `upgrade`, or `memory` for
the kernel's OOM killer, with commas between; each time one of them is drawn. The readers go on until the last one has been followed by another worker.
"""
import argparse
import hashlib
import mmap
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time

PATIENCE = 90


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("project", "reference", "scratch"):
        parser.add_argument(name)
    for name in ("holder", "times"):
        parser.add_argument(name, type=int)
    parser.add_argument("ways")
    parser.add_argument("seed", type=int)
    parser.add_argument("--warm")
    parser.add_argument("--iesfs")
    parser.add_argument("--slow", type=float, default=0.6)
    return parser.parse_args()


class Readers:
    """What the readers do, each in a process of its own, until the file `stop` is there."""

    def __init__(self, options):
        self.project, self.reference, self.scratch = options.project, options.reference, options.scratch
        self.warm = options.warm
        self.names = sorted(name for name in os.listdir(options.reference) if name != options.warm)
        self.stop = os.path.join(options.scratch, "stop")

    def path(self, name):
        return os.path.join(self.project, name)

    def truth(self, name):
        with open(os.path.join(self.reference, name), "rb") as file:
            return file.read()

    def digest(self, name):
        return hashlib.sha256(self.truth(name)).hexdigest()

    def some(self, count=1):
        return random.sample(self.names, count)

    def forget(self, name):
        """Has the kernel ask for the file's bytes again."""
        with open(self.path(name), "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def own(self, name):
        return os.path.join(self.scratch, f"{os.getpid()}.{name}")

    def command(self, *words):
        done = subprocess.run(words, capture_output=True)
        if done.returncode != 0 or done.stderr:
            raise AssertionError(f"{words[:3]}: status {done.returncode}: {done.stderr.decode()[:500]}")
        return done.stdout

    def cp(self):
        [name] = self.some()
        self.forget(name)
        copy = self.own("copy")
        self.command("cp", self.path(name), copy)
        with open(copy, "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == self.digest(name), f"cp of {name}: other bytes"
        # It is read-only, as the original.
        os.unlink(copy)

    def sha256sum(self):
        names = self.some(3)
        out = self.command("sha256sum", *[self.path(name) for name in names]).decode().split("\n")
        for name, line in zip(names, out):
            assert line.split()[0] == self.digest(name), f"sha256sum of {name}: other bytes"

    def tar(self):
        names = self.some(4)
        archive = self.own("tar")
        self.command("tar", "-C", self.project, "-cf", archive, *names)
        with tarfile.open(archive) as file:
            assert sorted(file.getnames()) == sorted(names)
            for name in names:
                assert file.extractfile(name).read() == self.truth(name), f"tar of {name}: other bytes"

    def ls(self):
        lines = self.command("ls", "-lR", self.project).decode().split("\n")
        seen = {line.split()[-1]: int(line.split()[4]) for line in lines if line.startswith("-")}
        wanted = {name: os.stat(os.path.join(self.reference, name)).st_size for name in os.listdir(self.reference)}
        assert seen == wanted, f"ls: {sorted(set(seen.items()) ^ set(wanted.items()))[:4]}"

    def pread(self):
        [name] = self.some()
        self.forget(name)
        truth = self.truth(name)
        file = os.open(self.path(name), os.O_RDONLY)
        for _ in range(40):
            offset = random.randrange(len(truth))
            count = random.randrange(1, 100_000)
            assert os.pread(file, count, offset) == truth[offset:offset + count], f"pread of {name}: other bytes"
        os.close(file)

    def map(self):
        [name] = self.some()
        self.forget(name)
        truth = self.truth(name)
        with open(self.path(name), "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            for _ in range(40):
                offset = random.randrange(len(truth))
                assert mapped[offset:offset + 5000] == truth[offset:offset + 5000], f"mmap of {name}: other bytes"

    def cat(self):
        [name] = self.some()
        self.forget(name)
        assert self.command("cat", self.path(name)) == self.truth(name), f"cat of {name}: other bytes"

    def hold(self):
        """Opens the warm file again and again, some of it held open over several deaths."""
        truth = self.truth(self.warm)
        held = getattr(self, "held", [])
        self.held = held
        held.append(os.open(self.path(self.warm), os.O_RDONLY))
        for file in held:
            offset = random.randrange(len(truth))
            assert os.pread(file, 70_000, offset) == truth[offset:offset + 70_000], "the warm file: other bytes"
        while len(held) > random.randrange(1, 8):
            os.close(held.pop(random.randrange(len(held))))
        time.sleep(0.01)

    def all(self):
        return [self.cp, self.sha256sum, self.tar, self.ls, self.pread, self.map, self.cat] + (
            [self.hold] if self.warm else [self.cat])

    def start(self, kind, seed):
        child = os.fork()
        if child:
            return child
        random.seed(seed)
        rounds = 0
        try:
            while not os.path.exists(self.stop):
                kind()
                rounds += 1
        except BaseException as error:
            print(f"{kind.__name__}: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        print(f"{kind.__name__} {rounds}", flush=True)
        os._exit(0 if rounds else 2)


class Holder:
    """The holder's process, seen from outside."""

    def __init__(self, process):
        self.process = process

    def worker(self):
        """The worker's id, or None while there is none."""
        try:
            with open(f"/proc/{self.process}/task/{self.process}/children") as file:
                children = file.read().split()
        except OSError:
            raise SystemExit("the holder has gone")
        return int(children[0]) if children else None

    def next_worker(self, old):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            new = self.worker()
            if new not in (None, old):
                return new
            time.sleep(0.002)
        raise SystemExit("no worker follows the last one")

    def use(self):
        """Descriptors when it is at rest, and KiB of memory of its own."""
        looks = []
        for _ in range(20):
            looks.append(self.look())
            time.sleep(0.02)
        return min(looks)

    def look(self):
        with open(f"/proc/{self.process}/status") as file:
            memory = next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
        return len(os.listdir(f"/proc/{self.process}/fd")), memory


class MemoryGroup:
    """A memory cgroup (version 1 or 2) that has no room for a worker."""

    def __init__(self):
        first = not os.path.exists("/sys/fs/cgroup/cgroup.controllers")
        self.path = f"/sys/fs/cgroup/{'memory/' if first else ''}iesfs-test-{os.getpid()}"
        os.mkdir(self.path)
        # Little more than a thread's buffers; what the worker has already does not count.
        self.write("memory.limit_in_bytes" if first else "memory.max", 2 << 20)

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(str(value))

    def remove(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                return os.rmdir(self.path)
            except OSError:
                time.sleep(0.05)


def end_workers(options, holder):
    ways = options.ways.split(",")
    before = None
    for turn in range(options.times):
        time.sleep(random.uniform(0, 2 * options.slow))
        old = holder.worker() or holder.next_worker(None)
        way = random.choice(ways)
        if way == "upgrade":
            done = subprocess.run([options.iesfs, "upgrade", os.path.dirname(options.project)], capture_output=True)
            if done.returncode != 0:
                raise SystemExit(f"upgrade {turn}: {done.stderr.decode()}")
        elif way == "memory":
            group = MemoryGroup()
            try:
                group.write("cgroup.procs", old)
                holder.next_worker(old)
            finally:
                group.remove()
        else:
            os.kill(old, getattr(signal, f"SIG{way}"))
        holder.next_worker(old)
        if turn == 0:
            before = holder.use()
    return before


def main():
    options = arguments()
    random.seed(options.seed)
    readers, holder = Readers(options), Holder(options.holder)
    children = {}
    for number, kind in enumerate(readers.all()):
        children[readers.start(kind, options.seed * 100 + number)] = kind.__name__
    failed = False
    try:
        before = end_workers(options, holder)
    finally:
        open(readers.stop, "w").close()
    end = time.monotonic() + PATIENCE
    while children and time.monotonic() < end:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child:
            failed = failed or status != 0
            children.pop(child)
        else:
            time.sleep(0.02)
    for child, name in children.items():
        print(f"{name} hangs", file=sys.stderr)
        os.kill(child, signal.SIGKILL)
    after = holder.use()
    print(f"holder: {before[0]} then {after[0]} descriptors, {before[1]} then {after[1]} KiB", flush=True)
    if after[0] > before[0] or after[1] > before[1] + 512:
        print("the holder grows", file=sys.stderr)
        failed = True
    sys.exit(1 if failed or children else 0)


main()
