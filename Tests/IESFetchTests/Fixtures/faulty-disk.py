#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One file, `disk`, in a FUSE file system of its own, to put a loop device on: a disk that fails on request.

usage: faulty-disk.py MOUNTPOINT BACKING-FILE MODE-FILE

The first word of MODE-FILE says what is answered: `ok`; `eio`, an error to every read and write; `eio-read`;
`eio-write`; `stall`, nothing until the word is another one, at most for two minutes. It speaks the kernel's protocol
(linux/fuse.h) by itself, as no library for it may be at hand. It ends when the mount goes, or its parent.
"""
import ctypes, errno, os, select, struct, sys, time

mountpoint, backing, mode_file = sys.argv[1:4]
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0,max_read=131072".encode()
if libc.mount(b"faulty-disk", mountpoint.encode(), b"fuse", 0, options) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
disk = os.open(backing, os.O_RDWR)
size = os.fstat(disk).st_size
print(os.getpid(), flush=True)


def attributes(node):
    is_root = node == 1
    return struct.pack(
        "<QQQQQQIIIIIIIIII", node, 4096 if is_root else size, size // 512, 0, 0, 0, 0, 0, 0,
        0o40755 if is_root else 0o100600, 1, 0, 0, 0, 4096, 0)


def reply(unique, body=b"", error=0):
    try:
        os.write(device, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)
    except OSError as failure:
        if failure.errno != errno.ENOENT:
            raise


def mode():
    with open(mode_file) as file:
        return (file.read().split() or ["ok"])[0]


def data(opcode, unique, body):
    now = mode()
    if now == "stall":
        return False
    handle, offset, count = struct.unpack_from("<QQI", body)
    if opcode == 15:  # READ
        failed = now in ("eio", "eio-read")
        reply(unique, b"" if failed else os.pread(disk, count, offset), errno.EIO if failed else 0)
    elif opcode == 16:  # WRITE
        if now in ("eio", "eio-write"):
            reply(unique, error=errno.EIO)
        else:
            os.pwrite(disk, body[40:40 + count], offset)
            reply(unique, struct.pack("<II", count, 0))
    else:  # FSYNC
        reply(unique, error=errno.EIO if now in ("eio", "eio-write") else 0)
    return True


def answer(opcode, unique, node, body):
    if opcode == 26:  # INIT
        reply(unique, struct.pack("<IIIIHHIIHHIIHHIII", 7, 31, 131072, 0, 64, 48, 131072, 1, 32, 0, 0, 0, 0, 0, 0, 0, 0))
    elif opcode == 1:  # LOOKUP
        if body.rstrip(b"\0") == b"disk":
            reply(unique, struct.pack("<QQQQII", 2, 0, 3600, 3600, 0, 0) + attributes(2))
        else:
            reply(unique, error=errno.ENOENT)
    elif opcode in (3, 4):  # GETATTR, SETATTR
        reply(unique, struct.pack("<QII", 3600, 0, 0) + attributes(node))
    elif opcode in (14, 27):  # OPEN, OPENDIR; direct: every read of the device is asked for
        reply(unique, struct.pack("<QII", 1, 1 if opcode == 14 else 0, 0))
    elif opcode == 17:  # STATFS
        reply(unique, struct.pack("<QQQQQIII", 1 << 20, 1 << 19, 1 << 19, 9, 9, 4096, 255, 4096) + bytes(28))
    elif opcode in (18, 25, 29):  # FLUSH, RELEASE, RELEASEDIR
        reply(unique)
    elif opcode in (2, 36, 42):  # FORGET, INTERRUPT, BATCH_FORGET
        pass
    else:
        reply(unique, error=errno.ENOSYS)


held = []
while True:
    ready, _, _ = select.select([device], [], [], 0.02 if held else 1)
    if os.getppid() != parent:
        sys.exit("the parent has gone")  # The kernel ends every request then.
    if held and (mode() != "stall" or time.monotonic() - held[0][0] > 120):
        waiting, held = held, []
        for _, opcode, unique, body in waiting:
            if not data(opcode, unique, body):
                reply(unique, error=errno.EIO)
    if not ready:
        continue
    try:
        request = os.read(device, 1 << 20)
    except OSError as failure:
        if failure.errno == errno.ENODEV:
            sys.exit(0)
        if failure.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
            continue
        raise
    length, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    body = request[40:length]
    # fuse_read_in, fuse_write_in and fuse_fsync_in begin with the handle.
    if opcode == 20:
        body = body[:8] + bytes(12)
    if opcode in (15, 16, 20):
        if not data(opcode, unique, body):
            held.append((time.monotonic(), opcode, unique, body))
    else:
        answer(opcode, unique, node, body)
