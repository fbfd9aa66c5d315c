"""The HTTP service: a song in, its genre out.

    bentoml serve service:GenreService
    curl -F audio=@song.mp3 localhost:3000/classify

Two BentoML services: MelFeatures turns audio into log-mel windows, GenreService faces the network and runs the models
on them. Both in one process are the fastest on one machine; in two, a file that crashes its decoder takes down only the
first; and each can have machines of its own, `bentoml serve service:MelFeatures` there. `serving/settings.py` has the
settings.
"""

from dataclasses import asdict, dataclass, replace
from itertools import islice
from time import perf_counter
from typing import Annotated, Any, TypeVar, cast

import bentoml
from _bentoml_sdk.io_models import IORootModel
from bentoml import Service
from bentoml.validators import ContentType
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from inference.bundle import BadBundle, UnknownModel, find_card
from inference.card import ModelCard
from inference.prediction import Prediction
from serving import openapi
from serving.admission import Admission, Turns
from serving.bentoml_adapter import (
    KEEP_MEMORY,
    NO_ACCESS_LOG,
    NO_PROBE,
    ONE_SESSION,
    AnyShape,
    answer_half_closed_connections,
    end_with_supervisor,
    remove_timeout,
)
from serving.disconnect import Disconnect
from serving.errors import CLIENT_GONE, JsonErrors, Refusal
from serving.form import BatchForm, ClassifyForm, HopMessage, SongForm, song_bytes
from serving.logs import RequestLog, log_with_request, write_json_lines
from serving.metrics import Metrics
from serving.page import show_page
from serving.readiness import check_features, check_weights, missing_model
from serving.settings import SETTINGS

Audio = TypeVar("Audio")

remove_timeout()
answer_half_closed_connections()
# What is left of it is how long GenreService waits for MelFeatures: longer than limits of our own.
TRAFFIC = {"timeout": 3 * SETTINGS.seconds}


@bentoml.service(runner_connection=ONE_SESSION, traffic=TRAFFIC, logging=NO_ACCESS_LOG, envs=KEEP_MEMORY)
class MelFeatures:
    """The feature runner: audio in, log-mel windows out."""

    def __init__(self) -> None:
        # Here, not above: BentoML's process that starts this one reads this file too, and is half as large without.
        from serving.analyser import answer_question

        write_json_lines()
        end_with_supervisor()
        self._answer = answer_question
        self._turns = Turns()

    @bentoml.api(input_spec=HopMessage, output_spec=HopMessage)
    async def windows(self, question: bytes, context: bentoml.Context) -> bytes:
        """Return the answer to a question, both as `serving/wire.py` has them."""
        # On a connection that stays open, songs would never find a machine that is added later.
        context.response.headers["connection"] = "close"
        if not question:
            context.response.status_code = CLIENT_GONE
            return b""
        return await self._answer(question, self._turns)

    @bentoml.on_deployment
    @staticmethod
    def prepare() -> None:
        """Prepare the process that starts the others."""
        from serving.supervisor import supervise

        supervise(SETTINGS.seconds)


@dataclass(frozen=True)
class SongAnswer:
    """The result for one of several songs: a prediction, or an error with the fault and the remedy."""

    name: str | None
    prediction: Prediction | None
    error: str | None


class Answer(IORootModel[Prediction]):
    """The response of POST /classify when all is well."""

    # Else BentoML makes the type's schema again for each answer.
    media_type = "application/json"


class BatchAnswer(IORootModel[list[SongAnswer]]):
    """The response of POST /classify_batch when all is well."""

    media_type = "application/json"


async def list_models(_: Request) -> JSONResponse:
    """Answer GET /models: the name of the default model, and the card of each."""
    cards: dict[str, ModelCard] = bentoml.get_current_service().analyser.cards
    return JSONResponse({"default": next(iter(cards)), "models": [asdict(card) for card in cards.values()]})


async def describe(_: Request) -> JSONResponse:
    """Answer GET /docs.json."""
    spec = SERVICE.openapi_spec
    return JSONResponse(openapi.document(spec.asdict()))


ROUTES = [Route("/", show_page), Route("/models", list_models), Route("/docs.json", describe)]


