"""File names that say that several files are pieces of one song: `song_part1`, `song_part2`; `song (1)`; `song-01`.

A number may as well count the songs of a collection: `rock.00001`, `rock.00002`. It then says nothing. It is taken for
that where the rest of the name is the genre's, the folder's or a word such as "track", and where nearly all songs of
the folder share it. A word such as "part" is no such count, unless the rest of the name is the genre's or the folder's.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

# Endings of the names of pieces of a song, which songs of a collection have as well.
_PIECE = r"part|pt|piece|segment|seg|chunk|slice|section"
_MAYBE = r"clip|cut|take|excerpt|sample|snippet"
_WHICH = r"(?:[\s_.-]*\d{1,6}|[\s_.-]+(?:[a-z]|[ivx]{1,4}))(?:[\s_]*of[\s_]*\d+)?[)\]]?$"
_STRONG = re.compile(rf"[\s_.\-(\[]+(?:{_PIECE}){_WHICH}", re.IGNORECASE)
_WEAK = re.compile(
    rf"(?:[\s_.\-(\[]+(?:{_MAYBE}){_WHICH}|[\s_.-]+\d{{1,6}}s?$|\d{{3,6}}$|\s*[(\[]\d{{1,6}}[)\]]$)", re.IGNORECASE
)
_GENERIC = frozenset(
    {
        *("audio", "clip", "file", "music", "mix", "output", "sample", "song", "sound", "track", "titel", "piste"),
        *("recording", "newrecording", "unknown", "untitled"),
    }
)
# Of a folder's songs, from which a stem with a number is the collection's and no song's.
_NEARLY_ALL = 0.9


def shared_stems(genres: Mapping[Path, str]) -> dict[Path, str]:
    """Return the stem of each file that is a piece of a song, `genres` being those of all files.

    Only files of one folder and genre share a stem, and only stems of two files or more are returned.
    """
    folders = {path: (path.parent, genre) for path, genre in genres.items()}
    songs = Counter(folders.values())
    counts = Counter((folders[path], stem) for path in genres for stem, _ in _stems(path.stem))
    found = {}
    for path, genre in genres.items():
        names = {_letters(genre), _letters(path.parent.name), *_GENERIC}
        for stem, strong in _stems(path.stem):
            share = counts[folders[path], stem] / songs[folders[path]]
            if _letters(stem) in names or not (strong or share <= _NEARLY_ALL):
                break
            if counts[folders[path], stem] > 1:
                found[path] = stem
    return found


def _stems(name: str) -> Iterator[tuple[str, bool]]:
    """Yield a name without its last number, then that without its last, and so on; and whether each is of a piece."""
    while True:
        strong = _STRONG.search(name)
        match = strong or _WEAK.search(name)
        if match is None or not any(letter.isalnum() for letter in name[: match.start()]):
            return
        name = name[: match.start()]
        yield name.casefold(), strong is not None


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
