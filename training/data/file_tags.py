"""The artist and the album that stand in an audio file."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import av

# Names of artists that are no artist's.
_NOBODY = {"", "unknown", "unknown artist", "various", "various artists", "va", "v.a.", "diverse", "soundtrack", "n/a"}
_UNKNOWN_ALBUM = {"", "unknown", "unknown album", "n/a"}
_GUEST = re.compile(r"\s[(\[]?(?:feat\.?|ft\.?|featuring)\s.*$")


@dataclass(frozen=True)
class FileTags:
    """The artist, that of the album if it names one, and the album, in small letters; None where they are not known."""

    artist: str | None = None
    album: str | None = None


def read_file_tags(path: Path) -> FileTags:
    """Return the tags of an audio file; none for a file that FFmpeg cannot open."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            fields = dict(container.metadata)
            # Ogg keeps them with the stream.
            for stream in container.streams.audio:
                fields |= stream.metadata
    except (av.FFmpegError, ValueError, OSError):
        return FileTags()
    tags = {name.lower(): _plain(value) for name, value in fields.items()}
    artists = (_GUEST.sub("", tags.get(name, "")) for name in ("album_artist", "albumartist", "artist"))
    album = tags.get("album", "")
    return FileTags(
        next((artist for artist in artists if artist not in _NOBODY), None),
        album if album not in _UNKNOWN_ALBUM else None,
    )


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("\0", " ").casefold().split())
