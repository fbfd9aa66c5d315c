"""The length that the container of an audio file states, compared with its bytes."""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from features.mpeg_audio import Frames, find_frames, skip_id3v2
from features.ogg import read_pages

# A header may state a little more than there is: encoder padding, a size with the header counted twice.
MISSING_TOLERANCE = 0.02

_HEADER_BYTES = 192
# No file has as many: one of three hours in fragments of a second has 20,000.
_MAX_CHUNKS = 100_000
# 32-bit sizes that programs write to a pipe, where they cannot know the size: at and just above 0x7F000000,
# 0x7FFFF000, 0x80000000, and all ones.
_UNKNOWN_SIZES = (range(0x7F00_0000, 0x7F00_1000), range(0x7FFF_0000, 0x8000_1000), range(0xFFFF_F000, 0x1_0000_0000))
_UNKNOWN_64_BITS = 1 << 62
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_ENCRYPTIONS = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)
# Names of sample entries that are encrypted: by iTunes, by Audible, and by others (ISO/IEC 23001-7).
_MP4_ENCRYPTIONS = (b"drms", b"aavd", b"enca")
_MAX_MOOV_BYTES = 1 << 26
_MATROSKA_SEGMENT = 0x18538067


@dataclass(frozen=True)
class Container:
    """The facts about a file that are known before it is decoded.

    `complete` is True if the container states a length or an end and the file has it, False if the file is cut short,
    and None if the container states neither. `libsndfile` says whether libsndfile reads all of it. `parts` are to be
    decoded one after the other, each as the ranges of bytes that it is made of; none stand for the whole file. `mpeg`
    has the frames of MPEG audio, and `protected` says that it is encrypted.
    """

    complete: bool | None = None
    libsndfile: bool = True
    parts: Sequence[Sequence[tuple[int, int]]] = ()
    mpeg: Frames | None = None
    protected: bool = False


def read_container(file: BinaryIO) -> Container:
    """Return the facts that a file's container states; formats are told apart by content."""
    start = skip_id3v2(file)
    file.seek(start)
    header = file.read(_HEADER_BYTES)
    for magic, offset, read in _READERS:
        if header[offset : offset + len(magic)] == magic:
            return read(file, start)
    frames = find_frames(file, start)
    if frames is None:
        return Container()
    complete = None if frames.stated is None else frames.number >= (1 - MISSING_TOLERANCE) * frames.stated
    return Container(complete, frames.plain, parts=[frames.ranges], mpeg=frames)


def _flac(file: BinaryIO, start: int) -> Container:
    """Read STREAMINFO, which states the number of samples, 0 if unknown (RFC 9639, section 8.2)."""
    file.seek(start + 21)
    stated = int.from_bytes(file.read(5), "big") & 0xF_FFFF_FFFF
    # Whether the samples are there is known once they are decoded.
    return Container(True if stated else None, libsndfile=stated > 0)


def _ogg(file: BinaryIO, start: int) -> Container:
    pages = read_pages(file, start)
    complete = False if pages.cut else True if pages.ended else None
    # libsndfile reads the first link alone, and takes twice as long for Opus.
    parts = [[link] for link in pages.links] if len(pages.links) > 1 else []
    return Container(complete, libsndfile=False, parts=parts)


def _wave(file: BinaryIO, start: int) -> Container:
    """Read RIFF, its big-endian form RIFX, or RF64 with sizes of 64 bits in its first chunk (EBU Tech 3306)."""
    file.seek(start)
    magic = file.read(4)
    order = ">" if magic == b"RIFX" else "<"
    large = None
    for kind, position, size in _chunks(file, start + 12, f"{order}4sI"):
        if kind == b"ds64":
            file.seek(position)
            large = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))[1]
        if kind == b"data":
            if large is not None and size == 0xFFFF_FFFF:
                size = large
            # A recorder that lost power leaves 0.
            known = size if size and not _is_unknown(size) else None
            return Container(_held(file, position, known), libsndfile=size > 0)
    return Container()


