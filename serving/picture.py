"""The picture of an explanation: a spectrogram, the parts that speak for the genre, and the genre of each window."""

import io
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from features.mel import mel_frequencies
from features.settings import MelSettings
from features.windows import SongWindows
from inference.explanation import Explanation
from serving.fonts import find_font

_WIDTH, _HEIGHT = 960, 256
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 52, 76
_STRIP = 26
# Sizes of letters: title, genres of parts, and the rest.
_TITLE, _LABEL, _SMALL = 20, 13, 12
_CUT = "..."
# Between letters, where they choose a form.
_JOINERS = "\u200c\u200d"
Ink = tuple[int, int, int]
_INK, _PAPER, _FAINT = (28, 30, 38), (255, 255, 255), (110, 114, 126)
_FOR, _AGAINST = np.array([255, 138, 0]), np.array([0, 132, 255])
# The tint is strongest where a part moves the probability by so much, or by more.
_FULL_TINT = 0.15
_STRONGEST = 0.75
# Those of the web site, which gives them to the genres in alphabetical order, too.
GENRE_COLOURS = (
    *("#4477aa", "#ee8866", "#228833", "#ddaa33", "#aa3377", "#44aabb"),
    *("#993344", "#8877cc", "#777722", "#55738f", "#cc6699", "#559977"),
)
_NOT_SURE_COLOUR = "#e2e0ea"
# Brighter colours are written on in dark letters.
_BRIGHT = 120
_LABELLED_HZ = (100, 500, 1000, 2000, 5000, 10_000)
# Longer gaps are shown: the parts between excerpts, and long silence.
_GAP_SECONDS = 10.0
_TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


def draw_explanation(
    explanation: Explanation, song: SongWindows, settings: MelSettings, genres: Sequence[str]
) -> bytes:
    """Return the picture as PNG: time to the right, frequency upwards on the mel scale, brightness in dB.

    Orange speaks for the most probable genre, blue against it. `genres` are all that the model knows, in its order. One
    whose letters no font here has is named by its rank among the prediction's probabilities: #1 is the most probable.
    """
    picture = Image.new("RGB", (_LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM), _PAPER)
    pen = ImageDraw.Draw(picture)
    picture.paste(_spectrogram(explanation, song, settings), (_LEFT, _TOP))
    names, ticks = _names(explanation), ImageFont.load_default(11)
    _title(pen, explanation, names)
    for hz in _LABELLED_HZ:
        if settings.fmin_hz < hz < settings.fmax_hz:
            place = np.interp(hz, mel_frequencies(settings), np.arange(settings.n_mels))
            y = _TOP + _HEIGHT * (1 - (place + 0.5) / settings.n_mels)
            pen.text((_LEFT - 6, y), f"{hz / 1000:g} kHz", _FAINT, ticks, anchor="rm")
    seconds = song.duration_seconds
    _timeline(pen, explanation, seconds, genres, names)
    apart = next((step for step in _TICK_SECONDS if seconds / step <= 12), _TICK_SECONDS[-1])
    for tick in np.arange(0, seconds + 1e-9, apart):
        x = _LEFT + _WIDTH * tick / seconds
        pen.line((x, _TOP + _HEIGHT, x, _TOP + _HEIGHT + 4), _FAINT)
        clock = f"{int(tick // 60)}:{int(tick % 60):02}"
        pen.text((x, _TOP + _HEIGHT + 10 + _STRIP + 8), clock, _FAINT, ticks, anchor="mt")
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=False, compress_level=3)
    return content.getvalue()


def _names(explanation: Explanation) -> dict[str, str]:
    """Return how each genre is written."""
    names = {}
    for rank, genre in enumerate(explanation.prediction.probabilities, 1):
        name = _one_line(genre)
        names[genre] = name if find_font(name + _CUT, _TITLE) else f"#{rank}"
    return names


def _title(pen: ImageDraw.ImageDraw, explanation: Explanation, names: Mapping[str, str]) -> None:
    prediction, name = explanation.prediction, names[explanation.genre]
    right = _LEFT + _WIDTH
    model = _one_line(f"{prediction.model.name} {prediction.model.version}")
    if find_font(model + _CUT, _SMALL):
        _write(pen, (right, 25), [_shortened(model, _SMALL, _WIDTH / 3)], _FAINT, _SMALL, "r")
    hint = ", blue against it" + ("; #1 is the most probable genre" if name == "#1" else "")
    _write(pen, (right, 43), ["orange speaks for ", _shortened(name, _SMALL, _WIDTH / 4), hint], _FAINT, _SMALL, "r")
    before, after = ("", "") if prediction.genre else ("not sure (", ")")
    title = [before, _shortened(name, _TITLE, _WIDTH / 3), f" {prediction.confidence:.0%}{after}"]
    _write(pen, (_LEFT, 29), title, _INK, _TITLE, "l")


