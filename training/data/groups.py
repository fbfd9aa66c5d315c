"""Groups of own music: songs of one artist, album or recording, which a split keeps on one side.

Of each song, the first of these that is known names its group:
- a table of the user's;
- the folder under the genre's: `genre/artist/...`;
- the artist in the file's tags or, without one, the album;
- the file's name, if it is that of a piece (see `training/data/file_names.py`).

Groups are joined where near-identical recordings stand in two of them, where pieces of a song without a folder do, and
where all songs in a folder have one artist, who has songs elsewhere.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from inference.card import Groups
from training.data.file_names import shared_stems
from training.data.file_tags import FileTags
from training.data.group_table import Row, row_of
from training.data.tracks import Track

TABLE, FOLDERS, TAGS, NAMES, SOUND = "table", "folders", "tags", "file names", "sound"
# Folders that are no artist's: those of one name in two genres have nothing in common.
_NO_ARTIST = re.compile(
    r"(?:cd|dis[ck]|vol\.?|volume|side)[\s_-]*[\da-z]?\d*|[a-z]|\d+|various( artists)?|va|unknown.*|misc.*|album.*"
)

Key = tuple[Hashable, ...]


def group_tracks(
    tracks: Sequence[Track], source: Path, rows: Mapping[Path, Row], tags: Mapping[Path, FileTags]
) -> list[Track]:
    """Return the tracks of a folder with their groups as `block`, and as `block_from` how each is known.

    A track of which nothing is known is a group of its own.
    """
    keys = {track.name: _key(track, source, rows, tags) for track in tracks}
    pieces = _pieces(track for track in tracks if not _placed(keys[track.name]))
    links: list[tuple[Hashable, Hashable]] = [(name, key) for name, key in keys.items() if key]
    blocks = _joined(tracks, [*links, *pieces.items(), *_folders_of_artists(tracks, keys, tags)])
    return [
        replace(
            track,
            block=blocks[track.name],
            block_from=str(key[0]) if (key := keys[track.name]) else NAMES if track.name in pieces else None,
        )
        for track in tracks
    ]


def join_alike(tracks: Sequence[Track], alike: Iterable[tuple[str, str]]) -> list[Track]:
    """Return the tracks with the groups joined in which near-identical tracks stand, `alike` being pairs of names."""
    pairs = list(alike)
    same = {name for pair in pairs for name in pair}
    blocks = _joined(tracks, [*((track.name, ("block", track.block)) for track in tracks), *pairs])
    return [
        replace(track, block=blocks[track.name], block_from=track.block_from or (SOUND if track.name in same else None))
        for track in tracks
    ]


def count_songs(tracks: Iterable[Track]) -> int:
    """Return how many songs tracks are, of which pieces and near-identical recordings are one."""
    return len({(track.block if track.block_from in (NAMES, SOUND) else None) or f"?{track.name}" for track in tracks})


def summarise_groups(tracks: Collection[Track], on_two_sides: int) -> Groups:
    """Return the card's summary of the groups of tracks, or of windows of them."""
    songs = {track.part_of or track.name: track for track in tracks}
    known = Counter(track.block_from for track in songs.values())
    return Groups(
        groups=len({track.block for track in songs.values()}),
        tracks_by_source={name: known[name] for name in (TABLE, FOLDERS, TAGS, NAMES, SOUND) if name in known},
        unknown_tracks=known[None],
        on_two_sides=on_two_sides,
    )


def describe_groups(groups: Groups) -> str:
    """Return for a person how many groups there are and how they are known."""
    songs = sum(groups.tracks_by_source.values()) + groups.unknown_tracks
    known = [f"{count} known by {name}" for name, count in groups.tracks_by_source.items()]
    unknown = [f"{groups.unknown_tracks} unknown"] if groups.unknown_tracks else []
    return f"{songs} songs in {groups.groups} groups that stay together ({', '.join(known + unknown)})."


def warn_of_groups(groups: Groups | None) -> list[str]:
    """Return for a person why the figures may be better than they should be; nothing for a published data set."""
    warnings: list[str] = []
    if groups is None:
        return warnings
    if groups.unknown_tracks:
        warnings.append(
            f"The figures may be flattered: of {groups.unknown_tracks} songs nothing says which belong to the same "
            "artist or song. Sort them as genre/artist/song, or name their groups in a table (--groups)."
        )
    if groups.on_two_sides:
        warnings.append(f"The figures are flattered: {groups.on_two_sides} groups stand on two sides of the split.")
    return warnings


def _key(track: Track, source: Path, rows: Mapping[Path, Row], tags: Mapping[Path, FileTags]) -> Key | None:
    """Return the source of the track's group, and a key that all tracks of the group share."""
    path = source / track.name
    if group := row_of(path, rows).group:
        return TABLE, group
    *folders, _ = Path(track.name).parts
    if folders and folders[0] == track.genre:
        del folders[0]
    if folders:
        folder = folders[0].casefold()
        return (FOLDERS, track.genre, folder) if _NO_ARTIST.fullmatch(folder) else (FOLDERS, folder)
    found = tags.get(path, FileTags())
    if found.artist:
        return _artist(found.artist)
    return (TAGS, "album", found.album) if found.album else None


def _artist(name: str) -> Key:
    return TAGS, "artist", name


def _placed(key: Key | None) -> bool:
    """Return whether the user has said which group a track is of, by a table or a folder."""
    return key is not None and key[0] in (TABLE, FOLDERS)


def _pieces(tracks: Iterable[Track]) -> dict[str, Key]:
    """Return by name, for tracks that are pieces of a song, a key that all pieces share."""
    genres = {Path(track.name): track.genre for track in tracks}
    stems = shared_stems(genres)
    return {path.as_posix(): (NAMES, genres[path], path.parent, stem) for path, stem in stems.items()}


def _folders_of_artists(
    tracks: Iterable[Track], keys: Mapping[str, Key | None], tags: Mapping[Path, FileTags]
) -> list[tuple[Key, Key]]:
    """Return each folder whose songs all have one artist, with that artist."""
    artists: dict[Key, set[str | None]] = defaultdict(set)
    for track in tracks:
        key = keys[track.name]
        if key and key[0] == FOLDERS:
            artists[key].add(tags.get(track.audio, FileTags()).artist if track.audio else None)
    return [(folder, _artist(name)) for folder, names in artists.items() if len(names) == 1 for name in names if name]


def _joined(tracks: Iterable[Track], links: Iterable[tuple[Hashable, Hashable]]) -> dict[str, str]:
    """Return by name, for each track, the name of the first track that links lead to from it."""
    numbers: dict[Hashable, int] = {track.name: number for number, track in enumerate(tracks)}
    names = [*numbers]
    ends = [[numbers.setdefault(end, len(numbers)) for end in link] for link in links]
    one, other = np.array(ends, int).reshape(-1, 2).T
    size = len(numbers)
    _, labels = connected_components(coo_array((np.ones(len(one)), (one, other)), (size, size)), directed=False)
    first: dict[int, str] = {}
    return {str(name): first.setdefault(int(labels[number]), str(name)) for number, name in enumerate(names)}
