# SPDX-License-Identifier: Apache-2.0
"""What the processes of a mount have cost, as the kernel counts it."""

import os

TICKS = os.sysconf("SC_CLK_TCK")


def tree(root):
    """The ids of `root` and of all that descend from it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                parents[int(name)] = int(fields[1])
    found = {root} & parents.keys()
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def processor_seconds(pids):
    """User and system time so far, ended threads included."""
    ticks = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def peak_memory(pids):
    """The largest resident size that any of the processes had, and what the others have to themselves, in bytes.

    What they share, that is the program and its libraries, counts once.
    """
    peaks = {pid: _kibibytes(f"/proc/{pid}/status", "VmHWM") for pid in pids}
    largest = max(peaks, key=peaks.get, default=None)
    others = [_kibibytes(f"/proc/{pid}/smaps_rollup", "Private_Clean", "Private_Dirty") for pid in pids if pid != largest]
    return (peaks.get(largest, 0) + sum(others)) << 10


def _kibibytes(path, *fields):
    """The sum of so named lines; 0 for a process that is gone."""
    try:
        with open(path) as file:
            return sum(int(line.split()[1]) for line in file if line.split(":")[0] in fields)
    except OSError:
        return 0


def _stat(pid):
    """The fields of `/proc/<pid>/stat` after the name, which may hold anything; the state comes first."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return None
