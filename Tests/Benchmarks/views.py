# SPDX-License-Identifier: Apache-2.0
"""The files of one project as a contender offers them, from its start to its end."""

import hashlib
import os
import subprocess
import time

import processes
from commands import ENVIRONMENT, Trouble, run, timed


class View:
    """Used in a `with`: entering starts what is needed, leaving ends it."""

    def __init__(self, lab, project):
        self.lab, self.project = lab, project
        self._used = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def path(self, name):
        return self.lab.origin.path(self.project, name)

    def reading(self, name):
        """The command that reads a whole file."""
        return ["cat", self.path(name)]

    def read(self, name):
        """Reads a whole file and returns the seconds it took."""
        seconds, used, _ = timed(self.reading(name))
        self._used += used
        return seconds

    def check(self, name):
        """Reads a whole file; other bytes than the origin's are Trouble."""
        self._compare(name, run(["sha256sum", self.path(name)]).split()[0])

    def processor_seconds(self):
        """What the contender's own processes have used so far."""
        return None

    def peak_memory(self):
        return None

    def _compare(self, name, digest):
        if digest != self.lab.origin.digests[self.project, name]:
            raise Trouble(f"wrong bytes in {name}")


class LocalFiles(View):
    pass


class Downloads(View):
    """What `curl` fetches; with `keeps` each file is written beside the others' caches."""

    def __init__(self, lab, project, server, keeps):
        super().__init__(lab, project)
        self.server, self.keeps = server, keeps

    def __enter__(self):
        self.directory = self.lab.new_directory("curl")
        return self

    def __exit__(self, *error):
        self.lab.remove(self.directory)

    def url(self, name):
        return self.lab.origin.directory_url(self.server, self.project) + name

    def reading(self, name):
        return ["curl", "-sSf", "-o", os.path.join(self.directory, name) if self.keeps else "/dev/null", self.url(name)]

    def check(self, name):
        self.read(name)
        if self.keeps:
            with open(os.path.join(self.directory, name), "rb") as file:
                self._compare(name, hashlib.file_digest(file, "sha256").hexdigest())

    def processor_seconds(self):
        return self._used


class Mounted(View):
    """A contender's mount and the processes behind it, children of this one."""

    def __init__(self, lab, contender, project, server, cache):
        super().__init__(lab, project)
        self.contender, self.server, self.cache = contender, server, cache
        self.keeps_cache = cache is not None
        self.daemon = None

    def __enter__(self):
        self.point = self.lab.new_directory("mount")
        if not self.keeps_cache:
            self.cache = self.lab.new_directory("cache")
        self.lab.mounts.append(self)
        try:
            self._start()
            self._await()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self.end()
        self.lab.mounts.remove(self)

    def path(self, name):
        return os.path.join(self.contender.path(self.point, self.project), name)

    def processor_seconds(self):
        return processes.processor_seconds(processes.tree(self.daemon.pid))

    def peak_memory(self):
        return processes.peak_memory(processes.tree(self.daemon.pid))

    def end(self):
        """Unmounts, waits for the processes, and ends those that stay."""
        group = processes.tree(self.daemon.pid) if self.daemon else []
        for command in (["umount", self.point], ["umount", "-l", self.point]):
            if self._is_mounted():
                _attempt(command)
        if self.daemon and not self._has_ended():
            for pid in group:
                _attempt(["kill", "-KILL", str(pid)])
            self._has_ended()
        self.lab.remove(self.point)
        if not self.keeps_cache:
            self.lab.remove(self.cache)

    def _start(self):
        command = self.contender.command(self.lab.origin, self.project, self.server, self.point, self.cache)
        settings = {"IESFS_TOKEN": "token", "XDG_CONFIG_HOME": self.cache, "XDG_CACHE_HOME": self.cache}
        with open(self.lab.log(self.contender.name), "ab") as log:
            self.daemon = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**ENVIRONMENT, **settings})

    def _has_ended(self):
        try:
            self.daemon.wait(timeout=20)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _await(self):
        end = time.monotonic() + 30
        while not self._is_mounted():
            if self.daemon.poll() is not None or time.monotonic() > end:
                raise Trouble(f"{self.contender.program} does not mount: {self._last_words()}")
            time.sleep(0.02)
        # A listing is part of mounting for those that find files by it; each gets it before anything is timed.
        run(["ls", self.contender.path(self.point, self.project)], within=60)

    def _is_mounted(self):
        with open("/proc/self/mountinfo") as mounts:
            return any(line.split()[4] == self.point for line in mounts)

    def _last_words(self):
        with open(self.lab.log(self.contender.name), errors="replace") as log:
            return (log.read().strip().splitlines() or ["no word"])[-1][:160]


def _attempt(command):
    """Runs a command of which nothing but its effect matters."""
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
    except subprocess.TimeoutExpired:
        pass
