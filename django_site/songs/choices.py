"""The models that a person can choose from, in plain words, and whether an answer means silence."""

from dataclasses import dataclass
from typing import Any

from songs import genre_client


@dataclass(frozen=True)
class Choice:
    """A model to choose: its name, and its purpose in a few words."""

    name: str
    label: str


@dataclass(frozen=True)
class Choices:
    """The models that are offered first, and the others."""

    first: list[Choice]
    others: list[Choice]


def offered() -> Choices:
    """Return the service's default model, the fast one of the same genres, and the others."""
    cards = genre_client.models()
    first = [
        Choice(card["name"], "Best for most music" if _kind(card) == "best" else card["name"]) for card in cards[:1]
    ]
    first += [
        Choice(card["name"], "Fast")
        for card in cards[1:]
        if _kind(card) == "fast" and set(card["genres"]) == set(cards[0]["genres"])
    ][:1]
    named = {choice.name for choice in first}
    others = [Choice(card["name"], _description(card)) for card in cards if card["name"] not in named]
    return Choices(first, others)


def is_silent(answer: dict[str, Any]) -> bool:
    """Return whether a song is silence: the service then describes all of it as one window."""
    segments = answer["segments"]
    if answer["genre"] is not None or answer.get("tags") or len(segments) != 1:
        return False
    mel = next((card.get("mel") for card in genre_client.models() if card["name"] == answer["model"]["name"]), None)
    if not mel:
        return False
    window_seconds = mel["window_frames"] * mel["hop_length"] / mel["sample_rate_hz"]
    return bool(segments[0]["end_seconds"] - segments[0]["start_seconds"] > 1.01 * window_seconds)


def _kind(card: dict[str, Any]) -> str:
    return str((card.get("training") or {}).get("model", ""))


def _description(card: dict[str, Any]) -> str:
    test = (card.get("scores") or {}).get("test")
    right = f", {test['accuracy']:.0%} of test songs right" if test else ""
    return f"{card['name']}: {len(card['genres'])} genres{right}"
