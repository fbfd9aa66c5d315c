"""Own music: a folder with one folder per genre, in it songs or one folder per artist; or spectrogram pictures.

A table may name the genres instead. Only files with the suffix of an audio file are songs; all else in the
folders, such as covers and cue sheets, is left out. Without any song, the pictures are the tracks, as in a data set.
"""

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from features.music_folders import is_ignored_folder, is_song
from features.settings import MelSettings
from training.data.audit import find_duplicates
from training.data.file_tags import read_file_tags
from training.data.group_table import Row, absolute, read_group_table, row_of
from training.data.groups import describe_groups, group_tracks, join_alike, summarise_groups, warn_of_groups
from training.data.tracks import PICTURES, BadData, Track, picture_track, read_audio, read_zip

# So many files are named where some are left out.
_NAMED = 3


def read_own_music(source: Path, settings: MelSettings, table: Path | None = None) -> list[Track]:
    """Return the tracks of a folder, or of a zip of pictures, sorted by genre and name: the path in the folder.

    They have groups (see `training/data/groups.py`), except those that only their sound tells. `table` may name groups
    and genres (see `read_group_table`). Prints the skipped files. Raises BadData for a source without a track, for a
    zip of songs, and as `read_tracks` and `read_group_table`.
    """
    rows = read_group_table(table, source) if table else {}
    tracks = _in_zip(source, settings) if zipfile.is_zipfile(source) else _in_folder(source, settings, rows)
    tracks.sort(key=lambda track: (track.genre, track.name))
    songs = [track.audio for track in tracks if track.audio]
    tags = {path: read_file_tags(path) for path in tqdm(songs, "reading tags", unit="track")}
    return group_tracks(tracks, source, rows, tags)


def read_music_to_learn(source: Path, settings: MelSettings, table: Path | None = None) -> list[Track]:
    """Return the tracks as `read_own_music`, groups of near-identical ones joined, and print a summary of the groups.

    Raises BadData also if there is one genre only.
    """
    tracks = read_own_music(source, settings, table)
    if len(genres := {track.genre for track in tracks}) < 2:
        raise BadData(
            f"There is one genre only in {source}: {', '.join(genres)}. A model tells genres apart: "
            "add a folder of songs for each other genre."
        )
    duplicates = find_duplicates(tracks, settings.frame_seconds)
    tracks = join_alike(tracks, [(pair.one, pair.other) for pair in duplicates])
    groups = summarise_groups(tracks, on_two_sides=0)
    tqdm.write("\n".join([describe_groups(groups), *warn_of_groups(groups)]))
    return tracks


def _in_folder(source: Path, settings: MelSettings, rows: Mapping[Path, Row]) -> list[Track]:
    if not source.is_dir():
        raise BadData(f"{source} is neither a folder nor a whole zip file.")
    files = list(_files(source))
    _check_rows(rows, files, source)
    genres = {path: genre for path in files if (genre := _genre(path, source, rows))}
    songs = [path for path in files if is_song(path.name)]
    pictures = [path for path in files if path.suffix.lower() in PICTURES]
    _tell_left_out("no songs", sorted(set(files) - set(songs) - set(pictures)))
    _tell_left_out("in no folder of a genre", [path for path in songs if path not in genres])
    songs, pictures = ([path for path in paths if path in genres] for paths in (songs, pictures))
    if songs:
        _tell_left_out("pictures beside songs", pictures)
        found = [(track.audio or source, track) for track in read_audio(songs, settings)]
    else:
        shown = tqdm(pictures, "reading pictures", unit="track")
        found = [(path, picture_track(path, path.read_bytes(), settings)) for path in shown]
    if silent := sorted(set(genres.values()) - {genres[path] for path, _ in found}):
        tqdm.write(f"Left out, {len(silent)} genres without a file that can be read: {', '.join(silent)}")
    if not found:
        raise BadData(f"There is no track in {source}. It must hold one folder a genre, with audio or pictures in it.")
    return [replace(track, name=path.relative_to(source).as_posix(), genre=genres[path]) for path, track in found]


def _in_zip(source: Path, settings: MelSettings) -> list[Track]:
    pairs = list(read_zip(source, settings))
    if not pairs:
        raise BadData(f"There is no track in {source}. It must hold pictures, in one folder a genre.")
    return [replace(track, name=f"{track.genre}/{Path(member).name}") for member, track in pairs]


def _check_rows(rows: Mapping[Path, Row], files: Sequence[Path], source: Path) -> None:
    """Print which rows of the table name no file; raise BadData if none does."""
    missing = sorted(rows.keys() - {absolute(path) for path in files})
    if rows and len(missing) == len(rows):
        raise BadData(f"No row of the table names a file in {source}. Paths in it must be relative to that folder.")
    if missing:
        tqdm.write(f"{len(missing)} rows of the table name no file in {source}, such as {missing[0]}.")


def _genre(path: Path, source: Path, rows: Mapping[Path, Row]) -> str | None:
    """Return the genre by the table, or else the folder in the source; None for a file beside the folders."""
    folder, *inner = path.relative_to(source).parts
    return row_of(path, rows).genre or (folder if inner else None)


def _tell_left_out(why: str, paths: Sequence[Path]) -> None:
    if paths:
        names = ", ".join(path.name for path in paths[:_NAMED])
        tqdm.write(f"Left out, {len(paths)} files that are {why}: {names}{', ...' if len(paths) > _NAMED else ''}")


def _files(source: Path) -> Iterator[Path]:
    """Yield the files in a folder and below, in order; links to folders are followed, but never in a circle."""

    def refuse(error: OSError) -> None:
        raise error

    for name, folders, files in os.walk(source, followlinks=True, onerror=refuse):
        folder = Path(name)
        ignored = [
            inner
            for inner in folders
            if is_ignored_folder(inner)
            # An album may be called ".5: The Gray Chapter", a genre not.
            or (folder == source and inner.startswith("."))
            or ((folder / inner).is_symlink() and folder.resolve().is_relative_to((folder / inner).resolve()))
        ]
        folders[:] = sorted(set(folders) - set(ignored))
        yield from (folder / file for file in sorted(files))
