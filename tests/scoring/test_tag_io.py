"""The genre in a file's bytes: written so that others read it, and nothing else changes."""

import io
import random
import struct
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
from mutagen.apev2 import APEv2
from mutagen.id3 import IPLS, PRIV, TCON, TYER, Encoding

from features.audio import load_audio
from scoring.tag_io import Untaggable, genre_in, lasts, with_genre
from tests.scoring.tagged import (
    OTHER_TAGS,
    PICTURE,
    SUFFIXES,
    bare,
    dressed,
    read_pictures,
    read_tags,
    retagged,
    samples,
)
from tests.sounds import music, put, song

ID3V1 = b"TAG" + b"Old title".ljust(30, b"\0") + b"Old artist".ljust(30, b"\0") + bytes(64) + b"\x08"


def genre_of(content: bytes) -> str:
    return genre_in(io.BytesIO(content))


def frames_of(content: bytes) -> Iterator[bytes]:
    """Yield the frames of an ID3v2.3 or 2.4 tag as they stand in it (ID3v2.4, sections 3 and 4)."""
    end = 10 + syncsafe(content[6:10])
    at = 10
    while at < end and content[at]:
        size = content[at + 4 : at + 8]
        following = at + 10 + (syncsafe(size) if content[3] == 4 else int.from_bytes(size, "big"))
        yield content[at:following]
        at = following


def syncsafe(size: bytes) -> int:
    return sum(byte << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))


def with_ape(content: bytes, **items: str) -> bytes:
    file = io.BytesIO(content)
    tags: Any = APEv2()
    tags.update(items)
    tags.save(file)
    return file.getvalue()


