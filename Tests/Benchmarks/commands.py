# SPDX-License-Identifier: Apache-2.0
"""Commands run in children of their own, so that nothing here ever waits inside a mount."""

import os
import shlex
import signal
import subprocess
import time


class Trouble(Exception):
    """A contender did not do what was asked; the text says what, for the table."""


# Without proxies: everything is on loopback.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
#: Seconds after which a command is given up.
longest = 900


def run(command, within=None, directory=None):
    """Runs `command` in `directory` and returns its output.

    Raises Trouble when it fails or takes longer than `within` seconds, `longest` if not given.
    """
    return timed(command, within, subprocess.PIPE, directory)[2]


def timed(command, within=None, output=subprocess.DEVNULL, directory=None):
    """Runs `command`; returns the seconds it took, the processor seconds it used, and what it wrote to `output`."""
    within = within or longest
    before = os.times()
    start = time.perf_counter()
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
            cwd=directory, start_new_session=True)
    except OSError as error:
        raise Trouble(f"{command[0]}: {error.strerror}") from None
    try:
        written, errors = child.communicate(timeout=within)
    except BaseException as error:
        _kill(child)
        if isinstance(error, subprocess.TimeoutExpired):
            raise Trouble(f"{command[0]}: no end after {within} s") from None
        raise
    seconds = time.perf_counter() - start
    after = os.times()
    if child.returncode != 0:
        words = errors.strip().splitlines() or [f"exit {child.returncode}"]
        raise Trouble(words[-1][:160])
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return seconds, used, written


def together(commands):
    """One command that runs all of `commands` at once, and fails if one of them does."""
    lines = [f"{shlex.join(command)} >/dev/null & all=\"$all $!\"" for command in commands]
    return ["sh", "-c", "\n".join(lines + ["for one in $all; do wait $one || bad=1; done; exit ${bad:-0}"])]


def _kill(child):
    """Ends `child` and its group; one that is stuck in the kernel is left behind after a moment."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(timeout=5)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
