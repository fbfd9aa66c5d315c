"""The work on songs in the service's processes: the half that needs the audio and model libraries."""

from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import aiohttp

from features.audio import UnreadableAudio
from features.clips import TooLong
from features.deadline import Deadline
from features.settings import MelSettings, PatchSettings
from features.windows import SongWindows, song_windows
from inference.bundle import list_cards, load_bundle
from inference.card import ModelCard
from inference.classifier import GenreClassifier
from inference.explanation import Explanation, explain
from inference.prediction import Prediction
from serving import wire
from serving.admission import Turns
from serving.errors import Refusal
from serving.picture import draw_explanation
from serving.settings import SETTINGS
from serving.work import Work, call_deadline


class Analyser:
    """The models of a folder, and where the features they take are computed: in this process, unless `ask` is given.

    `ask` brings a question to MelFeatures and its answer back, both as `serving/wire.py` has them. `cards` are those of
    the models, the default first.
    """

    def __init__(self, models: Path, ask: Callable[[bytes], Awaitable[bytes]] | None) -> None:
        self.cards = list_cards(models)
        self._classifier = cache(lambda name: GenreClassifier(load_bundle(models / name)))
        for name in self.cards if SETTINGS.load == "all" else [*self.cards][:1]:
            self._classifier(name)
        self._ask = ask

    async def windows(self, audio: bytes, card: ModelCard, work: Work, excerpts: int = 0) -> SongWindows:
        """Return the windows of a song, or of its excerpts; raise Refusal if it has none, or nobody answers."""
        if self._ask is None:
            return await work.run(_windows, audio, card.mel, card.patches, work.deadline, excerpts)
        for _ in range(2):
            question = wire.question(audio, card.mel, card.patches, work.deadline.seconds_left(), excerpts)
            try:
                return wire.read_answer(await self._ask(question))
            except aiohttp.ClientConnectionError as error:
                # The connection had been idle and was being closed, or the process has gone: the next one is another.
                failure = error
        raise Refusal(503, "A part of the service is starting. Send this song again.", "no features") from failure

    async def predict(self, song: SongWindows, card: ModelCard, work: Work) -> Prediction:
        """Return the answer of a model for a song's windows."""
        return await work.run(lambda: self._classifier(card.name).predict(song, deadline=work.deadline))

    async def explain(self, song: SongWindows, card: ModelCard, work: Work) -> tuple[Explanation, bytes]:
        """Return why a model answers as it does, and the picture of it as PNG."""
        explanation = await work.run(lambda: explain(self._classifier(card.name), song, work.deadline))
        picture = await work.run(draw_explanation, explanation, song, card.mel, card.genres)
        return explanation, picture


async def answer_question(question: bytes, turns: Turns) -> bytes:
    """Return MelFeatures' answer to a question of GenreService, within the time that it waits."""
    audio, mel, patches, seconds, excerpts = wire.read_question(question)
    call_deadline.set(Deadline(seconds))
    try:
        async with turns.song(len(audio)) as work:
            return await work.run(lambda: wire.answer(_windows(audio, mel, patches, work.deadline, excerpts)))
    except Refusal as problem:
        return wire.answer(problem)


def _windows(
    audio: bytes, mel: MelSettings, patches: PatchSettings | None, deadline: Deadline, excerpts: int
) -> SongWindows:
    try:
        return song_windows(audio, mel, SETTINGS.song_seconds, patches, deadline, excerpts)
    except UnreadableAudio as error:
        raise Refusal(400, str(error), "unreadable audio") from error
    except TooLong as error:
        raise Refusal(413, str(error), "too long") from error
