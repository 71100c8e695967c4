"""One writer a journal: a lock that the operating system takes back when the process ends, however it ends."""

from __future__ import annotations

import sys


def lock(descriptor: int) -> bool:
    """Lock an open file for this process; return whether it could be had."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - there is no other lock on Windows

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - and no such module there

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