@pytest.mark.parametrize("genre", ["Hip-Hop", "Хип-хоп", "Drum & Bass / Jungle"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ffmpeg_reads_the_genre_of_a_file_without_tags(suffix: str, genre: str) -> None:
    content = bare(suffix)
    changed = with_genre(content, genre)
    assert genre_of(content) == ""
    assert genre_of(changed) == genre
    assert read_tags(changed) == read_tags(content) | {"genre": genre}
    assert samples(changed) == samples(content)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_tags_the_picture_and_the_sound_stay(suffix: str) -> None:
    content = dressed(suffix)
    assert read_tags(content).items() >= OTHER_TAGS.items()
    for genre in ("Hip-Hop", "Jazz", "Хип-хоп"):
        changed = with_genre(content, genre)
        assert read_tags(changed) == read_tags(dressed(suffix)) | {"genre": genre}
        assert read_pictures(changed) == [PICTURE]
        assert samples(changed) == samples(content)
        content = changed


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_blank_genre_counts_as_none_and_several_are_joined(suffix: str) -> None:
    def give(file: Any, genres: list[str]) -> None:
        if suffix in ("mp3", "wav", "aiff"):
            file.tags.add(TCON(Encoding.UTF8, genres))
        else:
            file["\xa9gen" if suffix == "m4a" else "genre"] = genres

    assert genre_of(retagged(bare(suffix), lambda file: give(file, [" "]))) == ""
    several = retagged(bare(suffix), lambda file: give(file, ["Rock", " ", "Jazz"]))
    assert genre_of(several) == "Rock; Jazz"
    assert genre_of(with_genre(several, "Blues")) == read_tags(with_genre(several, "Blues"))["genre"] == "Blues"


@pytest.mark.parametrize("version", [3, 4])
def test_an_id3_tag_keeps_its_version_and_the_bytes_of_its_other_frames(version: int) -> None:
    def add(file: Any) -> None:
        # Frames of the other version, as taggers write them all the same, an unknown one and a broken one.
        file.tags.add(TYER(Encoding.LATIN1, ["1999"]))
        file.tags.add(IPLS(Encoding.LATIN1, [["producer", "Bob"]]))
        file.tags.unknown_frames = [b"ABCD\0\0\0\x05\0\0" + b"\0what", b"TRCK\0\0\0\x02\0\0" + b"\x091"]
        file.tags._unknown_v2_version = version

    content = retagged(dressed("mp3", PICTURE + bytes(range(256)) * 9), add, v2_version=version)
    # The flag of a frame that is not to be kept if the tag changes.
    content = content.replace(b"TPE1\0\0\0\x05\0", b"TPE1\0\0\0\x05" + (b"\x80" if version == 3 else b"\x40"))
    changed = with_genre(with_genre(content, "Rock"), "Jazz")
    assert changed[:5] == b"ID3" + bytes([version, 0])
    assert sorted(frames_of(changed)) == sorted([*frames_of(content), next(frames_of(with_genre(bare("mp3"), "Jazz")))])
    assert len(list(frames_of(content))) == 8


@pytest.mark.parametrize("data", [bytes(300), bytes(range(256)) * 9])
def test_frame_sizes_as_old_itunes_wrote_them_do_not_keep_a_genre_out(data: bytes) -> None:
    """In ID3v2.4 it wrote those of 2.3; readers have to guess which it is."""
    content = retagged(dressed("mp3"), lambda file: file.tags.add(PRIV(owner="owner", data=data)), v2_version=3)
    content = content[:3] + b"\x04" + content[4:]
    assert read_tags(with_genre(content, "Rock")) == read_tags(content) | {"genre": "Rock"}
    assert "id3v2_priv.owner" in read_tags(content)


def test_a_file_whose_other_tags_would_be_lost_is_left_alone() -> None:
    """The zeros that an unsynchronised tag is stuffed with would be written as if they were data."""
    frame = b"PRIV\0\0\0\x09\0\0owner\0\xff\x00\xe0"
    with pytest.raises(Untaggable, match="More than its genre"):
        with_genre(b"ID3\x04\0\x80" + bytes([0, 0, 0, len(frame)]) + frame + bare("mp3"), "Rock")


def test_an_id3v2_2_tag_is_left_alone() -> None:
    title = b"TT2\0\0\x06\0Title"
    content = b"ID3\x02\0\0" + bytes([0, 0, 0, len(title)]) + title + bare("mp3")
    assert read_tags(content)["title"] == "Title"
    with pytest.raises(Untaggable, match=r"ID3v2\.2.*Convert it to ID3v2\.3"):
        with_genre(content, "Rock")


@pytest.mark.parametrize(("genre", "number"), [("Hip-Hop", 7), ("Swamp-Pop", 255)])
def test_a_file_with_id3v1_only_shows_its_fields_as_before(genre: str, number: int) -> None:
    content = bare("mp3") + ID3V1
    assert genre_of(content) == "Jazz"
    changed = with_genre(content, genre)
    before = {key: value for key, value in read_tags(content).items() if key != "genre"}
    assert read_tags(changed).items() >= before.items() | {"genre": genre}.items()
    assert before["title"] == "Old title"
    assert changed.endswith(ID3V1[:-1] + bytes([number]))
    assert genre_of(changed) == genre


def test_id3v1_beside_id3v2_changes_its_genre_only() -> None:
    changed = with_genre(dressed("mp3") + ID3V1, "Hip-Hop")
    assert changed == with_genre(dressed("mp3"), "Hip-Hop") + ID3V1[:-1] + b"\x07"


def test_a_genre_in_apev2_is_read_and_replaced() -> None:
    content = with_ape(dressed("mp3"), Genre="Polka", Album="Any") + ID3V1
    assert genre_of(content) == "Polka"
    changed = with_genre(content, "Rock")
    assert genre_of(changed) == read_tags(changed)["genre"] == "Rock"
    tags: Any = APEv2(io.BytesIO(changed))
    assert dict(tags.items()) == {"Genre": "Rock", "Album": "Any"}
    assert b"Polka" not in changed
    assert changed.endswith(ID3V1[:-1] + b"\x11")


def test_apev2_without_a_genre_stays_as_it_is() -> None:
    content = with_ape(bare("mp3"), Album="Any")
    assert genre_of(content) == ""
    assert with_genre(content, "Rock").endswith(content)


def test_the_genre_in_the_info_of_a_wav_is_read_and_replaced() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", "wav") as output:
        output.metadata.update({"title": "Tïtle", "genre": "Polka"})
        stream: Any = output.add_stream("pcm_s16le", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.arange(-9_000, 9_000, dtype=np.int16)[None], "s16", "mono")
        frame.sample_rate = 48_000
        output.mux(stream.encode(frame))
    content = buffer.getvalue()
    assert genre_of(content) == "Polka"
    for genre in ("Rock", "Psychedelic Rock"):
        changed = with_genre(content, genre)
        assert read_tags(changed).items() >= {"title": "Tïtle", "genre": genre}.items()
        assert b"Polka" not in changed
        assert genre.encode() + b"\0" in changed[:200]
        assert samples(changed) == samples(content)


def test_the_number_of_a_genre_in_mp4_is_read_and_replaced() -> None:
    content = retagged(bare("m4a"), lambda file: file.update({"\xa9gen": "ab"}))
    text = b"\xa9gen" + struct.pack(">I4sII", 18, b"data", 1, 0) + b"ab"
    assert content.count(text) == 1
    content = content.replace(text, b"gnre" + struct.pack(">I4sIIH", 18, b"data", 0, 0, 18))
    assert genre_of(content) == "Rock"
    changed = with_genre(content, "Jazz")
    assert genre_of(changed) == read_tags(changed)["genre"] == "Jazz"
    assert b"gnre" not in changed


def test_a_flac_behind_an_id3_tag_is_a_flac() -> None:
    tag = with_genre(bare("mp3"), "Polka")[: -len(bare("mp3"))]
    content = tag + bare("flac")
    assert genre_of(content) == ""
    changed = with_genre(content, "Rock")
    assert changed.startswith(tag + b"fLaC")
    assert genre_of(changed) == "Rock"


def test_mpeg_audio_of_layer_2_is_tagged_as_mp3_is() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", "mp2") as output:
        stream: Any = output.add_stream("mp2", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.arange(-9_000, 9_000, dtype=np.int16)[None], "s16", "mono")
        frame.sample_rate = 48_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    assert read_tags(with_genre(buffer.getvalue(), "Rock"))["genre"] == "Rock"


def test_text_that_is_not_utf_8_is_not_lost() -> None:
    content = dressed("flac").replace("Tïtle".encode(), b"T\xeftle!")
    with pytest.raises(Untaggable, match="not UTF-8"):
        with_genre(content, "Rock")


def test_a_file_whose_sound_would_be_lost_is_left_alone() -> None:
    """In an MP4 of several fragments, mutagen moves the first only."""
    buffer = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "200000"}
    with av.open(buffer, "w", "mp4", options) as output:
        stream: Any = output.add_stream("aac", rate=48_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(music(2.0, 48_000).T), "fltp", "stereo")
        frame.sample_rate = 48_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    assert genre_of(buffer.getvalue()) == ""
    with pytest.raises(Untaggable, match="More than its genre"):
        with_genre(buffer.getvalue(), "Rock")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"Dear diary", b"ID3", bytes(5000)])
