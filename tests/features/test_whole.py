"""A song is heard whole or refused, whatever its header states and whatever stands around it."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from features.audio import UnreadableAudio, open_audio
from features.container import read_container
from tests.sounds import encode, music, put, song

SECONDS = 5
ID3V2 = b"ID3\x04\0\0\0\0\x08\0" + bytes(1024)
ID3V1 = b"TAG" + bytes(125)
COVER = np.random.default_rng(0).bytes(40_000)


def heard(content: bytes) -> tuple[float, bool | None]:
    """Return the seconds that are heard of a file, and whether it says that this is all."""
    with open_audio(content) as sound:
        return sum(len(block) for block in sound.blocks) / sound.sample_rate_hz, sound.complete


def ape_tag() -> bytes:
    item = struct.pack("<II", len(COVER), 2) + b"Cover Art (Front)\0" + COVER
    ends = [b"APETAGEX" + struct.pack("<IIIQ", 2000, len(item) + 32, 1, flags << 29) for flags in (5, 4)]
    return ends[0] + item + ends[1]


def without_header(mp3: bytes) -> bytes:
    """Return an MP3 without the frame that states how many there are."""
    assert b"Info" in mp3[:64] or b"Xing" in mp3[:64]
    return mp3[mp3.index(mp3[:2], 2) :]


def with_frames(mp3: bytes, frames: int | None) -> bytes:
    """Return an MP3 whose header states another number of frames, or none."""
    at = max(mp3.find(b"Info", 0, 64), mp3.find(b"Xing", 0, 64))
    flags = 0 if frames is None else mp3[at + 7]
    return mp3[: at + 7] + bytes([flags]) + struct.pack(">I", frames or 0) + mp3[at + 12 :]


def flac_stating(samples: int, content: bytes) -> bytes:
    """Return a FLAC whose header states another number of samples, 0 for unknown."""
    bits = int.from_bytes(content[18:26], "big") >> 36 << 36 | samples
    return content[:18] + bits.to_bytes(8, "big") + content[26:]


def without_end_of_stream(ogg: bytes) -> bytes:
    """Return an Ogg file that ends like a capture: with a whole page that is not marked as the last."""
    return ogg[: ogg.rindex(b"OggS")]


def data_at(content: bytes, name: bytes = b"data") -> int:
    return content.index(name) + 4


WAV, AIFF, FLAC, MP3, OGG, OPUS = (
    song(SECONDS, suffix, 48_000) for suffix in ("wav", "aiff", "flac", "mp3", "ogg", "opus")
)
BARE_MP3 = without_header(MP3)
WHOLE: dict[str, tuple[bytes, float]] = {
    "MP3s with headers, joined": (MP3 + MP3, 2),
    "MP3s with headers and tags, joined": (ID3V2 + MP3 + ID3V1 + ID3V2 + MP3 + ape_tag(), 2),
    "MP3s of two rates, joined": (MP3 + song(SECONDS, "mp3", 44_100), 2),
    "MP3s without headers, joined": (BARE_MP3 + BARE_MP3, 2),
    "MP3 whose header states no frame": (with_frames(MP3, 0), 1),
    "MP3 whose header has no number of frames": (with_frames(MP3, None), 1),
    "MP3 whose header states half of its frames": (with_frames(MP3, 100), 1),
    "MP3 behind two ID3v2 tags": (ID3V2 + ID3V2 + BARE_MP3, 1),
    "MP3 with a header behind two ID3v2 tags": (ID3V2 + ID3V2 + MP3, 1),
    "MP3 and an APE tag with a cover": (BARE_MP3 + ape_tag() + ID3V1, 1),
    "MP3 and Lyrics3": (BARE_MP3 + b"LYRICSBEGININD0000200" + b"la " * 2000 + b"006018LYRICS200" + ID3V1, 1),
    "MP3 and ID3v2 at the end": (BARE_MP3 + ID3V2, 1),
    "MP3 and zeros": (MP3 + bytes(50_000), 1),
    "MP3 that was cut out of a stream": (BARE_MP3[1000:-100], 1),
    "Vorbis, chained": (OGG + song(SECONDS, "ogg", 48_000, seed=1), 2),
    "Vorbis of two rates, chained": (OGG + song(SECONDS, "ogg", 44_100), 2),
    "Opus, chained": (OPUS + song(SECONDS, "opus", 48_000, seed=1), 2),
    "Vorbis and an ID3v1 tag": (OGG + ID3V1, 1),
    "FLAC and an ID3v1 tag": (FLAC + ID3V1, 1),
    "FLAC and an APE tag with a cover": (FLAC + ape_tag(), 1),
    "FLAC and zeros": (FLAC + bytes(100_000), 1),
    "FLAC and a line feed": (FLAC + b"\n", 1),
    "FLAC behind an ID3v2 tag": (ID3V2 + FLAC, 1),
    "FLAC without a length": (flac_stating(0, FLAC), 1),
    "FLAC without a length and an ID3v1 tag": (flac_stating(0, FLAC) + ID3V1, 1),
    "FLAC that states half of its length": (flac_stating(SECONDS * 24_000, FLAC), 1),
    "FLACs, joined": (FLAC + FLAC, 2),
    "WAV with a RIFF size 8 too large": (put(WAV, 4, "<I", len(WAV)), 1),
    "WAV with a RIFF size 44 too large": (put(WAV, 4, "<I", len(WAV) + 36), 1),
    "WAV with all sizes too large": (put(put(WAV, 4, "<I", len(WAV)), data_at(WAV), "<I", len(WAV)), 1),
    "WAV with a RIFF size of 0": (put(WAV, 4, "<I", 0), 1),
    "WAV with sizes of 0": (put(put(WAV, 4, "<I", 0), data_at(WAV), "<I", 0), 1),
    "WAV from a pipe of sox": (put(put(WAV, 4, "<I", 0x7FFF_F024), data_at(WAV), "<I", 0x7FFF_F000), 1),
    "WAV from a pipe of FFmpeg": (put(put(WAV, 4, "<I", 0xFFFF_FFFF), data_at(WAV), "<I", 0xFFFF_FFFF), 1),
    "WAV that lacks a few bytes": (WAV[:-7], 1),
    "WAV without its padding byte": (encode(music(SECONDS, 8000, 1)[:-1], 8000, "wav")[:-1], 1),
    "AIFF with a FORM size 8 too large": (put(AIFF, 4, ">I", len(AIFF)), 1),
    "AIFF from a pipe of sox": (put(put(AIFF, 4, ">I", 0x7F00_002E), data_at(AIFF, b"SSND"), ">I", 0x7F00_0008), 1),
    "AIFF with sizes of 0": (put(put(AIFF, 4, ">I", 0), data_at(AIFF, b"SSND"), ">I", 0), 1),
    "AIFF that lacks a few bytes": (AIFF[:-7], 1),
    "Vorbis capture": (without_end_of_stream(song(20, "ogg", 48_000)), 4),
    "Opus capture": (without_end_of_stream(song(20, "opus", 48_000)), 4),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_all_of_a_song_is_heard_whatever_its_header_says(kind: str) -> None:
    content, songs = WHOLE[kind]
    assert heard(content)[0] == pytest.approx(songs * SECONDS, rel=0.02 if "capture" not in kind else 0.1)


@pytest.mark.parametrize("name", ["EAC", "stream"])
def test_whole_files_without_a_stated_end_say_so(name: str) -> None:
    content = {"EAC": FLAC + ID3V1, "stream": flac_stating(0, FLAC)}[name]
    assert heard(content)[1] is (True if name == "EAC" else None)


@pytest.mark.parametrize(
    ("content", "complete"),
    [(WAV, True), (MP3, True), (BARE_MP3, None), (OGG, True), (without_end_of_stream(OGG), None), (OPUS, True)],
    ids=["WAV", "MP3", "MP3 without a header", "Vorbis", "Vorbis capture", "Opus"],
)
def test_a_file_says_whether_it_is_whole_if_it_can(content: bytes, *, complete: bool | None) -> None:
    assert heard(content)[1] is complete


def test_the_default_audio_of_a_video_is_heard() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        streams = [output.add_stream("flac", rate=rate, layout="mono") for rate in (8000, 16_000)]
        streams[0].disposition = av.stream.Disposition(0)
        streams[1].disposition = av.stream.Disposition.default
        packets = []
        for stream in streams:
            assert isinstance(stream, av.AudioStream)
            samples = np.ascontiguousarray(music(SECONDS, stream.rate, 1).T * 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = stream.rate, 0, Fraction(1, stream.rate)
            packets += [*stream.encode(frame), *stream.encode()]
        output.mux(packets)
    with open_audio(buffer.getvalue()) as sound:
        assert sound.sample_rate_hz == 16_000


def test_a_stream_that_begins_later_does_not_end_the_song() -> None:
    parts = []
    for pid in ("256", "512"):
        buffer = io.BytesIO()
        with av.open(
            buffer, "w", format="mpegts", options={"mpegts_start_pid": pid, "mpegts_pmt_start_pid": f"4{pid}"}
        ) as output:
            stream = output.add_stream("mp2", rate=48_000, layout="mono")
            assert isinstance(stream, av.AudioStream)
            samples = np.ascontiguousarray(music(SECONDS, 48_000, 1).T * 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = 48_000
            output.mux([*stream.encode(frame), *stream.encode()])
        parts.append(buffer.getvalue())
    assert heard(b"".join(parts))[0] == pytest.approx(SECONDS, rel=0.02)


def test_a_protected_file_is_called_protected() -> None:
    content = song(SECONDS, "m4a")
    assert content.count(b"mp4a") == 1
    with pytest.raises(UnreadableAudio, match="protected"):
        heard(content.replace(b"mp4a", b"drms"))


HOSTILE = {
    "MP3 of places where a frame may begin": BARE_MP3[:100_000] + (MP3[:4] + b"\xff\xfb\x90") * 1_000_000,
    "WAV of empty chunks": WAV[:36] + bytes(20_000_000),
    "Matroska of empty elements": b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * 5_000_000,
    "MP4 of empty boxes": song(SECONDS, "m4a")[:32] + b"\0\0\0\x08free" * 2_000_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_looked_through_in_bounded_time(kind: str) -> None:
    reads = 0

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal reads
            reads += 1
            return super().read(size)

    read_container(Counted(HOSTILE[kind]))
    assert reads < 500_000
