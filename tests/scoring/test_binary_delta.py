"""The difference of two contents: it leads back exactly, and is small where they differ in few places."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from scoring.binary_delta import apply, difference, pack, unpack
from scoring.tag_io import with_genre
from tests.scoring.tagged import PICTURE, SUFFIXES, bare, dressed

NOISE = random.Random(0)  # noqa: S311 - for the same bytes each time


def packed_bytes(old: bytes, new: bytes) -> int:
    """Return the size of the difference, once it has led back to the old content."""
    packed = pack(difference(old, new))
    assert apply(unpack(packed), new) == old
    return len(packed)


def edited(content: bytes, rng: random.Random) -> bytes:
    """Return the content after a few edits of every kind."""
    for _ in range(rng.randrange(6)):
        at = rng.randrange(len(content) + 1)
        length = rng.choice([0, 1, 3, 31, 32, 33, 500, 5000])
        piece = rng.choice([rng.randbytes(length), bytes(length), content[:length]])
        content = content[:at] + piece + content[at + rng.choice([0, length, 700]) :]
        if rng.random() < 0.2:
            content = content[at:] + content[:at]
    return content


@pytest.mark.parametrize("seed", range(8))
def test_any_content_is_made_out_of_any_other(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    for _ in range(60):
        kinds = [rng.randbytes(4000), bytes(4000), b"ab" * 2000, rng.randbytes(40) * 100, rng.randbytes(20), b""]
        content = b"".join(rng.choice(kinds) for _ in range(3))
        packed_bytes(content, edited(content, rng))
        packed_bytes(content, rng.randbytes(300))


def with_numbered_pages(content: bytes) -> bytes:
    return b"".join(b"%08x" % at + content[at + 8 : at + 4096] for at in range(0, len(content), 4096))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda old: old, id="nothing"),
        pytest.param(lambda old: b"tag" * 3000 + old, id="more at the start"),
        pytest.param(lambda old: old + b"tag" * 3000, id="more at the end"),
        pytest.param(lambda old: old[:4] + b"size" + old[8:-5], id="a field at the start, less at the end"),
        pytest.param(lambda old: old[:9999] + bytes(900_000) + old[9999:], id="a gap"),
        pytest.param(lambda old: old[500_000:] + old[:500_000], id="halves that change places"),
        pytest.param(with_numbered_pages, id="a number in every page"),
    ],
)
def test_few_changes_make_a_small_difference(edit: Callable[[bytes], bytes]) -> None:
    content = NOISE.randbytes(1 << 20)
    assert packed_bytes(content, edit(content)) < 4000


def test_what_is_gone_is_kept_once() -> None:
    start, picture, rest = NOISE.randbytes(5000), NOISE.randbytes(300_000), NOISE.randbytes(500_000)
    assert packed_bytes(start + picture + rest, start + rest) < 301_000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_difference_of_a_tagged_song_is_a_few_bytes(suffix: str) -> None:
    content = bare(suffix, 20.0)
    assert packed_bytes(content, with_genre(content, "Hip-Hop")) < 200


@pytest.mark.parametrize("suffix", ["ogg", "opus"])
def test_the_difference_is_small_where_every_page_of_an_ogg_gets_another_number(suffix: str) -> None:
    content = dressed(suffix, PICTURE + NOISE.randbytes(56_000), 20.0)
    changed = with_genre(content, "Hip-Hop")
    assert changed.count(b"OggS") > content.count(b"OggS")
    assert len(difference(content, changed)) > 20
    assert packed_bytes(content, changed) < len(content) / 100


def test_the_difference_is_small_where_the_sound_of_an_mp4_moves(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with (
        av.open(io.BytesIO(bare("m4a", 20.0)), "r") as source,
        av.open(path, "w", "ipod", {"movflags": "faststart"}) as output,
    ):
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    content = path.read_bytes()
    changed = with_genre(content, "Hip-Hop")
    assert changed.index(b"mdat") > content.index(b"mdat") > content.index(b"moov")
    assert packed_bytes(content, changed) < len(content) / 100


@pytest.mark.parametrize("packed", [b"", b"no zlib", pack(difference(b"old", b"new"))[:-3]])
def test_a_damaged_difference_is_noticed(packed: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        list(unpack(packed))
