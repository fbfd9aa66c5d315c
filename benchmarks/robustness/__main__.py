"""Measure whether a model's answer stays the same however a song arrives.

    python -m benchmarks.robustness --bundle models/gtzan-best --songs FOLDER

Each song is classified as it is and in changed copies: narrow bands and low bit rates, channels of opposite polarity,
silence in it, other levels, beginnings and speeds, noise and speech over it. Sounds that are not music follow, which
should get no genre; their voices come from espeak-ng and flite, where installed. Every run makes the same sounds.

In the tables, `same` is the share of songs with the same most probable genre as unchanged, `sure` the number of answers
that name a genre with a confidence of 0.6 or more, `of another` the share of these that name another genre,
`became null` the share that lost the genre they had, and `change of top` the mean change of the greatest probability.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.robustness.measure import (
    SURE,
    ChangeRow,
    Classify,
    SoundRow,
    as_json,
    change_rows,
    mean_cpu_milliseconds,
    measure_songs,
    measure_sounds,
    sound_rows,
)
from inference.bundle import atomic_write, load_bundle
from inference.classifier import GenreClassifier


def load_classify(folder: Path) -> Classify:
    """Return a function that classifies with the bundle in a folder."""
    return GenreClassifier(load_bundle(folder)).classify


def main() -> None:
    """Measure, print the tables, and write them with all answers as JSON if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.robustness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the model")
    parser.add_argument("--songs", type=Path, required=True, metavar="FOLDER", help="songs of any format")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the tables and all answers")
    parser.add_argument("--limit", type=int, help="so many songs, and sounds of each kind, at most")
    arguments = parser.parse_args()
    classify = load_classify(arguments.bundle)
    songs = measure_songs(classify, arguments.songs, arguments.limit)
    if not songs:
        parser.error(f"There is no song in {arguments.songs} that can be read. Name a folder of audio files.")
    sounds = measure_sounds(classify, arguments.limit)
    unchanged = [song.unchanged for song in songs]
    without = sum(answer.genre is None for answer in unchanged)
    print(f"{arguments.bundle.name}: {len(songs)} songs; unchanged, {without} get no genre, ", end="")
    print(f"{sum(answer.is_sure for answer in unchanged)} one with a confidence of {SURE:g} or more.")
    milliseconds = mean_cpu_milliseconds(songs)
    if milliseconds is not None:
        print(f"CPU: {milliseconds:.1f} ms per song of 30 seconds.")
    print_changes(change_rows(songs))
    print_sounds(sound_rows(sounds))
    if arguments.json:
        results = {"bundle": arguments.bundle.name, **as_json(songs, sounds)}
        atomic_write(arguments.json, json.dumps(results, indent=1).encode())


def print_changes(rows: Sequence[ChangeRow]) -> None:
    """Print a table of the changes."""
    print(f"\n{'':42}{'songs':>5}{'same':>8}{'sure':>6}{'of another':>12}{'became null':>13}{'change of top':>15}")
    kind = None
    for row in rows:
        if row.kind != kind:
            print(kind := row.kind)
        print(f"  {row.change:40}{row.songs:5}", end="")
        if row.missing:
            print(f"  {row.missing}")
            continue
        print(f"{_text(row.same):>8}{row.sure:6}{_text(row.sure_of_another):>12}", end="")
        print(f"{_text(row.became_null):>13}{_text(row.top_probability_change, '+.3f'):>15}")


def print_sounds(rows: Sequence[SoundRow]) -> None:
    """Print a table of the sounds that are no music."""
    print(f"\n{'no music':24}{'sounds':>7}{'null':>8}{'sure':>6}  genres of the others")
    for row in rows:
        print(f"{row.kind:24}{row.sounds:7}", end="")
        genres = ", ".join(f"{genre} {count}" for genre, count in row.genres.items())
        print(f"  {row.missing}" if row.missing else f"{_text(row.null):>8}{row.sure:6}  {genres}".rstrip())


def _text(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    main()
