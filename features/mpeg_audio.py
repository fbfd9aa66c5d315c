"""The frames of MPEG audio (MP3, MP2, MP1): where they are, and how many the file states.

Formats: ISO/IEC 11172-3 and 13818-3 (frame header), the Xing, Info and VBRI headers of encoders, ID3v2.4, APEv2.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20
# How far into a file its first frame is searched for: behind a frame that was cut, or behind a tag of wrong size.
_LEAD_BYTES, _LEAD_BYTES_BEHIND_TAG = 1 << 12, 1 << 16
# Places where a frame may begin that are tried in a file: then a hostile file takes no longer than others.
_MAX_TRIES = 20_000
_ID3V2_HEADER_BYTES = 10
_APE_HEADER_BYTES = 32
_ID3V1_BYTES = 128
# Frames that must follow one another before bytes are taken for MPEG audio; fewer do before the end or one of these.
_PROOF = 3
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")
# The position of every frame would take much memory for hours of them.
MARK_FRAMES = 16

# By (is version 1, layer): kbit/s for each index of the header.
_KBITS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_VERSION_1, _MONO = 3, 3
_RATES_HZ = (44_100, 48_000, 32_000)
# Version bits of the header -> divisor of the rates of version 1.
_DIVISORS = {3: 1, 2: 2, 0: 4}


def _frame_bytes() -> dict[bytes, int]:
    """Return the length of a frame for each possible beginning, the header's first three bytes."""
    lengths = {}
    for second in range(0xE0, 0x100):
        version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
        if version not in _DIVISORS or layer == 4:
            continue
        for third in range(0x10, 0xF0):
            if third >> 2 & 3 == len(_RATES_HZ):
                continue
            bits = 1000 * _KBITS[version == 3, layer][(third >> 4) - 1]
            rate = _RATES_HZ[third >> 2 & 3] // _DIVISORS[version]
            padding = third >> 1 & 1
            if layer == 1:
                length = (12 * bits // rate + padding) * 4
            else:
                length = (72 if layer == 3 and version != 3 else 144) * bits // rate + padding
            lengths[bytes([0xFF, second, third])] = length
    return lengths


_FRAME_BYTES = _frame_bytes()
_SYNC = re.compile(rb"\xff[\xe2-\xff]")


@dataclass(frozen=True)
class Frames:
    """The frames of a file: `ranges` are the bytes from and to which they follow one another.

    Of `number` frames with sound, headers state `stated`, or None where a song in the file has no such header. `plain`
    says that the file is one song whose header states its frames truly, with nothing but tags around it. Where it is a
    single run of frames of one kind, without such a header, each holds `frame_samples` samples, and `marks` are the
    bytes at which every 16th of them begins; else `marks` is empty.
    """

    ranges: list[tuple[int, int]]
    number: int
    stated: int | None
    plain: bool
    frame_samples: int
    marks: list[int]


def find_frames(file: BinaryIO, start: int) -> Frames | None:
    """Return the frames of a file whose leading tags end at `start`; None if it is not MPEG audio."""
    walk = _Walk(file)
    first = position = walk.next_frame(start, start + (_LEAD_BYTES_BEHIND_TAG if start else _LEAD_BYTES))
    if first is None:
        return None
    ranges = []
    while position is not None:
        end = walk.run(position)
        ranges.append((position, end))
        position = walk.next_frame(_skip_tags(file, end), walk.size)
    if walk.tries <= 0:
        # Left to the decoder, which finds frames by itself.
        ranges[-1] = (ranges[-1][0], walk.size)
    stated = sum(walk.stated) if walk.stated and all(walk.stated) else None
    number = walk.number - len(walk.stated)
    plain = stated is not None and number <= stated + 1 and len(ranges) == len(walk.stated) == 1 and first == start
    alike = len(ranges) == 1 and not walk.stated and len(set(map(_kind, walk.headers))) == 1 and walk.tries > 0
    frame_samples = _frame_samples(next(iter(walk.headers))) if alike else 0
    return Frames(ranges, number, stated, plain, frame_samples, walk.marks if alike else [])


class _Walk:
    """Goes through a file from frame to frame.

    `number` frames have been found, and `stated` holds the numbers that the headers among them state, 0 for unknown.
    `headers` has the different beginnings of frames, of three bytes, and `marks` is where every 16th of a run begins.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self.number = 0
        self.stated: list[int] = []
        self.headers: set[bytes] = set()
        self.marks: list[int] = []
        self.tries = _MAX_TRIES

    def run(self, start: int) -> int:
        """Return where the frames end that follow one another from `start`.

        Each song joined into the file may begin with a frame that holds no sound and states the number of those after
        it.
        """
        position, count, header_at = start, 0, 0
        chunk, chunk_start = b"", start
        while True:
            offset = position - chunk_start
            if offset + 3 > len(chunk):
                chunk, chunk_start, offset = self._read(position, _CHUNK_BYTES), position, 0
            header = chunk[offset : offset + 3]
            length = _FRAME_BYTES.get(header)
            if length is None or position + length > self.size:
                self.number += count
                return position
            self.headers.add(header)
            if count % MARK_FRAMES == 0:
                self.marks.append(position)
            if count == header_at:
                frames = _stated_frames(self._read(position, length))
                if frames is not None:
                    self.stated.append(frames)
                    header_at = count + frames + 1
            position += length
            count += 1

    def next_frame(self, start: int, end: int) -> int | None:
        """Return where the next frame begins, followed by others or by the end of the file; None if none does."""
        position, length = start, 1 << 12
        while position < min(end, self.size):
            for match in _SYNC.finditer(self._read(position, length + 1)):
                self.tries -= 1
                if self.tries <= 0:
                    return None
                if self._proven(position + match.start()):
                    return position + match.start()
            position += length
            length = min(2 * length, _CHUNK_BYTES)
        return None

    def _proven(self, position: int) -> bool:
        """Return whether frames of one kind follow one another from here, up to a tag or the end if there are few."""
        kind = None
        for number in range(_PROOF):
            header = self._read(position, 4)
            length = _FRAME_BYTES.get(header[:3])
            if length is None or kind not in (None, _kind(header)):
                return number > 0 and (position >= self.size or header.startswith(_TAGS))
            if position + length > self.size:
                return number > 0
            kind = _kind(header)
            position += length
        return True

    def _read(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        return self._file.read(length)


def _kind(header: bytes) -> tuple[int, int]:
    """Return the part of a header that all frames of a song share: version and layer, and sample rate."""
    return header[1] & 0xFE, header[2] & 0x0C


def _frame_samples(header: bytes) -> int:
    """Return the number of samples that a frame holds, by the first bytes of its header."""
    layer = 4 - (header[1] >> 1 & 3)
    if layer == 1:
        return 384
    return 576 if layer == 3 and header[1] >> 3 & 3 != _VERSION_1 else 1152


def _stated_frames(frame: bytes) -> int | None:
    """Return the number of frames that a Xing, Info or VBRI header states, 0 if it has none; None without a header."""
    mono, version_1 = frame[3] >> 6 == _MONO, frame[1] >> 3 & 3 == _VERSION_1
    begin = 4 + ((17 if mono else 32) if version_1 else (9 if mono else 17))
    # A checksum of two bytes may come first.
    for offset in (begin, begin + 2):
        header = frame[offset : offset + 12]
        if header[:4] in (b"Xing", b"Info"):
            return int.from_bytes(header[8:12], "big") if header[7] & 1 else 0
    return int.from_bytes(frame[50:54], "big") if frame[36:40] == b"VBRI" else None


def skip_id3v2(file: BinaryIO, start: int = 0) -> int:
    """Return where the ID3v2 tags that begin at `start` end; `start` if there is none (ID3v2.4, section 3.1)."""
    position = start
    while True:
        file.seek(position)
        header = file.read(_ID3V2_HEADER_BYTES)
        if header[:3] != b"ID3" or len(header) < _ID3V2_HEADER_BYTES:
            return position
        size = 0
        for byte in header[6:]:
            size = size << 7 | byte & 0x7F
        # A footer, if there is one, is as long as the header.
        position += (2 if header[5] & 0x10 else 1) * _ID3V2_HEADER_BYTES + size


def _skip_tags(file: BinaryIO, start: int) -> int:
    """Return where the tags that begin at `start`, between or after songs, end: APEv2, ID3v1 and ID3v2."""
    position = start
    while True:
        file.seek(position)
        header = file.read(_APE_HEADER_BYTES)
        if header[:8] == b"APETAGEX":
            # The size leaves out the header, with which a tag may begin, or not.
            begins = len(header) == _APE_HEADER_BYTES and header[23] & 0x20
            position += _APE_HEADER_BYTES + (int.from_bytes(header[12:16], "little") if begins else 0)
        elif header[:3] == b"TAG":
            position += _ID3V1_BYTES
        else:
            after = skip_id3v2(file, position)
            if after == position:
                return position
            position = after
