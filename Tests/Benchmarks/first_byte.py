# SPDX-License-Identifier: Apache-2.0
"""Prints the seconds that opening each file and reading its first byte takes, one a line."""

import os
import sys
import time

for path in sys.argv[1:]:
    start = time.perf_counter()
    file = os.open(path, os.O_RDONLY)
    byte = os.pread(file, 1, 0)
    print(time.perf_counter() - start)
    os.close(file)
    if len(byte) != 1:
        sys.exit(f"{path} is empty")