def _aiff(file: BinaryIO, start: int) -> Container:
    for kind, position, size in _chunks(file, start + 12, ">4sI"):
        if kind == b"SSND":
            known = size if size > 8 and not _is_unknown(size) else None
            return Container(_held(file, position, known))
    return Container()


def _avi(file: BinaryIO, start: int) -> Container:
    """Read a RIFF file; one of more than a gigabyte goes on in further RIFF chunks (OpenDML)."""
    end = start
    for kind, position, size in _chunks(file, start, "<4sI"):
        if kind != b"RIFF":
            break
        if not size or _is_unknown(size):
            return Container(libsndfile=False)
        end = position + size
    return Container(_held(file, 0, end), libsndfile=False)


def _wave64(file: BinaryIO, start: int) -> Container:
    """Read Wave64, whose chunks have names of 16 bytes and sizes of 64 bits that count their own header."""
    position, size = start + 40, _size(file)
    for _ in range(_MAX_CHUNKS):
        if position >= size:
            break
        file.seek(position)
        header = file.read(24)
        length = int.from_bytes(header[16:], "little")
        if header[:4] == b"data":
            known = length - 24 if 24 < length < _UNKNOWN_64_BITS else None
            return Container(_held(file, position + 24, known))
        position += max(24, length + 7 & ~7)
    return Container()


def _au(file: BinaryIO, start: int) -> Container:
    file.seek(start)
    magic, offset, size = struct.unpack(">4sII", file.read(12).ljust(12, b"\0"))
    if magic == b"dns.":
        offset, size = (int.from_bytes(number.to_bytes(4, "big"), "little") for number in (offset, size))
    return Container(_held(file, start + offset, size if size and not _is_unknown(size) else None))


def _caf(file: BinaryIO, start: int) -> Container:
    for kind, position, size in _chunks(file, start + 8, ">4sQ", align=1):
        if kind == b"data":
            return Container(_held(file, position, size if 0 < size < _UNKNOWN_64_BITS else None))
    return Container()


def _dsf(file: BinaryIO, start: int) -> Container:
    file.seek(start + 12)
    size = int.from_bytes(file.read(8), "little")
    return Container(_held(file, start, size or None), libsndfile=False)


def _asf(file: BinaryIO, start: int) -> Container:
    """Read the file properties, which state the size but for a broadcast (Advanced Systems Format, section 3.2)."""
    file.seek(start)
    head = file.read(1 << 14)
    found = head.find(_ASF_FILE_PROPERTIES)
    if found < 0 or len(head) < found + 92:
        return Container(libsndfile=False)
    protected = any(guid in head for guid in _ASF_ENCRYPTIONS)
    size, broadcast = int.from_bytes(head[found + 40 : found + 48], "little"), head[found + 88] & 1
    return Container(
        _held(file, start, size if size and not broadcast else None), libsndfile=False, protected=protected
    )


def _flv(file: BinaryIO, start: int) -> Container:
    """Read the script tag, which may state the size of the file, as a double after its name."""
    file.seek(start)
    name = b"\x00\x08filesize\x00"
    _, found, value = file.read(1 << 12).partition(name)
    size = struct.unpack(">d", value[:8])[0] if found and len(value) >= 8 else 0.0
    return Container(_held(file, start, int(size) if 0 < size < _UNKNOWN_64_BITS else None), libsndfile=False)


