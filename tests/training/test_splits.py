"""Splits and their audit: what may stand on two sides, and what is found if it does."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from features.settings import MelSettings
from training.data import fma_small, gtzan
from training.data.audit import across_sides, drop_duplicates, find_duplicates, shared_artists, shared_songs
from training.data.datasets import DATASETS
from training.data.splits import LEAKY, PROTOCOLS, SIDES, Split, make_splits
from training.data.tracks import BadData, Track

SETTINGS = MelSettings()
GENRES = ("blues", "jazz", "rock")


def tracks(each: int = 30) -> list[Track]:
    rng = np.random.default_rng(0)
    return [
        Track(
            f"{genre}.{number}",
            genre,
            [rng.uniform(size=(128, 387)).astype(np.float32)],
            artist=f"{genre}-{number // 3}",
            published={
                "fault-filtered": ("train", "valid", "test")[number % 3],
                "artist-3fold": str(1 + number // 3 % 3),
                "official": ("train", "valid", "test")[number % 3],
            },
        )
        for genre in GENRES
        for number in range(each)
    ]


def names(split: Split, side: str) -> set[str]:
    return {track.name for track in getattr(split, side)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_puts_each_item_on_one_side(protocol: str) -> None:
    for split in make_splits(tracks(), protocol, SETTINGS):
        sides = [names(split, side) for side in SIDES]
        assert sum(map(len, sides)) == len(set().union(*sides))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_same_seed_makes_the_same_split(protocol: str) -> None:
    one, other = (make_splits(tracks(), protocol, SETTINGS) for _ in range(2))
    assert [[names(split, side) for side in SIDES] for split in one] == [
        [names(split, side) for side in SIDES] for split in other
    ]


def test_only_the_leaky_protocol_has_songs_on_two_sides() -> None:
    for protocol in PROTOCOLS:
        songs = [shared_songs(split) for split in make_splits(tracks(), protocol, SETTINGS)]
        assert all(songs) if protocol in LEAKY else not any(songs)


@pytest.mark.parametrize("protocol", ["artist-3fold", "block-random", "group-random"])
def test_artists_stay_together_where_the_protocol_says_so(protocol: str) -> None:
    for split in make_splits(tracks(), protocol, SETTINGS):
        assert not shared_artists(split)
    assert shared_artists(make_splits(tracks(), "track-random", SETTINGS)[0])


def test_tracks_at_random_keep_the_share_of_each_genre() -> None:
    (split,) = make_splits(tracks(50), "track-random", SETTINGS)
    assert [Counter(track.genre for track in getattr(split, side)) for side in SIDES] == [
        dict.fromkeys(GENRES, count) for count in (32, 8, 10)
    ]


def test_groups_of_any_size_keep_about_the_share_of_each_genre() -> None:
    sizes = (1, 1, 2, 3, 5, 8, 12, 18)
    items = [
        replace(track, block=f"{track.genre} {sum(int(track.name.split('.')[1]) >= end for end in np.cumsum(sizes))}")
        for track in tracks(sum(sizes))
    ]
    (split,) = make_splits(items, "group-random", SETTINGS)
    for side, share in zip(SIDES, (0.64, 0.16, 0.2), strict=True):
        counts = Counter(track.genre for track in getattr(split, side))
        assert all(abs(counts[genre] / sum(sizes) - share) < 0.05 for genre in GENRES)


def test_groups_across_genres_stay_together() -> None:
    items = [replace(track, block=f"{int(track.name.split('.')[1]) // 5}") for track in tracks()]
    (split,) = make_splits(items, "group-random", SETTINGS)
    blocks = [{track.block for track in getattr(split, side)} for side in SIDES]
    assert [len(side) for side in blocks] == [4, 1, 1]
    assert len(set().union(*blocks)) == 6


def test_every_fold_of_artists_is_the_test_once() -> None:
    splits = make_splits(tracks(), "artist-3fold", SETTINGS)
    tested = [name for split in splits for name in names(split, "test")]
    assert sorted(tested) == sorted(track.name for track in tracks())


def test_overlapping_windows_are_split_as_if_each_were_a_song() -> None:
    (split,) = make_splits(tracks(), "window-random", SETTINGS)
    items = [track for side in SIDES for track in getattr(split, side)]
    assert len(items) == 90 * 5
    assert {track.clips[0].shape for track in items} == {(128, 128)}


@pytest.mark.parametrize(
    ("protocol", "each", "message"),
    [
        ("fault-filtered", 9, r"too few tracks on the side 'train', of blues \(3\), jazz \(3\), rock \(3\)"),
        ("track-random", 1, "cannot be split by genre"),
        ("fault-filtered", 1, "too few tracks"),
    ],
)
def test_too_few_tracks_are_named_before_training(protocol: str, each: int, message: str) -> None:
    with pytest.raises(BadData, match=message):
        make_splits(tracks(each), protocol, SETTINGS)


def test_the_official_split_needs_its_table() -> None:
    without = [replace(track, published={}) for track in tracks()]
    with pytest.raises(BadData, match=r"official split stands in fma_metadata/tracks\.csv or fma_small_tracks\.tsv"):
        make_splits(without, "official", SETTINGS)


def test_a_window_is_not_its_whole_song() -> None:
    from_audio = [replace(track, audio=Path(f"{track.name}.wav")) for track in tracks()]
    (split,) = make_splits(from_audio, "window-random", SETTINGS)
    assert not any(track.audio for track in split.train)


def test_a_duplicate_is_found_late_noisy_or_quieter_and_nothing_else_is() -> None:
    originals = tracks(4)
    rng = np.random.default_rng(1)
    clip = originals[0].clips[0]
    late = np.concatenate([clip[:, 20:], rng.uniform(size=(128, 20)).astype(np.float32)], axis=1)
    noisy = clip + rng.normal(0, 0.02, clip.shape).astype(np.float32)
    quiet = 0.5 * clip + 0.2
    copies = [Track(name, "rock", [copy]) for name, copy in {"late": late, "noisy": noisy, "quiet": quiet}.items()]
    found = find_duplicates([*originals, *copies], SETTINGS.frame_seconds)
    assert {frozenset((pair.one, pair.other)) for pair in found} == {
        frozenset(pair)
        for pair in [
            ("blues.0", "late"),
            ("blues.0", "noisy"),
            ("blues.0", "quiet"),
            ("late", "noisy"),
            ("late", "quiet"),
            ("noisy", "quiet"),
        ]
    }


def test_silent_clips_are_no_duplicates_of_each_other() -> None:
    silent = [Track(name, "rock", [np.zeros((128, 387), np.float32)]) for name in ("a", "b")]
    assert find_duplicates(silent, SETTINGS.frame_seconds) == []


def test_a_duplicate_leaves_the_side_that_learns() -> None:
    items = tracks()
    (split,) = make_splits(items, "track-random", SETTINGS)
    copied = split.test[0]
    for_train, for_valid = (Track(name, copied.genre, copied.clips) for name in ("copy 1", "copy 2"))
    split = Split([*split.train, for_train], [*split.valid, for_valid], split.test)
    duplicates = find_duplicates([*items, for_train, for_valid], SETTINGS.frame_seconds)
    assert len(across_sides(split, duplicates)) == 3
    kept = drop_duplicates(split, duplicates)
    assert names(split, "train") - names(kept, "train") == {"copy 1"}
    assert names(split, "valid") - names(kept, "valid") == {"copy 2"}
    assert kept.test == split.test


KNOWN_GTZAN_PAIRS = """
disco.00098 disco.00099, hiphop.00039 hiphop.00045, hiphop.00076 hiphop.00078, metal.00034 metal.00094,
metal.00040 metal.00061, metal.00041 metal.00062, metal.00042 metal.00063, metal.00043 metal.00064,
metal.00044 metal.00065, metal.00045 metal.00066, pop.00054 pop.00060, pop.00067 pop.00071,
reggae.00081 reggae.00082, metal.00058 rock.00016
"""


@pytest.mark.slow
def test_no_honest_split_of_gtzan_keeps_a_recording_on_two_sides(research_data: Path) -> None:
    items = gtzan.read_gtzan(research_data)
    assert len(items) == 999
    duplicates = find_duplicates(items, gtzan.SETTINGS.frame_seconds)
    known = {frozenset(pair.split()) for pair in KNOWN_GTZAN_PAIRS.replace("\n", " ").split(",")}
    assert len(known) == 14
    assert known <= {frozenset((pair.one, pair.other)) for pair in duplicates if pair.correlation > 0.99}
    for protocol in set(DATASETS["gtzan"].protocols) - LEAKY:
        for split in make_splits(items, protocol, gtzan.SETTINGS):
            assert not across_sides(drop_duplicates(split, duplicates), duplicates)
    (published,) = make_splits(items, "fault-filtered", gtzan.SETTINGS)
    assert [len(getattr(published, side)) for side in SIDES] == [442, 197, 290]
    assert not across_sides(published, duplicates)


def test_blocks_stay_together_whoever_the_artists_are() -> None:
    items = [replace(track, artist=f"{track.name}'s", block=track.artist) for track in tracks()]
    (by_artist,) = make_splits(tracks(), "block-random", SETTINGS)
    (by_block,) = make_splits(items, "block-random", SETTINGS)
    assert names(by_block, "test") == names(by_artist, "test")


def test_fmas_neighbours_are_kept_together(research_data: Path) -> None:
    items = fma_small.read_fma_small(research_data)
    assert len(items) == 6993
    (split,) = make_splits(items, "block-random", fma_small.SETTINGS)
    blocks = [{item.block for item in getattr(split, side)} for side in SIDES]
    assert sum(map(len, blocks)) == len(set().union(*blocks)) == 1939
    by_genre: dict[str, list[tuple[int, str | None]]] = {}
    for item in items:
        by_genre.setdefault(item.genre, []).append((int(item.name), item.block))
    for ids in by_genre.values():
        ids.sort()
        for (one, block), (other, next_block) in pairwise(ids):
            assert (block == next_block) == (other - one <= 20) or 107535 in range(one, other)


def test_fmas_artists_are_apart_in_its_official_split_and_mostly_between_blocks(research_data: Path) -> None:
    items = fma_small.read_fma_small(research_data)
    (published,) = make_splits(items, "official", fma_small.SETTINGS)
    # The silent track is one of 5,597.
    assert [len(getattr(published, side)) for side in SIDES] == [5596, 713, 684]
    assert not shared_artists(published)
    (split,) = make_splits(items, "block-random", fma_small.SETTINGS)
    assert len({item.artist for item in items} - {None}) == 2035
    assert len(shared_artists(split)) == 183
