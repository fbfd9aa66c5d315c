"""Songs and tables in a bucket, over real HTTP: moto's server speaks S3."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pyarrow.parquet
import pytest

from tests.moto_server import moto
from tests.scoring.command import rows_of, score

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

NAMES = ["D.OGG", "a.mp3", "album/e.opus", "album/f.m4a", "album/h.mp3", "album/second/g.aiff", "b.wav", "c.flac"]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the environment in which boto3 finds a server of its own, empty."""
    with moto(tmp_path_factory.mktemp("moto") / "log") as environment:
        yield environment


@pytest.fixture
def bucket(endpoint: dict[str, str], songs: Path, monkeypatch: pytest.MonkeyPatch) -> "S3Client":
    """Return a client of the server, where the bucket "music" has the songs under "in/"."""
    for name, value in endpoint.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="music")
    for path in songs.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "music", f"in/{path.relative_to(songs)}")
    return client


def test_a_bucket_is_scored_as_its_songs_are_here(bucket: "S3Client", songs: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    score(songs, "--out", here)
    command = ("s3://music/in/", "--out", "s3://music/out/there.parquet", "--journal", tmp_path / "journal")
    status, said = score(*command)
    assert status == 0, said
    bucket.download_file("music", "out/there.parquet", str(there))
    ours, theirs = rows_of(there), rows_of(here)
    assert [row["path"] for row in ours] == [f"s3://music/in/{name}" for name in NAMES]
    for our, their in zip(ours, theirs, strict=True):
        assert {**our, "path": "", "seconds": 0} == {**their, "path": "", "seconds": 0}
    # What is there is not scored again; what is put in its place is.
    assert "files/s" not in score(*command)[1]
    bucket.upload_file(str(songs / "b.wav"), "music", "in/a.mp3")
    assert "8 of 8" in score(*command)[1]


def test_a_table_in_parts_replaces_a_former_one(bucket: "S3Client", songs: Path, tmp_path: Path) -> None:
    others = ["parts/part-of-me.mp3", "parts/part-1/part-00000.parquet"]
    for key in others:
        bucket.put_object(Bucket="music", Key=key, Body=b"another's")
    arguments = (songs, "--out", "s3://music/parts/", "--journal", tmp_path / "journal")
    for _ in range(2):
        status, said = score(*arguments)
        assert status == 0, said
        listed = bucket.list_objects_v2(Bucket="music", Prefix="parts/")["Contents"]
        assert {found["Key"] for found in listed} == {"parts/part-00000.parquet", *others}
    bucket.download_file("music", "parts/part-00000.parquet", str(tmp_path / "part.parquet"))
    assert pyarrow.parquet.read_table(tmp_path / "part.parquet").num_rows == 8


def test_parts_of_another_table_are_left_alone(bucket: "S3Client", songs: Path, tmp_path: Path) -> None:
    bucket.put_object(Bucket="music", Key="foreign/part-00000-1f2e.parquet", Body=b"of Spark")
    arguments = (songs, "--out", "s3://music/foreign/", "--journal", tmp_path / "journal")
    for force in ((), ("--force",)):
        status, said = score(*arguments, *force)
        assert (status, "part-00000-1f2e.parquet" in said) == (2, True)
    listed = bucket.list_objects_v2(Bucket="music", Prefix="foreign/")["Contents"]
    assert [(found["Key"], found["Size"]) for found in listed] == [("foreign/part-00000-1f2e.parquet", 8)]


def test_a_list_may_name_objects_and_what_is_missing_has_its_row(bucket: "S3Client", tmp_path: Path) -> None:  # noqa: ARG001
    names = tmp_path / "list.csv"
    names.write_text("artist,path\nsomebody,s3://music/in/a.mp3\nsomebody,s3://music/in/gone.mp3\n")
    status, _ = score(names, "--out", tmp_path / "table.parquet")
    kinds = {row["path"]: row["error_kind"] for row in rows_of(tmp_path / "table.parquet")}
    assert status == 1
    assert kinds == {"s3://music/in/a.mp3": None, "s3://music/in/gone.mp3": "bucket"}


@pytest.mark.parametrize(
    ("source", "says"), [("s3://nowhere/", "cannot be listed"), ("s3://music/nothing/", "There is no song under")]
)
def test_a_bucket_or_prefix_that_is_not_there_is_said(
    bucket: "S3Client",  # noqa: ARG001
    source: str,
    says: str,
    tmp_path: Path,
) -> None:
    status, said = score(source, "--out", tmp_path / "table.parquet")
    assert status == 2
    assert says in said
    assert "Traceback" not in said
