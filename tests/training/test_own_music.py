"""Folders of own music as people have them: what is read, what is left out, and what is refused before a training."""

import json
import shutil
import zipfile
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen.id3 import TPE1

from features.settings import MelSettings
from inference.bundle import MODELS, list_cards, load_bundle
from tests.sounds import song
from tests.training.conftest import ROOT, run
from training.__main__ import main
from training.data.audit import across_sides, drop_duplicates, find_duplicates
from training.data.own_music import read_own_music
from training.data.splits import Split
from training.data.tracks import BadData
from training.evaluation.metrics import wilson_interval

SETTINGS = MelSettings()
# Trainings in a process each, on a machine that may be busy.
pytestmark = pytest.mark.timeout(600)


def copy_songs(own_music: Path, folder: Path, each: int) -> Path:
    """Copy the first songs of each genre."""
    for genre in own_music.iterdir():
        if genre.is_dir():
            (folder / genre.name).mkdir(parents=True)
            for path in sorted(genre.iterdir())[:each]:
                shutil.copy(path, folder / genre.name)
    return folder


def names(folder: Path, table: Path | None = None) -> list[str]:
    return [track.name for track in read_own_music(folder, SETTINGS, table)]


def training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path
) -> tuple[int, str]:
    """Run the command in this process: to load what trains takes longer than to find out."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["training", *map(str, arguments)])
    status = main()
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return status, printed.out + printed.err


def test_what_lies_beside_songs_is_left_out_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("rock/loose.wav", "rock/album/1.wav", "rock/album/CD2/2.wav", "folk/loose.wav", "top.wav"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(song(2, "wav"))
    for path in ("rock/cover.jpg", "rock/folder.nfo", "folk/Thumbs.db", "folk/all.cue", "rock/album/._1.wav"):
        (tmp_path / path).write_bytes(b"no song")
    for path in (".ipynb_checkpoints", "@eaDir", "__MACOSX", "#recycle", ".hidden", "rock/@eaDir"):
        (tmp_path / path).mkdir()
        (tmp_path / path / "copy.wav").write_bytes(song(2, "wav"))
    (tmp_path / "rock" / "again").symlink_to(tmp_path / "rock", target_is_directory=True)
    assert names(tmp_path) == ["folk/loose.wav", "rock/album/1.wav", "rock/album/CD2/2.wav", "rock/loose.wav"]
    printed = capsys.readouterr().out
    assert "4 files that are no songs: " in printed
    assert "1 files that are pictures beside songs: cover.jpg" in printed
    assert "1 files that are in no folder of a genre: top.wav" in printed


def test_linked_folders_are_read(tmp_path: Path) -> None:
    (tmp_path / "disk" / "album").mkdir(parents=True)
    (tmp_path / "disk" / "album" / "1.wav").write_bytes(song(2, "wav"))
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "rock").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert names(tmp_path / "music") == ["rock/album/1.wav"]


def test_a_name_in_two_genres_is_two_songs(tmp_path: Path) -> None:
    for seed, path in enumerate(("rock/1.wav", "folk/1.wav", "folk/2.wav")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(song(12, "wav", 22_050, 1, seed=seed))
    shutil.copy(tmp_path / "rock" / "1.wav", tmp_path / "rock" / "2.wav")
    tracks = read_own_music(tmp_path, SETTINGS)
    assert len({track.name for track in tracks}) == 4
    by_name = {track.name: track for track in tracks}
    split = Split([by_name["rock/1.wav"], by_name["folk/2.wav"]], [by_name["folk/1.wav"]], [by_name["rock/2.wav"]])
    duplicates = find_duplicates(tracks, SETTINGS.frame_seconds)
    assert [(one, other) for one, other, _ in across_sides(split, duplicates)] == [("train", "test")]
    assert [track.name for track in drop_duplicates(split, duplicates).train] == ["folk/2.wav"]


def test_a_zip_of_songs_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as archive:
        archive.writestr("rock/1.wav", song(2, "wav"))
    with pytest.raises(BadData, match="Unpack"):
        read_own_music(tmp_path / "music.zip", SETTINGS)


def test_one_genre_is_too_few(
    tmp_path: Path, own_music: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_songs(own_music, tmp_path / "music", 2)
    for other in ("blues", "jazz", "metal"):
        shutil.rmtree(tmp_path / "music" / other)
    fit = ("fit", "--model", "logistic", "--dataset", "folder", "--data", tmp_path / "music", "--models", tmp_path)
    status, said = training(monkeypatch, capsys, *fit)
    assert status == 2
    assert "one genre only" in said
    assert "rock" in said


def test_the_audit_says_which_split_the_songs_are_too_few_for(
    few_songs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = training(monkeypatch, capsys, "audit", "--dataset", "folder", "--data", few_songs)
    assert status == 0
    lines = said.splitlines()
    assert all(
        any(line.startswith(f"{name}: ") for line in lines)
        for name in ("group-random", "track-random", "window-random")
    )


@pytest.mark.parametrize("name", ["a/b", "../up", "", ".hidden", "a\\b", "line\nbreak", "x" * 200])
def test_a_name_that_no_folder_can_have_is_refused_before_the_training(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = ("fit", "--model", "logistic", "--dataset", "folder", "--data", "nowhere", "--models", tmp_path)
    status, said = training(monkeypatch, capsys, *fit, f"--name={name}")
    assert status == 2
    assert "cannot be named" in said


def test_a_bundle_is_replaced_only_by_force(
    tmp_path: Path, own_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(own_bundle, tmp_path / "mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    (tmp_path / "music" / "rock").mkdir(parents=True)
    data = tmp_path / "music"
    fit = ("fit", "--model", "svm", "--dataset", "folder", "--data", data, "--models", tmp_path, "--name")
    assert "mine is there already" in training(monkeypatch, capsys, *fit, "mine")[1]
    assert "There is no track in" in training(monkeypatch, capsys, *fit, "mine", "--force")[1]
    assert "no model" in training(monkeypatch, capsys, *fit, "other", "--force")[1]
    assert load_bundle(tmp_path / "mine") == load_bundle(own_bundle)


def test_duplicates_that_are_left_out_are_the_reason_for_too_few(
    tmp_path: Path, own_music: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_songs(own_music, tmp_path / "music", 8)
    for number in range(1, 8):
        shutil.copy(folder / "jazz" / "jazz.00000.wav", folder / "jazz" / f"jazz.{number:05}.wav")
    fit = ("fit", "--model", "logistic", "--dataset", "folder", "--data", folder, "--models", tmp_path)
    status, said = training(monkeypatch, capsys, *fit, "--protocol", "track-random")
    assert status == 2
    assert "jazz (0)" in said
    assert "were left out" in said
    # By default they are one group.
    assert "jazz (1)" in training(monkeypatch, capsys, *fit)[1]


def test_the_card_says_what_is_known_of_groups(own_bundle: Path) -> None:
    training = list_cards(own_bundle.parent)["mine"].training
    assert training.protocol == "group-random"
    assert training.groups is not None
    assert (training.groups.groups, training.groups.unknown_tracks, training.groups.on_two_sides) == (56, 56, 0)
    assert all(card.training.groups is None for card in list_cards().values())


@pytest.mark.slow
def test_songs_that_a_bundle_has_learned_from_are_counted_and_the_others_scored_apart(
    own_bundle: Path, own_music: Path, tmp_path: Path
) -> None:
    card = load_bundle(own_bundle).card
    music = copy_songs(own_music, tmp_path / "music", 100)
    tagged = music / "rock" / "rock.00000.wav"
    file = mutagen.File(tagged)
    file.add_tags()
    file.tags.add(TPE1(3, ["Somebody"]))
    file.save()
    figures = tmp_path / "figures.json"
    done = run("evaluate", "--bundle", own_bundle, "--data", music, "--json", figures)
    assert done.returncode == 0, done.stderr
    written = json.loads(figures.read_text())
    assert written["tracks"] == 56
    assert written["others"]["learned"] == card.training.train_tracks + card.training.valid_tracks == 44
    assert written["others"]["tracks"] == card.training.test_tracks
    assert written["others"]["accuracy"] == pytest.approx(card.scores["test"].accuracy, abs=1e-4)
    assert "from 44 of these 56" in done.stdout


def test_of_a_bundle_without_record_it_is_unknown_what_it_has_learned_from(tmp_path: Path) -> None:
    (tmp_path / "rock").mkdir()
    (tmp_path / "rock" / "1.wav").write_bytes(song(12, "wav"))
    figures = tmp_path / "figures.json"
    done = run("evaluate", "--bundle", MODELS / "gtzan-logistic", "--data", tmp_path, "--json", figures)
    assert done.returncode == 0, done.stderr
    assert json.loads(figures.read_text())["others"] is None
    assert "unknown" in done.stdout


@pytest.mark.parametrize("right", range(9))
def test_intervals_of_few_songs_hold_what_could_have_been(right: int) -> None:
    low, high = wilson_interval(right / 8, 8)
    assert 0 <= low <= right / 8 <= high <= 1
    assert high - low > 0.3
    assert wilson_interval(0.5, 100) == (0.4038, 0.5962)
    assert np.isclose(wilson_interval(1.0, 8)[0], 0.6756)
