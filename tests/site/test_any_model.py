"""The about page and the explained picture for models that we have not made: any genres, any figures."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from django.test import Client
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pytest_django import Settings
from scipy.signal import fftconvolve

from benchmarks.server import Server
from inference.bundle import MODELS, Bundle, list_cards, save_bundle
from inference.card import Scores
from tests.serving.server import ROOT, serve
from tests.site.test_uploading import upload
from training.models.export import parse_graph

# By how probable the models find them: the first is the genre of every song.
GENRES = {
    "chinese": (
        "古典音乐",
        "рок-музыка",
        "موسيقى شعبية",
        "Électro",
        "🎸🔥",
        "a genre with a name " + 8 * "so very long ",
    ),
    "russian": ("рок-музыка", "Ελληνικά"),
    "arabic": ("موسيقى شعبية", "jazz"),
}
GRAPH = """
model (float[n, 128, 128, 1] windows) => (float[n, {genres}] logits) {{
    level = ReduceSum <keepdims = 0> (windows, axes)
    column = Unsqueeze (level, last)
    silent = Mul (column, zero)
    logits = Add (silent, favoured)
}}
"""
DEJAVU = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")

Picture = NDArray[np.uint8]


def save(name: str, models: Path) -> None:
    genres = GENRES[name]
    tables: dict[str, NDArray[np.generic] | np.floating] = {
        "axes": np.array([1, 2, 3]),
        "last": np.array([1]),
        "zero": np.float32(0),
        "favoured": -np.arange(len(genres), dtype=np.float32)[None],
    }
    card = list_cards(MODELS)["gtzan-cnn"]
    training = replace(card.training, dataset="音楽", protocol="own", train_tracks=6, valid_tracks=2, test_tracks=7)
    card = replace(
        card,
        name=name,
        genres=genres,
        training=training,
        abstain_threshold=0.0,
        temperature=1.0,
        scores={"valid": Scores(1.0, 1.0, 2), "test": Scores(0.4286, 0.3333, 7)} if name == "chinese" else {},
    )
    save_bundle(Bundle(card, parse_graph(GRAPH, tables, genres=len(genres))), models)


@pytest.fixture(scope="module")
def others_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service of such models, on a machine whose only font is DejaVu Sans."""
    folder = tmp_path_factory.mktemp("others")
    for name in GENRES:
        save(name, folder / "models")
    (folder / "data" / "fonts").mkdir(parents=True)
    (folder / "data" / "fonts" / DEJAVU.name).write_bytes(DEJAVU.read_bytes())
    data = {"XDG_DATA_HOME": str(folder / "data"), "XDG_DATA_DIRS": str(folder / "none"), "HOME": str(folder)}
    with serve("service:GenreService", ROOT, folder / "log", GENRE_MODELS=str(folder / "models"), **data) as server:
        yield server


@pytest.fixture
def others_site(others_service: Server, site: Client, settings: Settings) -> Client:
    settings.GENRE_SERVICE_URL = others_service.url
    return site


def shows(picture: Picture, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> bool:
    """Return whether a text is somewhere in a picture, in any colour: the greatest correlation with its letters."""
    mask = font.getmask(text)
    letters = np.array(mask, float).reshape(mask.size[::-1])
    letters -= letters.mean()
    levels = 255.0 - picture
    ones = np.ones_like(letters)
    product = fftconvolve(levels, letters[::-1, ::-1], "valid")
    spread = fftconvolve(levels**2, ones, "valid") - fftconvolve(levels, ones, "valid") ** 2 / letters.size
    return bool((product > 0.95 * np.sqrt(np.maximum(spread, letters.size) * (letters**2).sum())).any())


def shows_a_box(picture: Picture) -> bool:
    """Return whether a picture has what is drawn for a letter that no font has, in a size of the picture's texts."""
    fonts = [
        font for size in (12, 13, 20) for font in (ImageFont.load_default(size), ImageFont.truetype(str(DEJAVU), size))
    ]
    return any(shows(picture, "\U0010ffff", font) for font in fonts)


def draw(site: Client, song: bytes, model: str) -> Picture:
    answer = site.post("/draw/", {"audio": upload(song), "model": model, "analysis": ""})
    assert answer["Content-Type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"))


def test_the_about_page_has_the_genres_and_figures_of_the_models_there_are(others_site: Client) -> None:
    page = others_site.get("/about/").content.decode()
    for genre in (genre for genres in GENRES.values() for genre in genres):
        assert f"<bdi>{genre}</bdi>" in page
    assert "0.429" in page
    assert re.search(r"43%\sof 7", page)
    assert "音楽" in page
    assert page.count("not tested") == len(GENRES) - 1
    # Of the shipped models.
    for word in ("GTZAN", "these ten", "third answer", "Also sounds like"):
        assert word not in page
    assert "flattered" in page


def test_a_genre_is_named_where_a_font_has_its_letters_and_ranked_elsewhere(others_site: Client, song: bytes) -> None:
    font = ImageFont.truetype(str(DEJAVU), 20)
    pictures = {model: draw(others_site, song, model) for model in GENRES}
    for model, title in (("russian", "рок-музыка"), ("arabic", "موسيقى شعبية")):
        assert shows(pictures[model], title, font)
    assert shows(pictures["chinese"], "#1", ImageFont.load_default(20))
    for picture in pictures.values():
        assert not shows_a_box(picture)


def test_a_box_would_be_seen(others_site: Client, song: bytes) -> None:
    picture = Image.fromarray(draw(others_site, song, "russian"))
    for size in (12, 20):
        with_box = picture.copy()
        ImageDraw.Draw(with_box).text((450, 30), "rock 摇滚", 114, ImageFont.load_default(size), anchor="ls")
        assert shows_a_box(np.asarray(with_box))
