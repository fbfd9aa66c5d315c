"""The report of a run: one HTML page that needs nothing beside itself."""

import html
from collections.abc import Sequence
from pathlib import Path

from inference.bundle import atomic_write
from inference.card import ModelCard
from scoring.addresses import one_line
from scoring.summary import BINS, Summary

_STYLE = """
:root { color-scheme: light dark; --ink: #1d1b2c; --paper: #fff; --faint: #5b5870; --bar: #4c3fb3; --line: #dcd9ea }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eceaf6; --paper: #14131c; --faint: #aaa6c0; --bar: #b3a8ff; --line: #383550 }
}
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem }
p { color: var(--faint) } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
.n { text-align: right; white-space: nowrap } td.path { overflow-wrap: anywhere } td.bar { width: 55% }
svg { display: block; width: 100% } rect { fill: var(--bar) } text { fill: var(--faint); font-size: 11px }
"""
_HISTOGRAM_WIDTH, _HISTOGRAM_HEIGHT = 600, 160


def write_report(summary: Summary, card: ModelCard, path: Path) -> None:
    """Write the report, whole or not at all; raise OSError if it cannot be written."""
    atomic_write(path, _page(summary, card).encode())


def _page(summary: Summary, card: ModelCard) -> str:
    answered = summary.files - summary.failed
    parts = [
        f"<h1>Genres of {summary.files:,} songs</h1>",
        f"<p>{summary.audio_seconds / 3600:,.1f} hours of audio, answered by {_text(card.name)} {_text(card.version)}. "
        f"{summary.not_sure:,} not sure, {summary.failed:,} with an error.</p>",
        *(f"<p>{_text(line)}</p>" for line in summary.selection.lines()),
        "<h2>Genres</h2>",
        _bars([*summary.genres.most_common(), ("not sure", summary.not_sure)], answered),
        "<h2>How sure</h2>",
        _histogram(summary.confidence, card.abstain_threshold),
    ]
    if summary.least_certain:
        rows = [
            (
                _text(one_line(row.path)),
                _text(row.genre or "not sure"),
                f"{row.confidence:.2f}",
                _text(", ".join(row.tags)),
            )
            for row in summary.least_certain
        ]
        parts += ["<h2>The least certain</h2>", _table(("Song", "Genre", "Confidence", "Tags"), rows)]
    if summary.errors:
        kinds = ", ".join(f"{count:,} {_text(kind)}" for kind, count in summary.error_kinds.most_common())
        errors = [(_text(one_line(row.path)), _text(row.error or "")) for row in summary.errors]
        parts += ["<h2>Errors</h2>", f"<p>{kinds}</p>", _table(("File", "What is wrong"), errors)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Genres of {summary.files:,} songs</title><style>{_STYLE}</style></head>\n<body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _bars(counts: Sequence[tuple[str, int]], total: int) -> str:
    most = max((count for _, count in counts), default=0) or 1
    rows = "".join(
        f'<tr><td>{_text(genre)}</td><td class="bar"><svg viewBox="0 0 100 6" height="14" preserveAspectRatio="none" '
        f'aria-hidden="true"><rect width="{100 * count / most:.2f}" height="6"/></svg></td>'
        f'<td class="n">{count:,}</td><td class="n">{count / (total or 1):.1%}</td></tr>'
        for genre, count in counts
    )
    head = '<tr><th>Genre</th><th></th><th class="n">Songs</th><th class="n">Share</th></tr>'
    return f"<table>{head}{rows}</table>"


def _histogram(counts: Sequence[int], threshold: float) -> str:
    step = _HISTOGRAM_WIDTH / BINS
    most = max(counts) or 1
    bars = ""
    for number, count in enumerate(counts):
        height = _HISTOGRAM_HEIGHT * count / most
        top = _HISTOGRAM_HEIGHT - height
        bars += (
            f'<rect x="{number * step + 1:.1f}" y="{top:.1f}" width="{step - 2:.1f}" height="{height:.1f}">'
            f"<title>{number / BINS:.2f} to {(number + 1) / BINS:.2f}: {count:,}</title></rect>"
        )
        if count:
            bars += f'<text x="{(number + 0.5) * step:.1f}" y="{top - 4:.1f}" text-anchor="middle">{count:,}</text>'
    ticks = "".join(
        f'<text x="{_HISTOGRAM_WIDTH * tick / 10:.0f}" y="{_HISTOGRAM_HEIGHT + 14}" text-anchor="middle">{tick / 10:g}'
        "</text>"
        for tick in range(0, 11, 2)
    )
    return (
        f'<svg viewBox="-10 -16 {_HISTOGRAM_WIDTH + 20} {_HISTOGRAM_HEIGHT + 36}" role="img" '
        f'aria-label="How many songs have which confidence">{bars}{ticks}</svg>'
        f"<p>Confidence of the answers. Below {threshold:.2f} the answer is “not sure”.</p>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(
        f'<tr><td class="path">{first}</td>' + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>"
        for first, *others in rows
    )
    return "<table><tr>" + "".join(f"<th>{name}</th>" for name in head) + f"</tr>{cells}</table>"


def _text(text: str) -> str:
    return html.escape(text)
