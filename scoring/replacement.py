"""A file replaced in one step: whenever the process is killed, the file is the old one or the new one, whole."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SUFFIX = ".genre-score.part"


@contextmanager
def replacement(path: Path, content: bytes, mtime_ns: int | None = None) -> Iterator[Path]:
    """Yield a file beside another, on the disk with its new content and ready to be renamed over it.

    It has the other's mode, access list, extended attributes and, as far as the process may give it away, owner; its
    time of modification is `mtime_ns`, or now. Its name is hidden, and it is gone at the end if it was not renamed; a
    process that is killed may leave it, until `clear_leftovers`. Raises OSError, with nothing left behind.
    """
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=_SUFFIX, dir=path.parent)
    beside = Path(name)
    # Open until the end: a lock goes with the process, however it ends.
    with open(descriptor, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            file.write(content)
            file.flush()
            former = path.stat()
            # Before the mode, of which a change of owner takes bits away.
            with suppress(PermissionError):
                os.chown(beside, former.st_uid, former.st_gid)
            shutil.copystat(path, beside)
            if mtime_ns is None:
                os.utime(beside)
            else:
                os.utime(beside, ns=(former.st_atime_ns, mtime_ns))
            os.fsync(file.fileno())
            yield beside
        finally:
            beside.unlink(missing_ok=True)


def clear_leftovers(folder: Path) -> int:
    """Remove the temporary files that killed processes left in a folder; return how many there were.

    A file that a process is about to rename is locked, and stays; so does one that this process may not remove.
    """
    removed = 0
    for beside in folder.glob(f".*{_SUFFIX}"):
        with suppress(OSError), open(beside, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            beside.unlink()
            removed += 1
    return removed
