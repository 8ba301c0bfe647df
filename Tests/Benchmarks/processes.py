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
    """The sum of each process's largest resident size, in bytes: never less than the true peak of all together."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status") as status:
                peaks = [line.split()[1] for line in status if line.startswith("VmHWM:")]
        except OSError:
            continue
        total += sum(int(peak) << 10 for peak in peaks)
    return total


def _stat(pid):
    """The fields of `/proc/<pid>/stat` after the name, which may hold anything; the state comes first."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return None
