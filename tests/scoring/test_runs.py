"""A run: what it writes, that it goes on where it was stopped, and what it says."""

import json
import random
import signal
import sqlite3
import time
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from inference.bundle import MODELS, load_bundle
from inference.classifier import GenreClassifier
from scoring.report import write_report
from scoring.summary import summarise
from tests.scoring.command import MODEL, rows_of, score, start, wait_for_worker
from tests.scoring.test_table import GOOD

NAMES = ["D.OGG", "a.mp3", "album/e.opus", "album/f.m4a", "album/h.mp3", "album/second/g.aiff", "b.wav", "c.flac"]


def test_every_song_of_a_folder_gets_the_answer_of_the_model(songs: Path, tmp_path: Path) -> None:
    status, said = score(songs, "--out", tmp_path / "table.parquet")
    rows = rows_of(tmp_path / "table.parquet")
    assert status == 0, said
    assert [row["path"] for row in rows] == [str(songs / name) for name in NAMES]
    classifier = GenreClassifier(load_bundle(MODELS / MODEL[1]))
    for row in rows:
        answer = classifier.classify(row["path"])
        assert row["genre"] == answer.genre
        assert row["confidence"] == pytest.approx(answer.confidence, abs=1e-6)
        assert row["segments"] == [pytest.approx(vars(segment), abs=1e-6) for segment in answer.segments]
        for genre, probability in answer.probabilities.items():
            assert row[f"probability_{genre}"] == pytest.approx(probability, abs=1e-6)
        assert dict(row["tags"]) == pytest.approx(answer.tags, abs=1e-6)
        assert (row["size"], row["model"]) == (Path(row["path"]).stat().st_size, MODEL[1])
        assert row["duration_seconds"] == pytest.approx(5.0, abs=0.1)
        assert row["error"] is None
    assert "8 of 8 files" in said
    assert "8 files" in said.splitlines()[2]


