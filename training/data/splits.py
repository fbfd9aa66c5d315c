"""Protocols: which tracks a model is fitted to, which it is chosen by, and which it is tested with.

All but one split tracks, before any window or augmentation of them exists. `window-random` is the exception, kept to
show what it does: it splits overlapping windows at random, so that nearly every window that is asked about has
neighbours, with half of the same sound, among those learned from.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from features.settings import MelSettings
from training.data.group_sides import divide_groups
from training.data.tracks import BadData, Track
from training.models.tags import tags_between, window_seconds

TEST_SHARE = 0.2
# Of what is not test.
VALID_SHARE = 0.2
# Of each genre on the training side; classical models hold a fifth of them out at a time.
LEAST_TRAIN_TRACKS = 5
# Of each genre, one or more for each side.
LEAST_GROUPS = 3
# One division a protocol, so that models are compared, and seeds averaged, over the same songs.
_SEED = 0

SIDES = ("train", "valid", "test")


@dataclass(frozen=True)
class Split:
    """One division of a data set; no track stands on two sides."""

    train: list[Track]
    valid: list[Track]
    test: list[Track]


def make_splits(
    tracks: Sequence[Track], protocol: str, settings: MelSettings, sides: Sequence[str] = SIDES
) -> list[Split]:
    """Return the splits of a protocol: one, or one a fold for cross-validation.

    Raises BadData if the tracks lack a field that the protocol needs, or if a genre lacks tracks on one of `sides`.
    """
    splits = PROTOCOLS[protocol](tracks, settings)
    genres = {track.genre for track in tracks}
    for split in splits:
        require_enough(split, genres, protocol, sides)
    return splits


def artist_folds(tracks: Sequence[Track], folds: int) -> list[tuple[list[Track], list[Track]]]:
    """Return the tracks in two parts for each fold, the second part each track's once, no artist or group in both."""
    return list(_group_folds(tracks, folds, _artist))


def require_enough(
    split: Split, genres: Iterable[str], protocol: str, sides: Sequence[str] = SIDES, reason: str = ""
) -> None:
    """Raise BadData if a genre has too few tracks on a side to learn it or to tell how well it was learned.

    `reason` is a sentence that says where other tracks have gone.
    """
    for side in sides:
        counts = Counter(track.genre for track in getattr(split, side))
        least = LEAST_TRAIN_TRACKS if side == "train" else 1
        if lacking := sorted(f"{genre} ({counts[genre]})" for genre in genres if counts[genre] < least):
            raise BadData(
                f"{protocol} puts too few tracks on the side {side!r}, of {', '.join(lacking)}. "
                f"Every genre needs {least} there: add tracks, or leave the genre out.{reason and f' {reason}'}"
            )