def _matroska(file: BinaryIO, start: int) -> Container:
    """Read the Segment, which states its size unless all bits of it are ones (RFC 8794, section 6.2)."""
    position, size = start, _size(file)
    for _ in range(_MAX_CHUNKS):
        if position >= size:
            break
        file.seek(position)
        header = file.read(12)
        first = header[0]
        id_bytes = 9 - first.bit_length()
        size_bytes = 9 - header[id_bytes].bit_length() if len(header) > id_bytes else 9
        if id_bytes > 4 or size_bytes > 8 or len(header) < id_bytes + size_bytes:
            break
        kind = int.from_bytes(header[:id_bytes], "big")
        unknown = (1 << 7 * size_bytes) - 1
        length = int.from_bytes(header[id_bytes : id_bytes + size_bytes], "big") & unknown
        position += id_bytes + size_bytes
        if kind == _MATROSKA_SEGMENT:
            return Container(_held(file, position, None if length == unknown else length), libsndfile=False)
        position += length
    return Container(libsndfile=False)


def _mp4(file: BinaryIO, start: int) -> Container:
    """Read the boxes, which follow one another to the end of the file (ISO/IEC 14496-12, section 4.2).

    Nothing states how many fragments there are, but for the box that may come after the last.
    """
    position, size, kinds, protected = start, _size(file), set(), False
    for _ in range(_MAX_CHUNKS):
        if position + 8 > size:
            break
        file.seek(position)
        length, kind, large = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        if length == 1:
            length = large
        if not kind.isalnum() or 0 < length < 8:
            break
        kinds.add(kind)
        if kind == b"moov":
            file.seek(position)
            protected = _has_encrypted_entry(file.read(min(length, _MAX_MOOV_BYTES)))
        # 0: to the end of the file.
        if not length:
            return Container(libsndfile=False)
        position += length
    complete = _held(file, 0, position)
    fragmented = b"moof" in kinds and b"mfra" not in kinds
    return Container(None if complete and fragmented else complete, libsndfile=False, protected=protected)


def _has_encrypted_entry(moov: bytes) -> bool:
    """Return whether the first sample entry of a track, 16 bytes after the name of its table, is an encrypted one."""
    return any(moov[found.start() + 16 :].startswith(_MP4_ENCRYPTIONS) for found in re.finditer(b"stsd", moov))


def _without_length(file: BinaryIO, start: int) -> Container:  # noqa: ARG001 - one signature for all
    """Return no length: MPEG program and transport streams state none."""
    return Container(libsndfile=False)


def _chunks(file: BinaryIO, start: int, layout: str, align: int = 2) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, the place of the content and the stated size of each chunk from `start`."""
    position, end, length = start, _size(file), struct.calcsize(layout)
    for _ in range(_MAX_CHUNKS):
        if position + length > end:
            break
        file.seek(position)
        kind, size = struct.unpack(layout, file.read(length))
        position += length
        yield kind, position, size
        position += size + (size % align)


def _is_unknown(size: int) -> bool:
    return any(size in sizes for sizes in _UNKNOWN_SIZES)


def _held(file: BinaryIO, start: int, stated: int | None) -> bool | None:
    """Return whether the file has the bytes that are stated from `start`; None if none are."""
    if stated is None:
        return None
    return _size(file) - start >= (1 - MISSING_TOLERANCE) * stated


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


_READERS: tuple[tuple[bytes, int, Callable[[BinaryIO, int], Container]], ...] = (
    (b"fLaC", 0, _flac),
    (b"OggS", 0, _ogg),
    (b"WAVE", 8, _wave),
    (b"AIF", 8, _aiff),
    (b"AVI ", 8, _avi),
    (b"riff", 0, _wave64),
    (b".snd", 0, _au),
    (b"dns.", 0, _au),
    (b"caff", 0, _caf),
    (b"DSD ", 0, _dsf),
    (b"\x30\x26\xb2\x75", 0, _asf),
    (b"FLV", 0, _flv),
    (b"\x1a\x45\xdf\xa3", 0, _matroska),
    (b"\0\0\1\xba", 0, _without_length),
    (b"G", 188, _without_length),
    (b"ftyp", 4, _mp4),
    (b"moov", 4, _mp4),
    (b"mdat", 4, _mp4),
    (b"wide", 4, _mp4),
    (b"free", 4, _mp4),
)
