# SPDX-License-Identifier: Apache-2.0
"""What is measured: each scenario takes one contender through one run and returns its figures."""

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from commands import run, timed, together

GIB = 1 << 30


@dataclass(frozen=True)
class Metric:
    """One row of the table; `base` names those who are 1.0, the first who took part."""

    name: str
    title: str
    unit: str
    base: tuple
    more_is_better: bool = True


@dataclass
class Scenario:
    name: str
    metrics: list
    #: Kinds of contenders that take part.
    kinds: tuple = ("native", "curl", "curl-null", "mount")
    #: At most so many rounds, for what is slow by design.
    most_rounds: int = 100

    def run(self, lab, contender, first):
        """Figures by metric; in the `first` round, which does not count, the bytes are checked instead."""
        raise NotImplementedError


class Cold(Scenario):
    """One file that has never been read, from its first byte to its last."""

    def __init__(self, name, metrics, server, file, **more):
        super().__init__(name, metrics, **more)
        self.server, self.file = server, file

    def run(self, lab, contender, first):
        lab.load_pages(self.file)
        if contender.kind == "native":
            lab.forget_file(self.file, self.file)
        lab.settle()
        with contender.open(lab, self.file, self.server) as view:
            if first:
                view.check(self.file)
                return {}
            size = Path(lab.origin.path(self.file, self.file)).stat().st_size
            before = view.processor_seconds()
            figures = {self.name: size / view.read(self.file)}
            if before is not None:
                figures["cpu"] = (view.processor_seconds() - before) * GIB / size
            return {metric.name: figures[metric.name] for metric in self.metrics if metric.name in figures}


class WarmFromDisk(Scenario):
    """What was read before a remount, with an empty page cache."""

    def run(self, lab, contender, first):
        with contender.open(lab, "large", cache=lab.filled_cache(contender)) as view:
            if first:
                view.check("large")
                return {}
            lab.forget_pages()
            return {self.name: lab.size / view.read("large")}


class WarmFromMemory(Scenario):
    """The second read in a row."""

    def run(self, lab, contender, first):
        with contender.open(lab, "large", cache=lab.filled_cache(contender)) as view:
            view.read("large")
            return {} if first else {self.name: lab.size / view.read("large")}


class Random(Scenario):
    """fio at random offsets of a file that was read whole just before."""

    #: Bytes of a read and readers at once.
    shapes = {
        "random-4k": ("4k", 1), "random-4k-16": ("4k", 16),
        "random-128k": ("128k", 1), "random-128k-16": ("128k", 16)}
    #: Long enough to be told from the start of fio's processes.
    duration = "1000ms"

    def run(self, lab, contender, first):
        with contender.open(lab, "large", cache=lab.filled_cache(contender)) as view:
            view.read("large")
            if first:
                return {}
            return {name: self._operations(view.path("large"), *shape) for name, shape in self.shapes.items()}

    def _operations(self, path, size, jobs):
        report = json.loads(run([
            "fio", "--name=random", f"--filename={path}", "--rw=randread", f"--bs={size}", "--ioengine=psync",
            f"--numjobs={jobs}", "--thread", f"--runtime={self.duration}", "--time_based", "--group_reporting",
            "--readonly", "--invalidate=0", "--norandommap", "--output-format=json"]))
        return report["jobs"][0]["read"]["iops"]


class FirstByte(Scenario):
    """Opening unseen files, one after the other; `curl` tells its own time to the first byte."""

    def run(self, lab, contender, first):
        names = [f"{number:02}" for number in range(16)]
        lab.load_pages("sixteen")
        with contender.open(lab, "sixteen") as view:
            if contender.kind == "curl-null":
                times = [
                    run(["curl", "-sSf", "-r", "0-0", "-o", "/dev/null", "-w", "%{time_starttransfer}", view.url(name)])
                    for name in names]
            else:
                script = str(Path(__file__).with_name("first_byte.py"))
                times = run([sys.executable, "-S", script, *map(view.path, names)]).split()
        return {} if first else {self.name: statistics.median(map(float, times))}