def window_random(tracks: Sequence[Track], settings: MelSettings) -> list[Split]:
    """Return windows, half overlapping, split at random as if each were a song, as the study did."""
    overlapping = replace(settings, window_hop_frames=max(1, settings.window_frames // 2))
    windows = [
        # Its audio is the whole song, which is more than the window.
        replace(
            track,
            name=f"{track.name}/{number}",
            part_of=track.name,
            clips=[window[..., 0]],
            audio=None,
            tags=tags_between(track.tags, start, start + settings.window_seconds),
        )
        for track in tracks
        for number, (window, start) in enumerate(
            zip(track.windows(overlapping), window_seconds(track, overlapping), strict=True)
        )
    ]
    return track_random(windows, settings)


def track_random(tracks: Sequence[Track], _: MelSettings) -> list[Split]:
    """Return tracks split at random, in equal parts of each genre."""
    rest, test = _stratified(tracks, TEST_SHARE)
    train, valid = _stratified(rest, VALID_SHARE)
    return [Split(train, valid, test)]


def group_random(tracks: Sequence[Track], _: MelSettings) -> list[Split]:
    """Return tracks split at random by group, or by artist where they have none, in about equal parts of each genre.

    Raises BadData if a genre has too few groups to stand on all sides.
    """
    genres, genre_of = np.unique([track.genre for track in tracks], return_inverse=True)
    groups, group_of = np.unique([_block(track) for track in tracks], return_inverse=True)
    counts = np.zeros((len(groups), len(genres)), np.int64)
    np.add.at(counts, (group_of, genre_of), 1)
    found = (counts > 0).sum(axis=0)
    if lacking := [f"{name} ({count})" for name, count in zip(genres, found, strict=True) if count < LEAST_GROUPS]:
        raise BadData(
            f"Songs of one artist or recording stay on one side, so that every genre needs {LEAST_GROUPS} groups of "
            f"them: to train, to validate and to test. There are too few of {', '.join(lacking)}. Add songs by others, "
            "say who made which in a table (--groups), or take --protocol track-random, whose figures are flattered."
        )
    valid_share = VALID_SHARE * (1 - TEST_SHARE)
    shares = (1 - TEST_SHARE - valid_share, valid_share, TEST_SHARE)
    sides = divide_groups(counts, shares, (LEAST_TRAIN_TRACKS, 1, 1), _SEED)[group_of]
    return [Split(*([track for track, on in zip(tracks, sides, strict=True) if on == side] for side in range(3)))]


def fault_filtered(tracks: Sequence[Track], _: MelSettings) -> list[Split]:
    """Return GTZAN's published split of that name."""
    return [_published_sides(tracks, "fault-filtered")]


def official(tracks: Sequence[Track], _: MelSettings) -> list[Split]:
    """Return FMA's own split; raise BadData if the tracks came without the table that has it."""
    if not any("official" in track.published for track in tracks):
        raise BadData(
            "The official split stands in fma_metadata/tracks.csv or fma_small_tracks.tsv. "
            "Unpack fma_metadata.zip into the data folder."
        )
    return [_published_sides(tracks, "official")]


def artist_3fold(tracks: Sequence[Track], _: MelSettings) -> list[Split]:
    """Return GTZAN's published folds, each the test side once; validation takes whole artists of the others."""
    folds = ["1", "2", "3"]
    return [
        Split(
            *_by_group(_published(tracks, "artist-3fold", set(folds) - {fold}), VALID_SHARE, _artist),
            _published(tracks, "artist-3fold", [fold]),
        )
        for fold in folds
    ]


def block_random(tracks: Sequence[Track], _: MelSettings) -> list[Split]:
    """Return tracks split at random by block, or by artist where they have none."""
    rest, test = _by_group(tracks, TEST_SHARE, _block)
    return [Split(*_by_group(rest, VALID_SHARE, _block), test)]


PROTOCOLS: dict[str, Callable[[Sequence[Track], MelSettings], list[Split]]] = {
    "window-random": window_random,
    "track-random": track_random,
    "group-random": group_random,
    "fault-filtered": fault_filtered,
    "artist-3fold": artist_3fold,
    "block-random": block_random,
    "official": official,
}
LEAKY = {"window-random"}
# Those with a split a fold.
IN_FOLDS = {"artist-3fold"}


def _published_sides(tracks: Sequence[Track], name: str) -> Split:
    return Split(*(_published(tracks, name, [side]) for side in SIDES))


def _published(tracks: Iterable[Track], name: str, parts: Iterable[str]) -> list[Track]:
    parts = set(parts)
    return [track for track in tracks if track.published.get(name) in parts]


def _stratified(tracks: Sequence[Track], share: float) -> tuple[list[Track], list[Track]]:
    """Return the tracks in two parts, the second that share of each genre."""
    genres = [track.genre for track in tracks]
    try:
        rest, taken = train_test_split(list(tracks), test_size=share, stratify=genres, random_state=_SEED)
    except ValueError as error:
        raise BadData(f"The tracks cannot be split by genre ({error}). Add tracks to the smallest genre.") from error
    return rest, taken


def _artist(track: Track) -> str:
    """Return the artist or else the group; a track of nobody known is an artist of its own."""
    return track.artist or track.block or f"?{track.name}"


def _block(track: Track) -> str:
    return track.block or _artist(track)


def _by_group(tracks: Sequence[Track], share: float, group: Callable[[Track], str]) -> tuple[list[Track], list[Track]]:
    """Return the tracks in two parts, the second about that share of each genre, no group in both."""
    return next(_group_folds(tracks, round(1 / share), group))


def _group_folds(
    tracks: Sequence[Track], folds: int, group: Callable[[Track], str]
) -> Iterator[tuple[list[Track], list[Track]]]:
    """Yield the tracks in two parts for each fold, the second each track's once, no group in both."""
    genres, groups = [track.genre for track in tracks], [group(track) for track in tracks]
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=_SEED)
    for rest, taken in splitter.split(np.zeros(len(tracks)), genres, groups):
        yield [tracks[index] for index in rest], [tracks[index] for index in taken]