@bentoml.asgi_app(Starlette(routes=ROUTES))
@bentoml.service(
    workers=SETTINGS.workers,
    runner_connection=ONE_SESSION,
    runner_probe=NO_PROBE,
    logging=NO_ACCESS_LOG,
    envs=KEEP_MEMORY,
    service_class=AnyShape,
)
class GenreService:
    """The HTTP face, and the models."""

    if SETTINGS.mel_features:
        address = None if SETTINGS.mel_features == "process" else SETTINGS.mel_features
        mel_features = bentoml.depends(MelFeatures, url=address)

    def __init__(self) -> None:
        # Here for the same reason.
        from serving.analyser import Analyser

        write_json_lines()
        end_with_supervisor()
        self.metrics = Metrics()
        self.turns = Turns()
        self.analyser = Analyser(SETTINGS.models, self._ask if SETTINGS.mel_features else None)

    @bentoml.on_deployment
    @staticmethod
    def prepare() -> None:
        """Prepare the process that starts the others, and end it if the models cannot be served."""
        from serving.supervisor import check_models, supervise

        # A request takes no longer to be received, to wait and to be worked on.
        supervise(3 * SETTINGS.seconds)
        check_models(SETTINGS.models)

    async def __is_ready__(self) -> bool:
        """Return True, as BentoML wants it; raise Refusal, naming the missing part, if songs cannot be classified."""
        if SETTINGS.mel_features:
            await check_features(self.mel_features)
        if SETTINGS.load == "default":
            check_weights(SETTINGS.models, self.analyser.cards.values())
        return True

    @bentoml.api(input_spec=ClassifyForm, output_spec=Answer)
    async def classify(
        self,
        audio: UploadFile | Refusal,
        model: str | None = None,
        excerpts: int | None = None,
        top_k: int | None = None,
    ) -> Prediction | JSONResponse:
        """Return the genre of a song, how probable every genre is, and the genre of each part of the song."""
        try:
            prediction = await self._classify(_checked(audio), self._card(model), excerpts, top_k)
        except Refusal as problem:
            return problem.response()
        log_with_request(
            model=prediction.model.name, genre=prediction.genre, audio_seconds=prediction.audio.duration_seconds
        )
        return prediction

    @bentoml.api(input_spec=BatchForm, output_spec=BatchAnswer)
    async def classify_batch(
        self,
        audio: list[UploadFile] | Refusal,
        model: str | None = None,
        excerpts: int | None = None,
        top_k: int | None = None,
    ) -> list[SongAnswer] | JSONResponse:
        """Return for each song, in the order sent, its prediction or its error."""
        try:
            songs, card = _checked(audio), self._card(model)
        except Refusal as problem:
            return problem.response()
        # One after the other, so that other clients' songs find their turns.
        answers = [await self.answer(song, card, excerpts, top_k) for song in songs]
        log_with_request(model=card.name, songs=len(songs), failed=sum(answer.error is not None for answer in answers))
        return answers

    @bentoml.api(input_spec=SongForm)
    async def explain(
        self, audio: UploadFile | Refusal, model: str | None = None, excerpts: int | None = None
    ) -> Annotated[bytes, ContentType("image/png")]:
        """Return a picture of a song: its spectrogram, the parts that speak for the genre, and each window's genre."""
        try:
            file, card = _checked(audio), self._card(model)
            async with self.turns.song(file.size or 0) as work:
                song = await self.analyser.windows(await song_bytes(file), card, work, excerpts or 0)
                explanation, picture = await self.analyser.explain(song, card, work)
        except BadBundle as error:
            return cast(bytes, missing_model(card, error).response())
        except Refusal as problem:
            # BentoML sends a response as it is, which this type does not say.
            return cast(bytes, problem.response())
        log_with_request(model=card.name, genre=explanation.prediction.genre, audio_seconds=song.duration_seconds)
        return picture

    async def answer(
        self, song: UploadFile, card: ModelCard, excerpts: int | None = None, top_k: int | None = None
    ) -> SongAnswer:
        """Return the result for a song."""
        try:
            return SongAnswer(song.filename, await self._classify(song, card, excerpts, top_k), None)
        except Refusal as problem:
            self.metrics.count_rejection(problem.reason)
            return SongAnswer(song.filename, None, str(problem))

    def _card(self, model: str | None) -> ModelCard:
        try:
            return find_card(model, self.analyser.cards)
        except UnknownModel as error:
            raise Refusal(400, str(error), "unknown model") from error

    async def _ask(self, question: bytes) -> bytes:
        return cast(bytes, await self.mel_features.to_async.windows(question))

    async def _classify(
        self, audio: UploadFile, card: ModelCard, excerpts: int | None, top_k: int | None
    ) -> Prediction:
        async with self.turns.song(audio.size or 0) as work:
            song = await self.analyser.windows(await song_bytes(audio), card, work, excerpts or 0)
            began = perf_counter()
            try:
                prediction = await self.analyser.predict(song, card, work)
            except BadBundle as error:
                raise missing_model(card, error) from error
        self.metrics.count_prediction(song, prediction, perf_counter() - began)
        return replace(
            prediction,
            probabilities=dict(islice(prediction.probabilities.items(), top_k)),
            tags=prediction.tags if SETTINGS.tags else {},
        )


def _checked(audio: Audio | Refusal) -> Audio:
    """Return the result of a form's reader, or raise its error."""
    if isinstance(audio, Refusal):
        raise audio
    return audio


# BentoML's decorator has made Services of the classes, which its types do not say.
cast(Service[Any], MelFeatures).add_asgi_middleware(Disconnect)
SERVICE = cast(Service[Any], GenreService)
SERVICE.add_asgi_middleware(RequestLog)
SERVICE.add_asgi_middleware(Disconnect)
SERVICE.add_asgi_middleware(Admission)
SERVICE.add_asgi_middleware(JsonErrors)
