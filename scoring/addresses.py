"""Paths as text: as lists, tables and playlists hold them, and as messages show them.

Most paths are written as they are. One that is not UTF-8, or that breaks a line where a line holds one path, is written
as a `file:///` URL, so that whoever reads the text finds the file again.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from scoring.row import readable

# One letter before a colon is a drive of Windows.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://|file:/", re.IGNORECASE)
# Of this machine: file:///path, file://localhost/path and, as Java writes it, file:/path.
_LOCAL_FILE = re.compile(r"file:(?://(?:localhost)?(?=/)|(?=/(?!/)))", re.IGNORECASE)
# Characters that end a line, or move the cursor of a terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def is_address(text: str) -> bool:
    """Return whether a text is the address of something (http://, s3://, file:/) and no path.

    A path into a folder "http:" or "file:" is written with ./ before it.
    """
    return _ADDRESS.match(text) is not None


def local_path(address: str) -> str | None:
    """Return the path in a URL of a file on this machine; None for any other address."""
    scheme = _LOCAL_FILE.match(address)
    if scheme is None:
        return None
    path = os.fsdecode(unquote_to_bytes(os.fsencode(address[scheme.end() :])))
    return None if "\0" in path else path


def one_line(path: str) -> str:
    r"""Return a path as a line for people: bytes that are not UTF-8 as \xe9, control characters as \n."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), readable(path))


@dataclass(frozen=True)
class Addresses:
    """How tables and playlists name songs: those in `relative_to`, an absolute path, by relative paths, if it is given.

    A relative path that begins with anything but a letter or a digit has ./ before it: so no program takes it for an
    option, a comment or a formula.
    """

    relative_to: str | None = None

    def in_table(self, path: str) -> str:
        """Return the path for a table, relative to `relative_to`."""
        return self._address(path, self.relative_to, one_line=False)

    def in_playlist(self, path: str, folder: Path) -> str:
        """Return the path for a playlist in a folder, relative to the playlist, in one line."""
        return self._address(path, folder, one_line=True)

    def _address(self, path: str, base: str | Path | None, *, one_line: bool) -> str:
        if not path.startswith("/"):
            return readable(path)
        if not _is_utf8(path) or (one_line and path.splitlines() != [path]):
            return f"file://{quote_from_bytes(os.fsencode(path))}"
        if base is None or self.relative_to is None or not path.startswith(f"{self.relative_to.rstrip('/')}/"):
            return path
        relative = os.path.relpath(path, base)
        return relative if relative[0].isalnum() and not is_address(relative) else _from_here(relative)


def _from_here(relative: str) -> str:
    return relative if relative.startswith("../") else f"./{relative}"


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
