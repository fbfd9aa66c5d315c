"""The pages of an Ogg file (RFC 3533): which streams it holds, and whether they end as they should."""

from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

_HEADER_BYTES = 27
_BEGINS, _ENDS = 2, 4
_AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")


@dataclass(frozen=True)
class Pages:
    """The streams of a file: `links` are the bytes from and to which each of the songs joined into it has its pages.

    `ended` says whether the last page of each stream with sound is marked as the last, and `cut` whether the file ends
    within a page.
    """

    links: list[tuple[int, int]]
    ended: bool
    cut: bool


def read_pages(file: BinaryIO, start: int) -> Pages:
    """Return the streams of an Ogg file whose first page begins at `start`."""
    size = file.seek(0, 2)
    position, begins, in_heads = start, list[int](), False
    ended: dict[int, bool] = {}
    while True:
        file.seek(position)
        page = file.read(_HEADER_BYTES + 255 + 8)
        if page[:4] != b"OggS":
            # Other bytes, such as a tag of another format, are no part of a stream.
            cut = 0 < len(page) < 4 and b"OggS".startswith(page)
            return Pages(_spans(begins, size), all(ended.values()), cut)
        lengths = page[_HEADER_BYTES : _HEADER_BYTES + page[26]] if len(page) > 26 else b""
        content = _HEADER_BYTES + len(lengths)
        end = position + content + sum(lengths)
        if len(page) < _HEADER_BYTES or len(lengths) < page[26] or end > size:
            return Pages(_spans(begins, size), ended=False, cut=True)
        serial = int.from_bytes(page[14:18], "little")
        if page[5] & _BEGINS:
            if not in_heads:
                begins.append(position)
            in_heads = True
            if page[content:].startswith(_AUDIO):
                ended[serial] = False
        else:
            in_heads = False
        if serial in ended:
            ended[serial] = bool(page[5] & _ENDS)
        position = end


def _spans(begins: list[int], end: int) -> list[tuple[int, int]]:
    return list(pairwise([*begins, end]))
