"""The sizes in WAV and AIFF files, which recorders and pipes leave wrong, put right."""

from typing import Literal

_HEADER_BYTES, _CHUNK_HEADER_BYTES = 12, 8
_SOUND = (b"data", b"SSND")


def with_true_sizes(content: bytes) -> bytes:
    """Return a WAV or AIFF file with the sizes of its content; a file with right sizes is returned unchanged.

    A size is wrong if it reaches beyond the end of the file, or if it is 0 for the sound or for the whole. The last
    chunk gets its padding byte if it lacks it. A tag would else be written where no program looks for it.
    """
    order: Literal["big", "little"] = "big" if content.startswith(b"FORM") else "little"
    whole = bytearray(content)
    position = _HEADER_BYTES
    while position + _CHUNK_HEADER_BYTES <= len(content):
        size = int.from_bytes(content[position + 4 : position + 8], order)
        rest = len(content) - position - _CHUNK_HEADER_BYTES
        if size > rest or (not size and content[position : position + 4] in _SOUND):
            size = rest
            whole[position + 4 : position + 8] = size.to_bytes(4, order)
        position += _CHUNK_HEADER_BYTES + size + size % 2
    if position == len(content) + 1:
        whole.append(0)
    stated = int.from_bytes(content[4:8], order)
    if not stated or stated > len(content) - _CHUNK_HEADER_BYTES or len(whole) > len(content):
        whole[4:8] = (len(whole) - _CHUNK_HEADER_BYTES).to_bytes(4, order)
    return bytes(whole)