class Readers(Scenario):
    """64 readers of one unseen file at once; the figure is what all of them got."""

    count = 64

    def run(self, lab, contender, first):
        lab.load_pages("sixteen")
        lab.settle()
        with contender.open(lab, "sixteen") as view:
            seconds, _, _ = timed(together([view.reading("00")] * self.count))
        return {} if first else {self.name: self.count * (lab.size // 8) / seconds}


class Sixteen(Scenario):
    """16 unseen files read at once."""

    def run(self, lab, contender, first):
        names = [f"{number:02}" for number in range(16)]
        lab.load_pages("sixteen")
        lab.settle()
        with contender.open(lab, "sixteen") as view:
            if first:
                for name in names[:4]:
                    view.check(name)
                return {}
            seconds, _, _ = timed(together([view.reading(name) for name in names]))
            figures = {"sixteen": 16 * (lab.size // 8) / seconds, "memory": view.peak_memory()}
        return {name: figure for name, figure in figures.items() if figure}


class Stat(Scenario):
    """stat(2) of 256 files that were looked at before, by fio, whose own time per call is in the figure."""

    def run(self, lab, contender, first):
        with contender.open(lab, "many") as view:
            names = [f"{number:03}" for number in range(256)]
            # From within, so that paths of different depth make no difference.
            directory = view.path("")
            run(["stat", "--format=%s", *names], directory=directory)
            if first:
                return {}
            report = json.loads(run([
                "fio", "--name=stat", "--ioengine=filestat", f"--filename={':'.join(names)}", "--filesize=4k",
                "--openfiles=1", "--loops=200", "--rw=read", "--thread", "--readonly", "--allow_file_create=0",
                "--invalidate=0", "--output-format=json"], directory=directory))
        # The median: one switch to another process costs as much as thousands of calls.
        return {self.name: 1e9 / report["jobs"][0]["read"]["clat_ns"]["percentile"]["50.000000"]}


LOCAL = ("native", "mount")
CURL, NATIVE = ("curl", "native"), ("native",)

ALL = [
    Cold("cold", [
        Metric("cold", "cold, sequential", "B/s", CURL),
        Metric("cpu", "CPU per GiB, cold", "s", ("rclone", "rclone-new", "curl", "iesfs"), more_is_better=False),
    ], "plain", "large"),
    Cold("limited", [Metric("limited", "cold, 20 MB/s per connection", "B/s", CURL)],
         "limited", "half", kinds=("curl", "mount"), most_rounds=3),
    Cold("rangeless", [Metric("rangeless", "cold, service without ranges", "B/s", CURL)],
         "rangeless", "large", kinds=("curl", "mount")),
    WarmFromDisk("warm-disk", [Metric("warm-disk", "warm, remounted, page cache empty", "B/s", NATIVE)], LOCAL),
    WarmFromMemory("warm-memory", [Metric("warm-memory", "warm, in the page cache", "B/s", NATIVE)], LOCAL),
    Random("random", [
        Metric("random-4k", "random 4 KiB, warm", "/s", NATIVE),
        Metric("random-4k-16", "random 4 KiB, warm, 16 jobs", "/s", NATIVE),
        Metric("random-128k", "random 128 KiB, warm", "/s", NATIVE),
        Metric("random-128k-16", "random 128 KiB, warm, 16 jobs", "/s", NATIVE),
    ], LOCAL),
    FirstByte("first-byte", [
        Metric("first-byte", "first byte of an unseen file", "s", ("curl-null", "native"), more_is_better=False),
    ], ("native", "curl-null", "mount")),
    Readers("readers", [Metric("readers", "64 readers of one unseen file", "B/s", NATIVE)],
            ("native", "curl-null", "mount")),
    Stat("stat", [Metric("stat", "stat of known files", "/s", NATIVE)], LOCAL),
    Sixteen("sixteen", [
        Metric("sixteen", "16 files at once, cold", "B/s", CURL),
        Metric("memory", "peak memory meanwhile", "B", ("iesfs",), more_is_better=False),
    ], ("curl", "mount")),
]
