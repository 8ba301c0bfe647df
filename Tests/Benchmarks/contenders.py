# SPDX-License-Identifier: Apache-2.0
"""Who is measured, and how each is started."""

import os
import re
import shutil

from commands import run
from views import Downloads, LocalFiles, Mounted

#: In the order in which they take turns.
NAMES = ("native", "curl", "curl-null", "iesfs", "iesfs-nopassthrough", "rclone", "rclone-new", "httpdirfs")


class Native:
    """The local file itself."""

    name, title, kind = "native", "native", "native"
    missing = None

    def open(self, lab, project, server="plain", cache=None):
        return LocalFiles(lab, project)


class Curl:
    """One `curl` for each read, into a file on the same disk or to nowhere."""

    missing = None

    def __init__(self, keeps):
        self.keeps = keeps
        self.kind = "curl" if keeps else "curl-null"
        self.name = self.kind
        self.title = "`curl -o`" if keeps else "`curl` to nowhere"

    def open(self, lab, project, server="plain", cache=None):
        return Downloads(lab, project, server, self.keeps)


class Mount:
    """A program that mounts the origin and keeps what it has read in a cache directory."""

    kind = "mount"

    def open(self, lab, project, server="plain", cache=None):
        """Mounts with the cache directory `cache`, or with a new one that goes with the mount."""
        return Mounted(lab, self, project, server, cache)


class Iesfs(Mount):
    def __init__(self, program, name, options=()):
        self.program, self.name, self.title = program, name, name.replace("-", " ")
        self.missing = None
        help_text = run([program, "mount", "--help"])
        self.known = set(re.findall(r"^ +([a-z_]+)(?:=\S+)?(?: |$)", help_text, re.MULTILINE))
        self.options = [option for option in options if self.knows(option)]

    def knows(self, option):
        return option.partition("=")[0] in self.known

    def command(self, origin, project, server, point, cache):
        options = [f"cache_dir={cache}", *self.options]
        return [self.program, "mount", origin.url(server), point, "--foreground", "-o", ",".join(options)]

    def path(self, point, project):
        return os.path.join(point, project)


class Rclone(Mount):
    def __init__(self, program, name, missing):
        self.program, self.name, self.missing = program, name, missing
        self.title = name
        if program and not missing:
            version = run([program, "version", "--config", "/dev/null"]).split()[1]
            self.title = f"rclone {version.removeprefix('v').split('-')[0]}"

    def command(self, origin, project, server, point, cache):
        return [
            self.program, "mount", ":http:", point, "--http-url", origin.directory_url(server, project),
            "--vfs-cache-mode", "full", "--cache-dir", cache, "--config", "/dev/null", "--read-only"]

    def path(self, point, project):
        return point


class Httpdirfs(Mount):
    name, title = "httpdirfs", "httpdirfs"

    def __init__(self):
        self.program = shutil.which("httpdirfs")
        self.missing = None if self.program else "not installed"

    def command(self, origin, project, server, point, cache):
        # It looks for Accept-Ranges in a 206, where nginx has none, and would exit.
        return [
            self.program, "-f", "--no-range-check", "--cache", "--cache-location", cache,
            origin.directory_url(server, project), point]

    def path(self, point, project):
        return point


def everyone(program, newer_rclone, size, extra_options):
    """All contenders in the order in which they take turns.

    - program: the iesfs to measure.
    - newer_rclone: a path, or None with the reason.
    - size: bytes of the largest file; the cache of iesfs takes eight of them.
    """
    common = ["rate=0", "nolist", f"cache_size={max(8 * size, 1 << 30)}"]
    iesfs = Iesfs(program, "iesfs", common)
    iesfs.options += extra_options
    everyone = [Native(), Curl(keeps=True), Curl(keeps=False), iesfs]
    if iesfs.knows("nopassthrough"):
        second = Iesfs(program, "iesfs-nopassthrough", [*common, "nopassthrough"])
        second.options += extra_options
        everyone.append(second)
    debian = shutil.which("rclone")
    everyone.append(Rclone(debian, "rclone", None if debian else "not installed"))
    path, reason = newer_rclone
    everyone.append(Rclone(path, "rclone-new", reason))
    everyone.append(Httpdirfs())
    return everyone
