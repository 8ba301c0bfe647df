# SPDX-License-Identifier: Apache-2.0
"""Where and when a table was made."""

import datetime
import os
import platform
import subprocess


def describe(root, program, is_built):
    """A few words each: the machine, and what was measured when; `is_built` says that `program` is of this tree."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, Linux {platform.release()}",
        "build": f"{_revision(root) if is_built else 'given program'}, {_configuration(program)} build",
        "load": load(),
    }


def load():
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 1)


def _processor():
    with open("/proc/cpuinfo") as information:
        names = [line.partition(":")[2].strip() for line in information if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _configuration(program):
    return "debug" if "/debug/" in os.path.realpath(program) else "release"


def _revision(root):
    command = ["git", "-C", root, "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(command, capture_output=True, text=True)
    return found.stdout.strip() or "unknown revision"
