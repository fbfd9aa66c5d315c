"""The genre that stands in an audio file, and the same file with another: no other tag and no sound changes.

| format              | where the genre is written                      | where it is read if that is empty    |
|---------------------|-------------------------------------------------|--------------------------------------|
| MP3                 | ID3v2 `TCON`, in the version that the tag has   | APEv2 `Genre`, the number in ID3v1   |
| WAV                 | `TCON` in the ID3 chunk                         | `IGNR` in the INFO chunk             |
| AIFF                | `TCON` in the ID3 chunk                         |                                      |
| FLAC, Vorbis, Opus  | Vorbis comment `GENRE`                          |                                      |
| MP4 and M4A         | `©gen`                                          | `gnre`, which is then replaced       |

What is read if the first is empty is written as well where it is there, so that no program goes on showing the old
genre; ID3v1 gets the number of the genre, or 255 for one without a number. A file without a tag gets ID3v2.3, which
every program reads. Into that go the fields of ID3v1, where a file has only those, as programs that find an ID3v2 tag
look no further. The content decides what a file is; its name plays no part.
"""

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import av
from mutagen import FileType
from mutagen._riff import RiffFile
from mutagen.aiff import AIFF
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TCON, Encoding, Frame, Frames, ParseID3v1
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4, MP4Tags
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from scoring.chunk_sizes import with_true_sizes

# How a file begins; what in mutagen knows it; and its name in FFmpeg.
_FORMATS: tuple[tuple[bytes, type[FileType], str], ...] = (
    (rb"fLaC", FLAC, "flac"),
    (rb"OggS.{24}\x01vorbis", OggVorbis, "ogg"),
    (rb"OggS.{24}OpusHead", OggOpus, "ogg"),
    (rb"RIFF.{4}WAVE", WAVE, "wav"),
    (rb"FORM.{4}AIF[FC]", AIFF, "aiff"),
    # Not QuickTime, which has tags of its own.
    (rb".{4}ftyp(?!qt  )", MP4, "mp4"),
    # The first frame, of layer II or III.
    (rb"\xff[\xe2\xe3\xf2-\xf5\xfa-\xfd]", MP3, "mp3"),
)
_HEAD_BYTES = 64
_ID3V2_HEADER_BYTES = 10
_ID3V1_BYTES = 128
_NO_GENRE_IN_ID3V1 = 255
_ID3 = (MP3, WAVE, AIFF)


class _Kept(Frame):
    """A frame that mutagen writes back as the bytes it was, as it does those that it cannot read."""

    @classmethod
    def _fromData(cls, *_: object) -> Frame:  # noqa: N802
        raise NotImplementedError


_FRAMES = dict.fromkeys(Frames, _Kept) | {"TCON": TCON}


class Untaggable(ValueError):
    """A file that cannot be given a genre; the message has the reason and the remedy."""


def genre_in(file: BinaryIO) -> str:
    """Return the genre that stands in an open audio file, several joined by "; ", and "" if there is none.

    Raises Untaggable if its format has no place for one or it is damaged, and OSError if it cannot be read.
    """
    with _faults_named():
        kind, _ = _format(file)
        places = [_genres(_open(file, kind))]
        if kind is MP3:
            places += [_ape_genres(file), _id3v1_genres(_id3v1(file))]
        elif kind is WAVE:
            places += [_info_genres(file)]
    return next((genre for genres in places if (genre := "; ".join(filter(str.strip, genres)).strip())), "")


def with_genre(content: bytes, genre: str) -> bytes:
    """Return the bytes of an audio file with that genre in it.

    Raises Untaggable as `genre_in`, and if the genre cannot be changed alone: the other tags and the compressed
    sound are compared with those before.
    """
    with _faults_named():
        kind, demuxer = _format(io.BytesIO(content))
        id3v1 = _id3v1(io.BytesIO(content)) if kind is MP3 else b""
        sized = with_true_sizes(content) if kind in (WAVE, AIFF) else content
        # mutagen would write its own ID3v1 tag over the one that is there.
        file = io.BytesIO(sized.removesuffix(id3v1))
        _put(file, kind, genre, id3v1)
        if kind is MP3:
            _put_in_ape(file, genre)
        elif kind is WAVE:
            _put_in_info(file, genre)
        changed = file.getvalue() + _renumbered(id3v1, genre)
        if (found := genre_in(io.BytesIO(changed))) != genre:
            advice = "Leave it, or convert it to another format first" if lasts(genre) else "Choose another name for it"
            raise Untaggable(f"The genre {genre!r} would be read as {found!r}. {advice}.")
        lost = _other_tags(sized, kind) - _other_tags(changed, kind)
        if lost or _sound(content, demuxer) != _sound(changed, demuxer):
            raise Untaggable("More than its genre would change. Leave it, or convert it to another format first.")
    return changed


def lasts(genre: str) -> bool:
    """Return whether a genre is read as it was written: not a number, say, which stands for a genre of ID3v1."""
    return genre.isprintable() and genre == genre.strip() and TCON(Encoding.UTF8, [genre]).genres == [genre]


@contextmanager
def _faults_named() -> Iterator[None]:
    """Make Untaggable of whatever mutagen and FFmpeg raise for a file that is not as it should be."""
    try:
        yield
    except Untaggable:
        raise
    except Exception as error:
        # Some errors of FFmpeg are an OSError too, though the file is in memory.
        if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
            raise
        reason = str(error) or type(error).__name__
        raise Untaggable(f"It is damaged, or its tags are ({reason}). Repair them, or leave it as it is.") from error


