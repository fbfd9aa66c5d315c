"""Uploaded files on the disk, which vanish with their process."""

import os
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

if TYPE_CHECKING:
    File = UploadedFile[bytes]
else:
    File = UploadedFile

_OLD = 3600


class UnnamedFileUploadHandler(FileUploadHandler):
    """Writes an upload to a file without a name: nothing of it is left, however its request or its process ends."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - Django closes it with the request

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002 - Django passes it
        """Write the next part."""
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> File:
        """Return the file."""
        self.file.seek(0)
        return File(self.file, self.file_name, self.content_type, file_size, self.charset, self.content_type_extra)

    def upload_interrupted(self) -> None:
        """End the file of a client that went away."""
        if hasattr(self, "file"):
            self.file.close()


def clear_leftovers() -> None:
    """Remove uploads that killed processes of former versions left in the temporary folder, with names.

    Only files of this user that are named as Django names uploads, and that nobody wrote to for an hour.
    """
    for path in Path(tempfile.gettempdir()).glob("tmp*.upload*"):
        try:
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and found.st_mtime < time.time() - _OLD:
                path.unlink()
        except FileNotFoundError:
            # Another process removes them, too.
            continue
