"""A dry run: it counts, and changes nothing."""

import re
from pathlib import Path

from tests.scoring.command import results, score


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def counts(*arguments: str | Path) -> list[int]:
    """Return the numbers of a dry run: files listed, scored already, to be scored, of these new, and again."""
    done = results(*arguments, "--dry-run")
    assert done.returncode == 0, done.stderr
    return [int(number) for number in re.findall(r"\d+", done.stdout)]


def test_a_dry_run_counts_what_is_to_be_scored_and_writes_nothing(songs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    for name in ("a.mp3", "b.wav", "c.flac"):
        (folder / name).write_bytes((songs / name).read_bytes())
    (folder / "broken.mp3").write_bytes(b"no song")
    table = tmp_path / "table.parquet"
    before = contents(tmp_path)
    assert counts(folder, "--out", table) == [4, 0, 4, 4, 0]
    assert contents(tmp_path) == before

    assert score(folder, "--out", table)[0] == 1
    (folder / "a.mp3").write_bytes((songs / "album" / "h.mp3").read_bytes())
    (folder / "new.wav").write_bytes((songs / "b.wav").read_bytes())
    (folder / "c.flac").unlink()
    before = contents(tmp_path)
    assert counts(folder, "--out", table) == [4, 2, 2, 1, 1]
    assert counts(folder, "--out", table, "--retry-errors") == [4, 1, 3, 1, 2]
    assert counts(folder, "--out", table, "--force") == [4, 0, 4, 1, 3]
    assert contents(tmp_path) == before
    # The run itself does so much.
    assert "4 of 4 files" in score(folder, "--out", table)[1]


def test_a_dry_run_says_what_the_run_would_refuse(songs: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("mine")
    done = results(songs, "--out", tmp_path / "table.csv", "--dry-run")
    assert done.returncode == 2
    assert "table.csv" in done.stderr
    assert contents(tmp_path) == {"table.csv": b"mine"}