def _spectrogram(explanation: Explanation, song: SongWindows, settings: MelSettings) -> Image.Image:
    """Return the song's windows side by side, in grey and tinted."""
    grey = Image.new("L", (_WIDTH, _HEIGHT))
    tint = Image.new("F", (_WIDTH, _HEIGHT))
    spans = zip(song.windows, explanation.weights, song.start_seconds, song.end_seconds, strict=True)
    for window, weights, start, end_of_window in spans:
        # To where the next one begins, or into it.
        end = min(end_of_window + settings.frame_seconds, song.duration_seconds)
        left, right = (round(_WIDTH * moment / song.duration_seconds) for moment in (start, end))
        if right <= left:
            continue
        # A song shorter than a window was repeated to fill it.
        heard = min(1.0, (end - start) / settings.window_seconds)
        shape = (right - left, _HEIGHT)
        frames = max(1, round(window.shape[1] * heard))
        levels = Image.fromarray((window[::-1, :frames, 0] * 255).astype(np.uint8))
        grey.paste(levels.resize(shape, Image.Resampling.BILINEAR), (left, 0))
        steps = max(1, round(weights.shape[1] * heard))
        parts = Image.fromarray(weights[::-1, :steps].astype(np.float32))
        tint.paste(parts.resize(shape, Image.Resampling.BICUBIC), (left, 0))
    return Image.fromarray(_tinted(np.asarray(grey), np.asarray(tint)))


def _tinted(grey: NDArray[np.uint8], tint: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return colours (height, width, 3) of levels (height, width), tinted by their weight for the genre, -1 to 1."""
    strength = np.clip(np.abs(tint) / _FULL_TINT, 0, 1)[..., None] * _STRONGEST
    # A tint that follows the brightness leaves the music to be seen.
    light = 0.35 + 0.65 * grey[..., None] / 255
    colour = np.where(tint[..., None] >= 0, _FOR, _AGAINST) * light
    return np.asarray((1 - strength) * grey[..., None] + strength * colour).astype(np.uint8)


def _timeline(
    pen: ImageDraw.ImageDraw,
    explanation: Explanation,
    seconds: float,
    genres: Sequence[str],
    names: Mapping[str, str],
) -> None:
    """Draw the genre of each part of the song, neighbours of one genre together."""
    top = _TOP + _HEIGHT + 10
    spans: list[tuple[float, float, str | None]] = []
    for segment in explanation.prediction.segments:
        is_next = spans and segment.start_seconds - spans[-1][1] < _GAP_SECONDS
        if is_next and spans[-1][2] == segment.genre:
            spans[-1] = (spans[-1][0], segment.end_seconds, segment.genre)
        else:
            spans.append((segment.start_seconds, segment.end_seconds, segment.genre))
    order = {genre: place for place, genre in enumerate(sorted(genres))}
    for start, end, genre in spans:
        left, right = (_LEFT + _WIDTH * moment / seconds for moment in (start, end))
        colour = GENRE_COLOURS[order[genre] % len(GENRE_COLOURS)] if genre else _NOT_SURE_COLOUR
        pen.rectangle((left, top, right, top + _STRIP), colour, _PAPER)
        label = names[genre] if genre else "not sure"
        if _width(label, _LABEL) < right - left - 6:
            middle = (left + right) / 2, top + _STRIP / 2
            red, green, blue = ImageColor.getrgb(colour)[:3]
            ink = _INK if 0.3 * red + 0.59 * green + 0.11 * blue > _BRIGHT else _PAPER
            pen.text(middle, label, ink, _font(label, _LABEL), anchor="mm")


def _one_line(text: str) -> str:
    """Return a text in composed letters, as fonts have them, without line breaks and control characters."""
    printable = "".join(letter if letter.isprintable() or letter in _JOINERS else " " for letter in text)
    return unicodedata.normalize("NFC", " ".join(printable.split()))


def _shortened(text: str, size: int, width: float) -> str:
    """Return the text, or as much of its beginning as fits in so many pixels, with three dots."""
    if _width(text, size) <= width:
        return text
    kept = next((end for end in range(len(text), 0, -1) if _width(text[:end] + _CUT, size) <= width), 0)
    return text[:kept].rstrip() + _CUT


def _width(text: str, size: int) -> float:
    return _font(text, size).getlength(text)


def _write(
    pen: ImageDraw.ImageDraw, place: tuple[float, float], texts: Sequence[str], ink: Ink, size: int, side: str
) -> None:
    """Write texts in a row, each in a font that has its letters: at `place`, the row's left or right end ("l", "r")."""
    x, baseline = place
    if side == "r":
        x -= sum(_width(text, size) for text in texts)
    for text in texts:
        pen.text((x, baseline), text, ink, _font(text, size), anchor="ls")
        x += _width(text, size)


def _font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return find_font(text, size) or ImageFont.load_default(size)
