"""Messages: what is shown, to whom, and by which name."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from inference.bundle import find_card, list_cards
from tests.scoring.command import ROOT, on_terminal, results, score


def test_a_quiet_run_writes_errors_only(songs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no song")
    done = results(songs / "a.mp3", broken, "--out", tmp_path / "table.csv", "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert str(broken) in line
    # Not even a bar on a terminal.
    assert on_terminal(songs / "a.mp3", "--out", tmp_path / "table.csv", "--quiet") == (0, "")


def test_listing_and_tagging_show_how_far_they_are(songs: Path, tmp_path: Path) -> None:
    arguments = (songs / "a.mp3", "--out", tmp_path / "table.csv", "--write-tags", "--least-confidence", "1")
    status, shown = on_terminal(*arguments)
    assert status == 0, shown
    assert "Listing: 0 files" in shown
    assert "1 files found" in shown
    assert "Tagging:" in shown


def test_the_version_is_that_of_the_project_and_of_the_default_model() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scoring", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    card = find_card(None, list_cards())
    assert project["version"] in done.stdout
    assert f"{card.name} {card.version}" in done.stdout


@pytest.mark.parametrize(("arguments", "status"), [(["undo", "--help"], 0), (["--out"], 2)])
def test_the_command_calls_itself_as_it_was_started(arguments: list[str], status: int, tmp_path: Path) -> None:
    # As an installer writes it.
    script = tmp_path / "genre-score"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom scoring.__main__ import main\nsys.exit(main())\n"
    )
    for start, name in ([str(script)], "genre-score"), (["-m", "scoring"], "python -m scoring"):
        done = subprocess.run(
            [sys.executable, *start, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.stdout + done.stderr).startswith(f"usage: {name} ")
        assert done.returncode == status


def test_the_help_names_every_exit_status() -> None:
    said = results("--help").stdout
    for status in ("0", "1", "2", "130"):
        assert any(line.split()[:1] == [status] for line in said.splitlines())


@pytest.mark.parametrize("option", ["--timeout", "--workers", "--least-confidence"])
def test_a_number_that_is_none_is_named(option: str, songs: Path, tmp_path: Path) -> None:
    status, said = score(songs, "--out", tmp_path / "table.csv", option, "many")
    assert status == 2
    assert f"{option}: must be a number, not 'many'" in said
