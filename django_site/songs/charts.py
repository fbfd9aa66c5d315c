"""The shapes of the charts: the templates write them as SVG, so that colours follow the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The style sheet has so many colours for genres.
COLOURS = 12
# Longer gaps are shown: the parts between excerpts, and long silence.
_GAP_SECONDS = 10.0


@dataclass(frozen=True)
class Bar:
    """One genre's probability, 0 to 1, and its width in hundredths."""

    genre: str
    probability: float
    colour: int

    @property
    def width(self) -> float:
        """Width in hundredths of the chart's."""
        return round(100 * self.probability, 2)


@dataclass(frozen=True)
class Span:
    """A part of a song in one genre, "" where the model was not sure; `x` and `width` in thousandths of the song."""

    start_seconds: float
    end_seconds: float
    genre: str
    confidence: float
    x: float
    width: float
    colour: int


@dataclass(frozen=True)
class Block:
    """One genre's share of a column: place and height in the chart's units."""

    genre: str
    count: int
    y: float
    height: float
    colour: int


@dataclass(frozen=True)
class Column:
    """The analyses of one period."""

    label: str
    count: int
    x: float
    blocks: list[Block]


def bars(answer: dict[str, Any]) -> list[Bar]:
    """Return the probabilities of an answer, the greatest first."""
    order = sorted(answer["probabilities"])
    ranked = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    return [Bar(genre, probability, order.index(genre) % COLOURS) for genre, probability in ranked]


def timeline(answer: dict[str, Any]) -> list[Span]:
    """Return the parts of a song, neighbours of one genre together."""
    order = sorted(answer["probabilities"])
    total = max(answer["audio"]["duration_seconds"], 1e-9)
    merged: list[list[dict[str, Any]]] = []
    for segment in answer["segments"]:
        if merged and merged[-1][-1]["genre"] == segment["genre"] and not _is_gap(merged[-1][-1], segment):
            merged[-1].append(segment)
        else:
            merged.append([segment])
    spans = []
    for position, group in enumerate(merged):
        start = group[0]["start_seconds"]
        end = group[-1]["end_seconds"]
        # To where the next part begins, so that no gap shows between windows.
        if position + 1 < len(merged) and not _is_gap(group[-1], merged[position + 1][0]):
            end = merged[position + 1][0]["start_seconds"]
        genre = group[0]["genre"] or ""
        spans.append(
            Span(
                start_seconds=start,
                end_seconds=end,
                genre=genre,
                confidence=sum(segment["confidence"] for segment in group) / len(group),
                x=round(1000 * start / total, 2),
                width=round(1000 * max(0.0, end - start) / total, 2),
                colour=order.index(genre) % COLOURS if genre in order else -1,
            )
        )
    return spans


def unheard(answer: dict[str, Any]) -> list[tuple[float, float]]:
    """Return the parts of a song that no window is from, in seconds: those between excerpts, and long silence."""
    ends = [0.0, *(segment["end_seconds"] for segment in answer["segments"])]
    starts = [*(segment["start_seconds"] for segment in answer["segments"]), answer["audio"]["duration_seconds"]]
    return [(end, start) for end, start in zip(ends, starts, strict=True) if start - end > _GAP_SECONDS]


def _is_gap(segment: dict[str, Any], following: dict[str, Any]) -> bool:
    return bool(following["start_seconds"] - segment["end_seconds"] > _GAP_SECONDS)


def colours(genres: Iterable[str], known: Sequence[str]) -> dict[str, int]:
    """Return the colour of each genre, as `bars` has them for a model that knows `known`; -1 where it was not sure."""
    order = [*known, *sorted({genre for genre in genres if genre} - set(known))]
    return {"": -1} | {genre: number % COLOURS for number, genre in enumerate(order)}


def ticks(highest: int, height: float = 200) -> list[tuple[int, float]]:
    """Return a few round counts up to the highest, and how high each stands."""
    step = next(size for power in range(10) for one in (1, 2, 5) if highest / (size := one * 10**power) <= 5)
    return [(count, round(height * (1 - count / highest), 2)) for count in range(step, highest + 1, step)]


def columns(
    periods: Mapping[str, Mapping[str, int]], colour: Mapping[str, int], height: float = 200, step: float = 24
) -> list[Column]:
    """Return a stacked column a period, of its songs by genre, in the colours of `colours`."""
    highest = max(sum(counts.values()) for counts in periods.values())
    return [
        Column(label, sum(counts.values()), position * step, _stack(counts, colour, height / highest, height))
        for position, (label, counts) in enumerate(periods.items())
    ]


def _stack(counts: Mapping[str, int], colour: Mapping[str, int], scale: float, height: float) -> list[Block]:
    blocks, top = [], height
    for genre in sorted(counts):
        top -= counts[genre] * scale
        blocks.append(Block(genre, counts[genre], round(top, 2), round(counts[genre] * scale, 2), colour[genre]))
    return blocks
