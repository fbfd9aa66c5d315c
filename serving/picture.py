"""The picture of an explanation: a spectrogram, what in it speaks for the genre, and the genre of each part."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from features.mel import mel_frequencies
from features.settings import MelSettings
from features.windows import SongWindows
from inference.explanation import Explanation

_WIDTH, _HEIGHT = 960, 256
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 52, 76
_STRIP = 26
_INK, _PAPER, _FAINT = (28, 30, 38), (255, 255, 255), (110, 114, 126)
_FOR, _AGAINST = np.array([255, 138, 0]), np.array([0, 132, 255])
# The tint is strongest where a part moves the probability by so much, or by more.
_FULL_TINT = 0.15
_STRONGEST = 0.75
# Pale enough to be written on.
_GENRE_COLOURS = (
    (158, 202, 225),
    (253, 208, 162),
    (161, 217, 155),
    (252, 187, 161),
    (188, 189, 220),
    (255, 237, 160),
    (204, 235, 197),
    (251, 180, 204),
    (217, 217, 217),
    (178, 226, 226),
)
_LABELLED_HZ = (100, 500, 1000, 2000, 5000, 10_000)
_TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


def draw_explanation(
    explanation: Explanation, song: SongWindows, settings: MelSettings, genres: Sequence[str]
) -> bytes:
    """Return the picture as PNG: time to the right, frequency upwards on the mel scale, brightness in dB.

    Orange speaks for the most probable genre, blue against it. `genres` are all that the model knows, in its order.
    """
    picture = Image.new("RGB", (_LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM), _PAPER)
    pen = ImageDraw.Draw(picture)
    picture.paste(_spectrogram(explanation, song, settings), (_LEFT, _TOP))
    _title(pen, explanation)
    for hz in _LABELLED_HZ:
        if hz < settings.fmax_hz:
            place = np.interp(hz, mel_frequencies(settings), np.arange(settings.n_mels))
            y = _TOP + _HEIGHT * (1 - (place + 0.5) / settings.n_mels)
            pen.text((_LEFT - 6, y), f"{hz / 1000:g} kHz", _FAINT, _font(11), anchor="rm")
    seconds = song.duration_seconds
    _timeline(pen, explanation, seconds, genres)
    apart = next((step for step in _TICK_SECONDS if seconds / step <= 12), _TICK_SECONDS[-1])
    for tick in np.arange(0, seconds + 1e-9, apart):
        x = _LEFT + _WIDTH * tick / seconds
        pen.line((x, _TOP + _HEIGHT, x, _TOP + _HEIGHT + 4), _FAINT)
        clock = f"{int(tick // 60)}:{int(tick % 60):02}"
        pen.text((x, _TOP + _HEIGHT + 10 + _STRIP + 8), clock, _FAINT, _font(11), anchor="mt")
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=False, compress_level=3)
    return content.getvalue()


def _title(pen: ImageDraw.ImageDraw, explanation: Explanation) -> None:
    prediction = explanation.prediction
    likeliest = f"{explanation.genre} {prediction.confidence:.0%}"
    title = likeliest if prediction.genre else f"not sure ({likeliest})"
    pen.text((_LEFT, 10), title, _INK, _font(20))
    model = f"{prediction.model.name} {prediction.model.version}"
    pen.text((_LEFT + _WIDTH, 14), model, _FAINT, _font(12), anchor="ra")
    pen.text(
        (_LEFT + _WIDTH, 32),
        f"orange speaks for {explanation.genre}, blue against it",
        _FAINT,
        _font(12),
        anchor="ra",
    )


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
    """Return colours (height, width, 3) of levels (height, width) under what speaks for the genre, -1 to 1."""
    strength = np.clip(np.abs(tint) / _FULL_TINT, 0, 1)[..., None] * _STRONGEST
    # A tint that follows the brightness leaves the music to be seen.
    light = 0.35 + 0.65 * grey[..., None] / 255
    colour = np.where(tint[..., None] >= 0, _FOR, _AGAINST) * light
    return np.asarray((1 - strength) * grey[..., None] + strength * colour).astype(np.uint8)


def _timeline(pen: ImageDraw.ImageDraw, explanation: Explanation, seconds: float, genres: Sequence[str]) -> None:
    """Draw the genre of each part of the song, neighbours of one genre together."""
    top = _TOP + _HEIGHT + 10
    spans: list[tuple[float, float, str | None]] = []
    for segment in explanation.prediction.segments:
        if spans and spans[-1][2] == segment.genre:
            spans[-1] = (spans[-1][0], segment.end_seconds, segment.genre)
        else:
            spans.append((segment.start_seconds, segment.end_seconds, segment.genre))
    for start, end, genre in spans:
        left, right = (_LEFT + _WIDTH * moment / seconds for moment in (start, end))
        colour = _GENRE_COLOURS[genres.index(genre) % len(_GENRE_COLOURS)] if genre else (240, 240, 240)
        pen.rectangle((left, top, right, top + _STRIP), colour, _PAPER)
        label = genre or "not sure"
        if pen.textlength(label, _font(13)) < right - left - 6:
            pen.text(((left + right) / 2, top + _STRIP / 2), label, _INK, _font(13), anchor="mm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
