"""Songs with tags, and what FFmpeg, which shares no code with the writer, reads in them."""

import base64
import io
from collections.abc import Callable
from functools import cache
from typing import Any

import av
import mutagen
from mutagen.flac import Picture
from mutagen.id3 import APIC, TIT2, TPE1, TXXX, Encoding
from mutagen.mp4 import MP4Cover

from features.audio import load_audio
from tests.sounds import song

SUFFIXES = ("mp3", "flac", "ogg", "opus", "m4a", "wav", "aiff")
# One transparent pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
OTHER_TAGS = {"title": "Tïtle", "artist": "Ann", "mood": "calm"}


@cache
def bare(suffix: str, seconds: float = 1.0) -> bytes:
    """Return a song without tags but those of its encoder."""
    return song(seconds, suffix, 48_000)


@cache
def dressed(suffix: str, picture: bytes = PICTURE, seconds: float = 1.0) -> bytes:
    """Return a song with `OTHER_TAGS` and a picture, without a genre and without room for one."""
    return retagged(bare(suffix, seconds), lambda file: _dress(file, picture), padding=lambda _: 0)


def retagged(content: bytes, change: Callable[[Any], None], **options: Any) -> bytes:
    """Return a song after a change to it as mutagen opens it, for what no encoder writes; `options` are of saving."""
    file = io.BytesIO(content)
    opened: Any = mutagen.File(file)
    if opened.tags is None:
        opened.add_tags()
    change(opened)
    file.seek(0)
    opened.save(file, **options)
    return file.getvalue()


def read_tags(content: bytes) -> dict[str, str]:
    """Return the tags that FFmpeg reads, its names for them in small letters."""
    with av.open(io.BytesIO(content), "r") as container:
        found = [container.metadata, *(stream.metadata for stream in container.streams)]
    return {key.lower(): value for tags in found for key, value in tags.items()}


def read_pictures(content: bytes) -> list[bytes]:
    """Return the pictures that FFmpeg reads."""
    with av.open(io.BytesIO(content), "r") as container:
        return [bytes(packet) for packet in container.demux() if packet.stream.type == "video" and packet.size]


def samples(content: bytes) -> bytes:
    """Return the decoded sound."""
    return load_audio(content).samples.tobytes()


def _dress(file: Any, picture: bytes) -> None:
    kind = type(file).__name__
    if kind == "MP4":
        file["\xa9nam"], file["\xa9ART"] = "Tïtle", "Ann"
        file["----:com.apple.iTunes:mood"] = b"calm"
        file["covr"] = [MP4Cover(picture, MP4Cover.FORMAT_PNG)]
    elif kind in ("MP3", "WAVE", "AIFF"):
        for frame in (
            TIT2(Encoding.UTF16, ["Tïtle"]),
            TPE1(Encoding.LATIN1, ["Ann"]),
            TXXX(Encoding.LATIN1, "mood", ["calm"]),
            APIC(Encoding.LATIN1, "image/png", 3, "", picture),
        ):
            file.tags.add(frame)
    else:
        file.update(OTHER_TAGS)
        block: Any = Picture()
        block.type, block.mime, block.width, block.height, block.depth, block.data = 3, "image/png", 1, 1, 8, picture
        if kind == "FLAC":
            file.add_picture(block)
        else:
            file["metadata_block_picture"] = base64.b64encode(block.write()).decode()