def _format(file: BinaryIO) -> tuple[type[FileType], str]:
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if head.startswith(b"ID3") and len(head) > _ID3V2_HEADER_BYTES:
        # An MP3, unless somebody has put the tag before a FLAC.
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(_ID3V2_HEADER_BYTES + size)
        if file.read(4) == b"fLaC":
            return FLAC, "flac"
        return MP3, "mp3"
    for beginning, kind, demuxer in _FORMATS:
        if re.match(beginning, head, re.DOTALL):
            return kind, demuxer
    raise Untaggable("Its format has no place for a genre. Convert it to MP3, FLAC, Ogg, M4A, WAV or AIFF.")


def _open(file: BinaryIO, kind: type[FileType], **options: Any) -> FileType:
    file.seek(0)
    if kind in _ID3:
        # Without the fields of ID3v1, and without making the frames of one version those of another.
        options = {"known_frames": _FRAMES, "translate": False, "load_v1": False} | options
    return kind(file, **options)


def _put(file: BinaryIO, kind: type[FileType], genre: str, id3v1: bytes) -> None:
    """Write the genre where it is read first."""
    opened = _open(file, kind)
    options: dict[str, Any] = {}
    is_new = opened.tags is None
    if is_new:
        opened.add_tags()
    tags: Any = opened.tags
    if isinstance(tags, ID3):
        options = {"v2_version": 3 if is_new else tags.version[1], "v23_sep": None}
        if options["v2_version"] == 2:
            raise Untaggable("Its tag is ID3v2.2, which cannot be written. Convert it to ID3v2.3 with a tag editor.")
        if is_new and id3v1:
            for frame in ParseID3v1(id3v1, 3).values():
                tags.add(frame)
        tags.setall("TCON", [TCON(Encoding.LATIN1 if genre.isascii() else Encoding.UTF16, [genre])])
    elif isinstance(tags, MP4Tags):
        tags["\xa9gen"] = [genre]
    elif any("\ufffd" in value for _, value in tags):
        raise Untaggable("Its tags hold text that is not UTF-8, and would lose it. Correct them with a tag editor.")
    else:
        tags["GENRE"] = [genre]
    file.seek(0)
    opened.save(file, **options)


def _genres(opened: FileType) -> list[str]:
    tags: Any = opened.tags
    if isinstance(tags, ID3):
        return [genre for frame in tags.getall("TCON") for genre in frame.genres]
    return list(tags.get("\xa9gen" if isinstance(tags, MP4Tags) else "genre", [])) if tags else []


def _ape_genres(file: BinaryIO) -> list[str]:
    file.seek(0)
    with suppress(APENoHeaderError):
        return list(APEv2(file).get("Genre", []))
    return []


def _put_in_ape(file: BinaryIO, genre: str) -> None:
    file.seek(0)
    with suppress(APENoHeaderError):
        tags = APEv2(file)
        if "Genre" in tags:
            tags["Genre"] = genre
            file.seek(0)
            tags.save(file)


def _id3v1(file: BinaryIO) -> bytes:
    """Return the ID3v1 tag at the end of the file, 128 bytes, or none."""
    file.seek(max(0, file.seek(0, io.SEEK_END) - _ID3V1_BYTES))
    tag = file.read()
    return tag if tag.startswith(b"TAG") and len(tag) == _ID3V1_BYTES else b""


def _id3v1_genres(tag: bytes) -> list[str]:
    return TCON.GENRES[tag[-1] : tag[-1] + 1] if tag else []


def _renumbered(tag: bytes, genre: str) -> bytes:
    number = TCON.GENRES.index(genre) if genre in TCON.GENRES else _NO_GENRE_IN_ID3V1
    return tag[:-1] + bytes([number]) if tag else b""


def _info_chunk(file: BinaryIO) -> Any:
    """Return the chunk of a WAV file that says its genre, or None."""
    for chunk in RiffFile(file).root.subchunks():
        if chunk.id == "LIST" and chunk.name == "INFO" and "IGNR" in chunk:
            return chunk["IGNR"]
    return None


def _info_genres(file: BinaryIO) -> list[str]:
    chunk = _info_chunk(file)
    return [chunk.read().partition(b"\0")[0].decode(errors="replace")] if chunk else []


def _put_in_info(file: BinaryIO, genre: str) -> None:
    text = genre.encode() + b"\0"
    if chunk := _info_chunk(file):
        chunk.resize(len(text))
        chunk.write(text)


def _other_tags(content: bytes, kind: type[FileType]) -> set[tuple[str, str]]:
    tags: Any = _open(io.BytesIO(content), kind, **{"known_frames": None} if kind in _ID3 else {}).tags
    if tags is None:
        return set()
    items = {(key, repr(value)) for key, value in tags.items() if key not in ("TCON", "genre", "\xa9gen")}
    return items | {("", repr(frame)) for frame in getattr(tags, "unknown_frames", [])}


def _sound(content: bytes, demuxer: str) -> str:
    """Return the hash of the compressed sound in a file, and of the pictures that FFmpeg finds there."""
    packets = hashlib.sha256()
    # Without protocols, a hostile file cannot name another one to open.
    with av.open(io.BytesIO(content), "r", demuxer, options={"protocol_whitelist": ""}) as container:
        for packet in container.demux():
            packets.update(f"{packet.stream_index} {packet.pts} {packet.size} ".encode())
            packets.update(packet)
    return packets.hexdigest()
