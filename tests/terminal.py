#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types into a command that runs in a terminal of its own and prints what the terminal shows.

Usage: terminal.py KEYS COMMAND...      KEYS: Python escapes; '|' waits until the screen is quiet
Exit status: the command's."""
import os
import pty
import select
import sys
import time

keys = sys.argv[1].encode().decode("unicode_escape").encode("latin1")
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
screen = b""


def quiet(first, limit=20.0):
    """Reads until nothing has come for 0.4 s; waits up to `limit` for the first bytes when asked to."""
    global screen
    start, last = time.time(), None
    while True:
        ready, _, _ = select.select([fd], [], [], 0.05)
        now = time.time()
        if ready:
            try:
                data = os.read(fd, 65536)
            except OSError:
                return False
            if not data:
                return False
            screen += data
            last = now
        elif now - start > limit or (last or (None if first else start)) is not None and now - (last or start) > 0.4:
            return True


alive = quiet(True)
for part in keys.split(b"|"):
    if not alive:
        break
    os.write(fd, part)
    alive = quiet(False)
end = time.time() + 20
while alive and time.time() < end:
    alive = quiet(False)
_, status = os.waitpid(pid, 0) if not alive else (os.kill(pid, 9), os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(screen.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