def test_what_is_no_song_is_told_so(content: bytes) -> None:
    with pytest.raises(Untaggable, match="Convert it to MP3"):
        genre_of(content)


@pytest.mark.parametrize("suffix", ["wma", "webm"])
def test_a_format_without_a_place_for_a_genre_is_told_so(suffix: str) -> None:
    with pytest.raises(Untaggable, match="Convert it to MP3"):
        with_genre(song(1.0, suffix, 48_000), "Rock")


def test_a_quicktime_film_is_no_mp4() -> None:
    with pytest.raises(Untaggable, match="Convert it to MP3"):
        with_genre(bare("m4a").replace(b"ftypM4A ", b"ftypqt  "), "Rock")


def test_a_name_that_reads_as_another_is_refused() -> None:
    assert lasts("80s")
    assert not any(map(lasts, ["17", "(17)", "RX", " Rock", "Rock\n", "a\0b"]))
    with pytest.raises(Untaggable, match="'17' would be read as 'Rock'"):
        with_genre(bare("mp3"), "17")


def test_damage_that_ffmpeg_reports_as_an_error_of_the_system_is_named() -> None:
    content = bare("aiff")
    with pytest.raises(Untaggable, match=r"is damaged.*Operation not permitted"):
        with_genre(content[:20] + b"\xff" * 8 + content[28:], "Rock")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_of_any_kind_is_named_or_does_no_harm(suffix: str) -> None:
    """Damage to the sound alone does not keep a genre from being written."""
    rng = random.Random(suffix)  # noqa: S311 - for the same damage each time
    whole = dressed(suffix) + (ID3V1 if suffix == "mp3" else b"")
    damaged = [whole[: rng.randrange(len(whole))] for _ in range(10)] + [
        whole[: rng.randrange(2000)] for _ in range(20)
    ]
    for length in (1, 4, 64):
        for _ in range(20):
            at = rng.randrange(min(len(whole), 3000)) if rng.random() < 0.8 else rng.randrange(len(whole))
            damaged.append(whole[:at] + rng.choice([rng.randbytes(length), bytes(length)]) + whole[at + length :])
    damaged += [whole[:64] + rng.randbytes(3000), whole[:64] + bytes(3000), b"\xff" * 3000, whole + whole]
    refusals = []
    for content in damaged:
        try:
            assert genre_of(with_genre(content, "Rock")) == "Rock"
        except Untaggable as error:
            refusals.append(str(error))
    assert 0 < len(refusals) < len(damaged)
    assert all(refusal.endswith(".") for refusal in refusals)


WAV, AIFF, ODD_WAV = (
    song(2, "wav"),
    song(2, "aiff"),
    song(1, "wav", 8000, 1),
)
WRONG_SIZES = {
    "WAV without its padding byte": put(ODD_WAV[:-1], ODD_WAV.index(b"data") + 4, "<I", 15_999),
    "WAV with sizes of 0": put(put(WAV, 4, "<I", 0), WAV.index(b"data") + 4, "<I", 0),
    "WAV from a pipe": put(put(WAV, 4, "<I", 2**32 - 1), WAV.index(b"data") + 4, "<I", 2**32 - 1),
    "WAV with a RIFF size 8 too large": put(WAV, 4, "<I", len(WAV)),
    "AIFF from a pipe": put(put(AIFF, 4, ">I", 0x7F00_002E), AIFF.index(b"SSND") + 4, ">I", 0x7F00_0008),
}


@pytest.mark.parametrize("kind", WRONG_SIZES)
def test_a_file_with_wrong_sizes_is_tagged_where_others_look(kind: str) -> None:
    tagged = with_genre(WRONG_SIZES[kind], "Hip-Hop")
    assert genre_of(tagged) == "Hip-Hop"
    assert read_tags(tagged)["genre"] == "Hip-Hop"
    np.testing.assert_array_equal(load_audio(tagged).samples, load_audio(WRONG_SIZES[kind]).samples)
