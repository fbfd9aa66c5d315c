"""The measurement of robustness, as a command on songs made here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.bundle import MODELS, list_cards
from tests.sounds import song

# The songs are changed and heard some forty times.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what the command writes for a mono and a stereo song beside a file that is no song."""
    songs, out = tmp_path_factory.mktemp("songs"), tmp_path_factory.mktemp("out") / "robustness.json"
    (songs / "deeper").mkdir()
    (songs / "mono.wav").write_bytes(song(6, "wav", 22_050, channels=1))
    (songs / "deeper" / "stereo.m4a").write_bytes(song(6.5, "m4a", seed=1))
    (songs / "list.txt").write_text("no song")
    bundle = MODELS / next(iter(list_cards()))
    command = [sys.executable, "-m", "benchmarks.robustness", "--bundle", str(bundle), "--songs", str(songs)]
    printed = subprocess.run(
        [*command, "--json", str(out), "--limit", "2"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    found: dict[str, Any] = json.loads(out.read_text())
    assert all(row["change"] in printed for row in found["changes"])
    assert all(row["kind"] in printed for row in found["sounds"])
    return found


def test_every_change_has_a_row_over_the_songs_it_applies_to(results: dict[str, Any]) -> None:
    assert {song["path"] for song in results["answers_to_songs"]} == {"mono.wav", "deeper/stereo.m4a"}
    for row in results["changes"]:
        expected = 0 if row["missing"] else 1 if row["change"].startswith("stereo") else 2
        assert row["songs"] == expected, row
        shares = [row[name] for name in ("same", "sure_of_another", "became_null") if row[name] is not None]
        assert all(0 <= share <= 1 for share in shares), row


def test_a_lower_level_hardly_changes_the_answer_and_other_changes_do(results: dict[str, Any]) -> None:
    rows = {row["change"]: row for row in results["changes"]}
    assert rows["-12 dB"]["same"] == 1
    assert abs(rows["-12 dB"]["top_probability_change"]) < 0.05
    assert len({row["top_probability_change"] for row in rows.values()}) > 20


def test_sounds_are_counted_by_kind(results: dict[str, Any]) -> None:
    rows = {row["kind"]: row for row in results["sounds"]}
    assert rows["generated"]["sounds"] == 32
    for row in rows.values():
        assert row["missing"] or row["sounds"] > 0
        assert sum(row["genres"].values()) == round(row["sounds"] * (1 - (row["null"] or 0))), row