def test_what_is_scored_is_not_scored_again_until_it_changes(songs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    for name in ("a.mp3", "c.flac"):
        (folder / name).write_bytes((songs / name).read_bytes())
    table = tmp_path / "table.parquet"
    score(folder, "--out", table)
    first = rows_of(table)
    assert "files/s" not in score(folder, "--out", table)[1]
    assert rows_of(table) == first

    (folder / "a.mp3").write_bytes((songs / "album" / "h.mp3").read_bytes())
    (folder / "new.wav").write_bytes((songs / "b.wav").read_bytes())
    assert "3 of 3 files" in score(folder, "--out", table)[1]
    changed, same, new = rows_of(table)
    assert changed["confidence"] != first[0]["confidence"]
    assert same == first[1]
    assert Path(new["path"]).name == "new.wav"

    (folder / "c.flac").unlink()
    score(folder, "--out", table, "--force")
    assert [Path(row["path"]).name for row in rows_of(table)] == ["a.mp3", "new.wav"]


def test_a_file_is_known_by_its_content_if_one_asks_for_it(songs: Path, tmp_path: Path) -> None:
    song = tmp_path / "a.mp3"
    song.write_bytes((songs / "a.mp3").read_bytes())
    table = tmp_path / "table.parquet"
    score(song, "--out", table, "--by-content")
    (first,) = rows_of(table)
    song.touch()
    score(song, "--out", table, "--by-content")
    assert rows_of(table) == [first]
    score(song, "--out", table)
    assert rows_of(table)[0]["seconds"] != first["seconds"]


def test_a_run_goes_on_with_a_journal_from_before_there_were_tags(songs: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    score(songs / "a.mp3", "--out", table)
    with closing(sqlite3.connect(f"{table}.journal", isolation_level=None)) as database:
        ((packed,),) = database.execute("SELECT row FROM rows")
        fields = json.loads(zlib.decompress(packed))
        del fields["tags"]
        database.execute("UPDATE rows SET row = ?", (zlib.compress(json.dumps(fields).encode()),))
    (first,) = rows_of(table)
    status, said = score(songs / "a.mp3", songs / "b.wav", "--out", table)
    assert status == 0, said
    rows = rows_of(table)
    assert [Path(row["path"]).name for row in rows] == ["a.mp3", "b.wav"]
    # Not scored again.
    assert (rows[0]["seconds"], rows[0]["tags"]) == (first["seconds"], [])


def test_another_model_scores_anew(songs: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    for model in (MODEL[1], "gtzan-svm"):
        status, said = score(songs / "a.mp3", "--out", table, "--model", model)
        assert (status, "1 of 1 files" in said) == (0, True), said
        (row,) = rows_of(table)
        answer = GenreClassifier(load_bundle(MODELS / model)).classify(songs / "a.mp3")
        assert (row["model"], row["confidence"]) == (model, pytest.approx(answer.confidence, abs=1e-6))


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_is_complete_in_the_end(songs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}.wav").write_bytes((songs / "b.wav").read_bytes())
    table = tmp_path / "table.parquet"
    moments = random.Random(0)  # noqa: S311 - nobody guesses it
    for _ in range(6):
        process = start(folder, "--out", table, "--workers", "2")
        time.sleep(moments.uniform(0.5, 3.0))
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate(timeout=30)
        # Those that score end by themselves when nobody waits for them.
        assert not psutil.wait_procs(workers, timeout=30)[1]
        assert not table.exists() or len(rows_of(table)) == 40
    status, said = score(folder, "--out", table)
    assert status == 0, said
    assert [Path(row["path"]).name for row in rows_of(table)] == [f"{number:02}.wav" for number in range(40)]
    assert {path.name for path in tmp_path.iterdir()} == {"songs", "table.parquet", "table.parquet.journal"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_keeps_what_is_done(
    songs: Path, long_song: Path, tmp_path: Path, number: signal.Signals
) -> None:
    table = tmp_path / "table.parquet"
    process = start(songs, long_song, "--out", table)
    wait_for_worker(process, long_song)
    process.send_signal(number)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "goes on from there" in said
    assert "Traceback" not in said
    assert not table.exists()
    with sqlite3.connect(tmp_path / "table.parquet.journal") as database:
        assert database.execute("SELECT count(*) FROM rows").fetchone() == (8,)


def test_two_runs_on_one_table_refuse_each_other(songs: Path, long_song: Path, tmp_path: Path) -> None:
    first = start(long_song, "--out", tmp_path / "table.parquet")
    wait_for_worker(first, long_song)
    status, said = score(songs, "--out", tmp_path / "table.parquet")
    assert status == 2
    assert "Another run works on" in said
    first.kill()
    first.communicate(timeout=30)
    assert score(songs / "a.mp3", "--out", tmp_path / "table.parquet")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--out", "table.csv"], "There is no nowhere"),
        ([".", "--out", "table.xlsx"], "--out must end with"),
        ([".", "--out", "nowhere/table.csv"], "There is no folder nowhere"),
        ([".", "--out", "table.csv", "--models", "docs"], "There is no model in"),
        ([".", "--out", "table.csv", "--workers", "0"], "must be 1 or more"),
        ([".", "--out", "table.csv", "--timeout", "-1"], "must be over 0"),
        (["--out", "table.csv"], "SOURCE"),
        ([".", "--out", "table.csv", "--journal", "README.md"], "is no journal"),
    ],
)
def test_wrong_usage_is_said_and_nothing_is_written(arguments: list[str], says: str, tmp_path: Path) -> None:
    arguments = [str(tmp_path / part) if part == "table.csv" else part for part in arguments]
    status, said = score(*arguments)
    assert status == 2
    assert says in said
    assert not (tmp_path / "table.csv").exists()


def test_playlists_and_a_report_say_what_the_table_says(songs: Path, sure_models: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    made = ("--playlists", tmp_path / "lists", "--report", tmp_path / "report.html")
    score(songs, "--out", table, "--models", sure_models, *made)
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    for genre in {row["genre"] for row in rows}:
        lines = (tmp_path / "lists" / f"{genre}.m3u8").read_text().splitlines()
        assert lines[0] == "#EXTM3U"
        assert lines[2::2] == [row["path"] for row in rows if row["genre"] == genre]
    page = (tmp_path / "report.html").read_text()
    assert "Genres of 8 songs" in page
    assert "a.mp3" in page
    assert "http" not in page


def test_a_report_lists_the_tags_of_the_least_certain_songs(tmp_path: Path) -> None:
    card = load_bundle(MODELS / MODEL[1]).card
    row = replace(GOOD, tags={"jazz": 0.9, "<b>80s": 0.2})
    write_report(summarise([row]), card, tmp_path / "report.html")
    assert "<td>jazz, &lt;b&gt;80s</td>" in (tmp_path / "report.html").read_text()
