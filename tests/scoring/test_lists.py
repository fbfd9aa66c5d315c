"""Lists of songs, as programs and people write them: which files they name."""

import os
import unicodedata
from pathlib import Path

import pytest

from scoring.selection import Selection
from scoring.sources import BadSource, list_files
from tests.scoring.command import rows_of, score

NAMES = ["a.mp3", "café.mp3", "Björk/1 50% #1.mp3"]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Return a folder with files of these names; they need not be songs to be listed."""
    folder = tmp_path / "music"
    (folder / "Björk").mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_bytes(name.encode())
    return folder


def listed(source: Path) -> list[str]:
    """Return the paths that a list names, relative to its folder where they are in it."""
    return [os.path.relpath(file.path, source.parent) for file in list_files([str(source)])]


@pytest.mark.parametrize("name", ["list.m3u", "list.m3u8", "list.txt", "list.csv"])
def test_a_relative_path_is_taken_from_the_folder_of_its_list(
    name: str, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (music / name).write_text("a.mp3\nBjörk/1 50% #1.mp3\n./café.mp3\n../music/a.mp3\n")
    assert listed(music / name) == ["a.mp3", "Björk/1 50% #1.mp3", "café.mp3", "a.mp3"]
    # As before, also from the current folder; the list's own goes first.
    (music.parent / "b.mp3").touch()
    (music.parent / "a.mp3").touch()
    monkeypatch.chdir(music.parent)
    (music / name).write_text("b.mp3\na.mp3\n")
    assert listed(music / name) == ["../b.mp3", "a.mp3"]


@pytest.mark.parametrize("name", ["list.m3u", "list.m3u8", "list.txt", "list.csv"])
@pytest.mark.parametrize("start", ["file://", "file://localhost", "FILE://", "file:"])
def test_a_url_of_a_file_is_the_file(start: str, name: str, music: Path) -> None:
    urls = [start + (music / path).as_uri().removeprefix("file://") for path in NAMES]
    (music / name).write_text("".join(f"{url}\n" for url in urls))
    assert listed(music / name) == NAMES


def test_a_url_of_a_file_may_be_a_source(music: Path) -> None:
    (file,) = list_files([(music / NAMES[2]).as_uri()])
    assert file.path == str(music / NAMES[2])
    with pytest.raises(BadSource, match="https"):
        list(list_files(["https://radio.example/live.mp3"]))


@pytest.mark.parametrize("name", ["list.m3u", "list.m3u8", "list.txt", "list.csv"])
def test_paths_in_windows_1252_and_other_bytes_are_found(name: str, music: Path) -> None:
    raw = os.fsencode(music) + b"/raw\xe9.mp3"
    with open(raw, "wb"):
        pass
    (music / "“quoted” – €.mp3").touch()
    lines = [b"caf\xe9.mp3", "“quoted” – €.mp3".encode("cp1252"), raw, "café.mp3".encode(), b"Bj\xf6rk\\1 50% #1.mp3"]
    (music / name).write_bytes(b"\n".join(lines))
    assert listed(music / name) == ["café.mp3", "“quoted” – €.mp3", "raw\udce9.mp3", "café.mp3", NAMES[2]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["list.m3u", "list.m3u8", "list.txt", "list.csv"])
def test_the_mark_of_an_encoding_is_understood(name: str, encoding: str, music: Path) -> None:
    (music / name).write_bytes("café.mp3\r\na.mp3\r\n".encode(encoding))
    assert listed(music / name) == ["café.mp3", "a.mp3"]


def test_accents_in_the_other_form_of_unicode_are_found(music: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café.mp3") for form in ("NFC", "NFD"))
    (music / "list.txt").write_text(f"{composed}\n{decomposed}\n")
    assert listed(music / "list.txt") == [composed, composed]
    (music / decomposed).touch()
    assert listed(music / "list.txt") == [composed, decomposed]


def test_a_backslash_separates_folders_only_where_no_file_has_it_in_its_name(music: Path) -> None:
    (music / "Björk" / "b.mp3").touch()
    (music / "Björk\\b.mp3").touch()
    (music / "list.m3u").write_text("#EXTM3U\r\n#EXTINF:1,B\r\nBjörk\\b.mp3\r\n.\\Björk\\b.mp3\r\n")
    assert listed(music / "list.m3u") == ["Björk\\b.mp3", "Björk/b.mp3"]


def test_comments_of_a_playlist_are_no_songs(music: Path) -> None:
    text = "#EXTM3U\n#EXTENC:UTF-8\n#PLAYLIST:Mine\n\n#EXTINF:-1 tvg-id=1,A\na.mp3\n   \n#EXT-X-ENDLIST\n"
    for name in ("list.m3u", "list.M3U8", "list.txt"):
        (music / name).write_text(text)
        assert listed(music / name) == ["a.mp3"]


@pytest.mark.parametrize(
    "text",
    [
        "path\na.mp3\ncafé.mp3\n",
        "Path,Genre\na.mp3,rock\ncafé.mp3,jazz\n",
        "genre;PATH\nrock;a.mp3\njazz;café.mp3\n",
        "title\tfile\nA, or not\ta.mp3\nB\tcafé.mp3\n",
        '"id"; path ;"note"\n1; a.mp3 ;"x; y"\n2; café.mp3;\n',
        "File Name,Genre\r\na.mp3,rock\r\ncafé.mp3,jazz\r\n",
        "file,path\nx,a.mp3\ny,café.mp3\n",
        "\n,\npath,genre\n\na.mp3,\ncafé.mp3,jazz,,\n",
        "a.mp3\ncafé.mp3\n",
        "a.mp3;rock\ncafé.mp3;jazz\n",
        "1\ta.mp3\n2\tcafé.mp3\n",
        "path,genre\na.mp3,rock\npath,genre\ncafé.mp3,jazz\n",
    ],
)
def test_tables_of_every_kind_name_the_same_songs(text: str, music: Path) -> None:
    (music / "list.csv").write_text(text, newline="")
    assert listed(music / "list.csv") == ["a.mp3", "café.mp3"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("list.csv", b"song;genre\na.mp3;rock\n", "path"),
        ("list.csv", b"title,genre\nA,rock\n", "path"),
        ("list.csv", b"path,genre\na.mp3,rock\nb, c.mp3,rock\n", "line 3"),
        ("list.csv", b'path,genre\na.mp3,rock\n"b.mp3,rock\n', "line 3"),
        ("list.csv", b"path\na.mp3\n\0.mp3\n", "line 3"),
        ("list.m3u", "a.mp3\n".encode("utf-16-le"), "line 1"),
        ("list.txt", b"\xff\xfea", "UTF-8"),
        ("list.csv", b"path\n", "no path"),
        ("list.csv", b"", "no path"),
    ],
)
def test_a_list_that_is_not_understood_is_refused_whole(name: str, content: bytes, says: str, music: Path) -> None:
    (music / name).write_bytes(content)
    with pytest.raises(BadSource, match=name) as refused:
        listed(music / name)
    assert says in str(refused.value)


def test_nothing_of_a_list_that_is_refused_is_scored(songs: Path, tmp_path: Path) -> None:
    table, titled = tmp_path / "table.jsonl", tmp_path / "list.csv"
    assert score(songs / "b.wav", "--out", table)[0] == 0
    before = table.read_bytes()
    titled.write_text(f"path,genre\n{songs / 'a.mp3'},rock\nb, c.mp3,rock\n")
    status, said = score(titled, "--out", table)
    assert (status, table.read_bytes()) == (2, before)
    assert "list.csv" in said
    assert "Traceback" not in said


def test_rows_without_a_path_are_counted(music: Path) -> None:
    (music / "list.csv").write_text("genre,path\nrock,a.mp3\nrock\njazz,\n")
    selection = Selection()
    assert len(list(list_files([str(music / "list.csv")], selection=selection))) == 1
    assert list(selection.left_out.values()) == [2]


def test_an_address_in_a_list_has_a_row_that_says_what_it_is(songs: Path, tmp_path: Path) -> None:
    addresses = ["http://radio.example/live.mp3", "https://radio.example/a%20b", "file://server/share/a.mp3"]
    addresses.append("file:///a%00b.mp3")
    (songs / "album" / "radio.m3u").write_text("".join(f"{one}\n" for one in ["e.opus", *addresses]))
    status, said = score(songs / "album" / "radio.m3u", "--out", tmp_path / "table.parquet")
    (songs / "album" / "radio.m3u").unlink()
    rows = {row["path"]: row for row in rows_of(tmp_path / "table.parquet")}
    assert status == 1, said
    assert rows.pop(str(songs / "album" / "e.opus"))["error"] is None
    assert {path: row["error_kind"] for path, row in rows.items()} == dict.fromkeys(addresses, "not here")
