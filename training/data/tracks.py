"""Tracks: the songs that training learns from, whatever they are read from.

A source is a folder or a zip with one folder a genre: `<genre>/<track>.<suffix>`. The tracks are pictures of scaled
log-mel spectrograms (grey, the highest band on top, 0 for the clip's least value and 255 for its greatest) or, in a
folder, audio. Clips computed from audio are kept in a cache, so that an interrupted reading goes on where it stopped.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from features.audio import UnreadableAudio
from features.clips import song_clips
from features.music_folders import is_companion, is_song
from features.settings import MelSettings
from features.windows import cut_windows
from inference.bundle import atomic_write
from training.workers import start_workers

# What takes long to compute is kept here.
CACHE = Path(__file__).resolve().parents[2] / ".cache"
PICTURES = {".jpg", ".jpeg", ".png"}


class BadData(ValueError):
    """Training data that cannot be used; the message has the fault and the remedy."""


@dataclass(frozen=True)
class TagCurves:
    """The logits of an encoder's tags for patches of a song: `logits`, float32 of shape (patches, tags).

    `seconds`, of shape (patches,), says when each patch starts in the song's clips, one after another.
    """

    logits: NDArray[np.float32]
    seconds: NDArray[np.float64]


@dataclass(frozen=True)
class Track:
    """One song: `clips` are its scaled log-mel spectrograms, float32 of shape (n_mels, frames) in [0, 1].

    `artist` is None where nobody knows. `block` is the group that splits by groups keep together, None for the artist;
    for own music, `block_from` says how it is known, None where it is not. `published` has the part that published
    splits assign to the track, by the split's name. `audio` is the file that the clips were computed from, None for
    pictures. `tags` are the outputs of an encoder for the song, None where they are not known. `part_of` is the name of
    the song that a window is part of, None for a whole song.
    """

    name: str
    genre: str
    clips: list[NDArray[np.float32]] = field(repr=False)
    artist: str | None = None
    block: str | None = None
    block_from: str | None = None
    published: Mapping[str, str] = field(default_factory=dict)
    audio: Path | None = field(default=None, repr=False)
    tags: TagCurves | None = field(default=None, repr=False)
    part_of: str | None = None

    def windows(self, settings: MelSettings) -> NDArray[np.float32]:
        """Return the windows of all clips, shape (n, n_mels, window_frames, 1)."""
        return np.concatenate([cut_windows(clip, settings) for clip in self.clips])


def read_tracks(source: Path, settings: MelSettings, names: Collection[str] | None = None) -> list[Track]:
    """Return the tracks of a source, or those with the given names, sorted by genre and name.

    Prints the audio files that cannot be read, and leaves them out. Raises BadData for a source without a track, for a
    damaged zip and for a picture that is no spectrogram with these settings.
    """
    if zipfile.is_zipfile(source):
        tracks = [track for _, track in read_zip(source, settings, names)]
    elif source.is_dir():
        files = sorted(path for path in source.glob("*/*") if path.is_file() and _wanted(path, names))
        pictures = [path for path in files if path.suffix.lower() in PICTURES]
        audio = [path for path in files if path.suffix.lower() not in PICTURES]
        tracks = [picture_track(path, path.read_bytes(), settings) for path in tqdm(pictures, "reading pictures")]
        tracks += read_audio(audio, settings)
    else:
        raise BadData(f"{source} is neither a folder nor a whole zip file.")
    if not tracks:
        raise BadData(f"There is no track in {source}. It must hold one folder a genre, with audio or pictures in it.")
    return sorted(tracks, key=lambda track: (track.genre, track.name))


def _wanted(path: Path, names: Collection[str] | None) -> bool:
    return names is None or path.stem in names


def read_zip(source: Path, settings: MelSettings, names: Collection[str] | None = None) -> Iterator[tuple[str, Track]]:
    """Yield the path in a zip and the track of each picture, or of those with the given names.

    Raises BadData for a zip that is damaged or holds songs, and for a picture that is no spectrogram.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError) as error:
        raise BadData(f"{source} cannot be read ({error}). Get the file again.") from error
    with archive:
        if any(map(is_song, archive.namelist())):
            raise BadData(f"{source} holds songs. Unpack it, and give the folder: from a zip, only pictures are read.")
        members = [
            name
            for name in sorted(archive.namelist())
            if Path(name).suffix.lower() in PICTURES
            and not is_companion(Path(name).name)
            and _wanted(Path(name), names)
        ]
        for name in tqdm(members, f"reading {source.name}", unit="track"):
            try:
                content = archive.read(name)
            except (zipfile.BadZipFile, zlib.error, OSError) as error:
                raise BadData(f"{name} in {source} cannot be read ({error}). Get the file again.") from error
            yield name, picture_track(Path(name), content, settings)


def picture_track(path: Path, content: bytes, settings: MelSettings) -> Track:
    """Return the track of a picture's content, its folder the genre; raise BadData if it is no spectrogram."""
    try:
        picture = Image.open(io.BytesIO(content)).convert("L")
    except (UnidentifiedImageError, OSError) as error:
        raise BadData(f"The picture {path} cannot be read ({error}). Get the file again.") from error
    needed = (settings.clip_frames, settings.n_mels)
    if picture.size != needed:
        raise BadData(f"The picture {path} has {picture.size} pixels; a clip's frames and bands are {needed}.")
    clip = np.flipud(np.asarray(picture, np.float32)) / np.float32(255)
    return Track(path.stem, path.parent.name, [np.ascontiguousarray(clip)])


def read_audio(paths: Collection[Path], settings: MelSettings) -> list[Track]:
    """Return the tracks of audio files, the folder of each its genre; print those that cannot be read."""
    tracks, unreadable = [], []
    with start_workers() as workers:
        clips_or_error = workers.map(partial(_clips, settings=settings, cache=CACHE / "clips"), paths, chunksize=4)
        for path, result in zip(paths, tqdm(clips_or_error, "reading audio", len(paths), unit="track"), strict=True):
            if isinstance(result, str):
                unreadable.append(f"{path}: {result}")
            else:
                tracks.append(Track(path.stem, path.parent.name, result, audio=path))
    if unreadable:
        tqdm.write("\n".join([f"Left out, {len(unreadable)} files that cannot be read:", *unreadable]))
    return tracks


def cached_arrays(
    cache: Path, key: Collection[object], compute: Callable[[], list[NDArray[Any]]]
) -> list[NDArray[Any]]:
    """Return the result of `compute`, from a folder if it has been kept there under the same key."""
    kept = cache / f"{hashlib.sha256(repr(tuple(key)).encode()).hexdigest()}.npz"
    if kept.exists():
        with np.load(kept) as file:
            return [file[name] for name in file.files]
    arrays = compute()
    content = io.BytesIO()
    np.savez(content, *arrays)
    cache.mkdir(parents=True, exist_ok=True)
    atomic_write(kept, content.getvalue())
    return arrays


def file_version(path: Path) -> tuple[str, int, int]:
    """Return a version that changes with a file: its place, size in bytes, and modification time in nanoseconds."""
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def _clips(path: Path, settings: MelSettings, cache: Path) -> list[NDArray[np.float32]] | str:
    """Return the clips of an audio file, or its fault."""
    try:
        return cached_arrays(cache, [settings, *file_version(path)], lambda: song_clips(path, settings).spectrograms)
    except (UnreadableAudio, OSError) as error:
        return str(error)
