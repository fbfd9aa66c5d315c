"""What the bytes of an audio container say about its length, where libsndfile does not tell."""

from typing import BinaryIO

_ID3V2_HEADER_BYTES = 10
_LARGEST_OGG_PAGE_BYTES = 65_307
_OGG_END_OF_STREAM = 4
# What programs that write to a pipe put where they cannot know the size yet.
_UNKNOWN_RIFF_SIZE = 0x7FFF_0000


def is_mp3_without_length(file: BinaryIO) -> bool:
    """Return whether the file is an MP3 that does not state its number of frames.

    libsndfile then guesses it from the first frame's bit rate, and reads no further than that guess.
    """
    start = _id3v2_bytes(file)
    file.seek(start)
    first_frame = file.read(4096)
    is_layer_3 = len(first_frame) > 1 and first_frame[0] == 0xFF and first_frame[1] & 0xE6 == 0xE2
    return is_layer_3 and b"Xing" not in first_frame and b"Info" not in first_frame


def ends_early(file: BinaryIO) -> bool:
    """Return whether a RIFF, AIFF or Ogg file lacks a part of itself at the end; False for any other format.

    RIFF (WAV) and FORM (AIFF) state their size in bytes 4 to 8; the last page of an Ogg stream carries the
    end-of-stream flag (RFC 3533, section 6).
    """
    size = file.seek(0, 2)
    file.seek(0)
    header = file.read(8)
    if header[:4] == b"OggS":
        file.seek(max(0, size - 2 * _LARGEST_OGG_PAGE_BYTES))
        tail = file.read()
        page = tail[tail.rfind(b"OggS") :]
        return len(page) < 6 or not page[5] & _OGG_END_OF_STREAM
    if header[:4] in (b"RIFF", b"FORM"):
        stated = int.from_bytes(header[4:], "little" if header[:4] == b"RIFF" else "big")
        # A chunk may lack its padding byte.
        return stated < _UNKNOWN_RIFF_SIZE and size < 8 + stated - 1
    return False


def _id3v2_bytes(file: BinaryIO) -> int:
    """Return the size of the ID3v2 tag at the start of the file, 0 if there is none (ID3v2.4, section 3.1)."""
    file.seek(0)
    header = file.read(_ID3V2_HEADER_BYTES)
    if header[:3] != b"ID3" or len(header) < _ID3V2_HEADER_BYTES:
        return 0
    size = 0
    for byte in header[6:]:
        size = size << 7 | byte & 0x7F
    return _ID3V2_HEADER_BYTES + size
