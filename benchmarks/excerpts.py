"""Measure the cost of excerpts, and how often they give the genre of the whole song.

    python -m benchmarks.excerpts --songs FOLDER

Every song is classified whole and in excerpts, in turns, by one process, and the excerpts are also decoded alone. The
ratios are of CPU time and of wall time, per format: how many times as many songs per second excerpts make, and how much
of what decoding the same excerpts alone makes is reached.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from tqdm import tqdm

from features.audio import open_audio
from inference.bundle import MODELS, load_bundle
from inference.classifier import GenreClassifier


@dataclass(frozen=True)
class Turn:
    """A song in so many excerpts, 0 for the whole: its genre, and CPU and wall seconds, of decoding alone as well."""

    song: Path
    excerpts: int
    genre: str | None
    seconds: tuple[float, float]
    decode_seconds: tuple[float, float]


def measure(songs: Sequence[Path], model: str, numbers: Sequence[int], rounds: int) -> list[Turn]:
    """Return a turn for each round, song, and number of excerpts."""
    classifier = GenreClassifier(load_bundle(MODELS / model))
    classifier.classify(songs[0], 1)
    turns = []
    for _ in range(rounds):
        for song in tqdm(songs, "measuring", unit="song"):
            for number in (0, *numbers):
                genres: list[str | None] = []
                seconds = _time(lambda: genres.append(classifier.classify(song, number).genre))  # noqa: B023 - at once
                turns.append(Turn(song, number, genres[0], seconds, _time(lambda: _decode(song, number))))  # noqa: B023
    return turns


def _decode(song: Path, excerpts: int) -> None:
    with open_audio(song, excerpts=excerpts) as sound:
        for _ in sound.blocks:
            pass


def _time(work: Callable[[], None]) -> tuple[float, float]:
    cpu, wall = process_time(), perf_counter()
    work()
    return process_time() - cpu, perf_counter() - wall


def summarise(turns: Sequence[Turn]) -> list[dict[str, object]]:
    """Return for each number of excerpts the agreement with the whole song, and the ratios for each format."""
    whole = {turn.song: turn.genre for turn in turns if not turn.excerpts}
    rows: list[dict[str, object]] = []
    for number in sorted({turn.excerpts for turn in turns}):
        same = [turn.genre == whole[turn.song] for turn in turns if turn.excerpts == number]
        row: dict[str, object] = {"excerpts": number or "all", "same_genre": round(sum(same) / len(same), 3)}
        for suffix in sorted({turn.song.suffix for turn in turns}):
            ours = [turn for turn in turns if turn.excerpts == number and turn.song.suffix == suffix]
            all_of_it = [turn for turn in turns if not turn.excerpts and turn.song.suffix == suffix]
            row[suffix] = {
                clock: {
                    "songs_per_second": round(len(ours) / _total(ours, place), 2),
                    "times_whole": round(_total(all_of_it, place) / _total(ours, place), 2),
                    "over_decode_only": round(
                        sum(turn.decode_seconds[place] for turn in ours) / _total(ours, place), 2
                    ),
                }
                for place, clock in enumerate(("cpu", "wall"))
            }
        rows.append(row)
    return rows


def _total(turns: Sequence[Turn], place: int) -> float:
    return sum(turn.seconds[place] for turn in turns)


def main() -> None:
    """Measure, and print a line for each number of excerpts."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.excerpts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=Path, required=True, help="folder of whole songs, in one format or several")
    parser.add_argument("--model", default="gtzan-best")
    parser.add_argument("--excerpts", type=int, nargs="+", default=[1, 2, 3, 5], metavar="N")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    songs = sorted(path for path in arguments.songs.rglob("*") if path.is_file())
    for row in summarise(measure(songs, arguments.model, arguments.excerpts, arguments.rounds)):
        print(json.dumps(row))  # noqa: T201


if __name__ == "__main__":
    main()
