# SPDX-License-Identifier: Apache-2.0
"""The one directory in which everything happens, and the end of all that was started there."""

import os
import shutil
import tempfile

from commands import Trouble
from origin import Origin


class Lab:
    """Used in a `with`: on leaving, whatever the reason, mounts, servers and files are gone."""

    def __init__(self, directory, size):
        self._parent, self.size = directory, size
        self.mounts = []
        self._filled = {}

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="iesfs-benchmarks.", dir=self._parent)
        self.origin = Origin(self.directory)
        return self

    def __exit__(self, *error):
        for mount in list(self.mounts):
            mount.end()
        self.origin.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def prepare(self):
        """Makes the files and starts the server."""
        # The origin's files, a full cache of each contender, and one cache being filled with sixteen files.
        needed = 12 * self.size
        if shutil.disk_usage(self.directory).free < needed:
            raise Trouble(f"needs {needed >> 20} MiB in {self._parent}; see --scratch and --size")
        self.origin.create("large", "large", self.size)
        self.origin.create("half", "half", self.size // 2)
        for number in range(16):
            self.origin.create("sixteen", f"{number:02}", self.size // 8)
        for number in range(256):
            self.origin.create("many", f"{number:03}", 4096)
        self.origin.start()

    def log(self, name):
        return os.path.join(self.directory, f"{name}.log")

    def new_directory(self, kind):
        return tempfile.mkdtemp(prefix=f"{kind}.", dir=self.directory)

    def remove(self, directory):
        shutil.rmtree(directory, ignore_errors=True)

    def settle(self):
        """Lets what others have written reach the disk first."""
        os.sync()

    def forget_pages(self):
        """Empties the page cache."""
        os.sync()
        with open("/proc/sys/vm/drop_caches", "w") as control:
            control.write("3\n")

    def forget_file(self, project, name):
        """Takes one file of the origin out of the page cache."""
        with open(self.origin.path(project, name), "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def load_pages(self, project):
        """Brings the origin's files into the page cache, so that no contender pays for its disk."""
        directory = self.origin.path(project)
        for name in os.listdir(directory):
            with open(os.path.join(directory, name), "rb") as file:
                while file.read(1 << 20):
                    pass

    def filled_cache(self, contender):
        """A cache directory that holds the large file whole, made and checked once; None for those without one."""
        if contender.kind != "mount":
            return None
        if contender.name not in self._filled:
            cache = self.new_directory("filled")
            with contender.open(self, "large", cache=cache) as view:
                view.check("large")
            self._filled[contender.name] = cache
        return self._filled[contender.name]
