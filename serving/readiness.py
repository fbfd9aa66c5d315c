"""Whether the service is ready, and which part is missing if it is not: the answer of GET /readyz."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from inference.bundle import BadBundle, weights_files
from inference.card import ModelCard
from serving.errors import Refusal

# Less than whoever asks GET /readyz waits.
_ANSWER_SECONDS = 3

_logger = logging.getLogger("bentoml.genre")


async def check_features(mel_features: Any) -> None:
    """Raise Refusal unless MelFeatures, a BentoML proxy of it, is ready."""
    try:
        ready = await mel_features.is_ready(_ANSWER_SECONDS)
    except (aiohttp.ClientError, httpx.HTTPError, OSError):
        ready = False
    if not ready:
        raise Refusal(503, "MelFeatures does not answer. Start it, or wait until it has started.", "no features")


def check_weights(models: Path, cards: Iterable[ModelCard]) -> None:
    """Raise Refusal if the weights of a model are gone that may still have to be loaded."""
    missing = [card.name for card in cards if not all(file.is_file() for file in weights_files(card, models))]
    if missing:
        raise Refusal(503, f"Models are missing: {', '.join(missing)}. Restore their folders.", "no model")


def missing_model(card: ModelCard, error: BadBundle) -> Refusal:
    """Return the refusal for a model that can no longer be loaded, and log the reason."""
    _logger.error("cannot load %s: %s", card.name, error)
    return Refusal(503, f"The model {card.name} is missing at the moment. Choose another, or try later.", "no model")
