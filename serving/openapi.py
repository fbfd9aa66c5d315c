"""The service's OpenAPI document: BentoML's, with what BentoML does not know about this service."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from inference.card import ModelCard
from inference.classifier import Prediction

API_VERSION = "1"
DESCRIPTION = """What genre is this song?

    curl -F audio=@song.mp3 ADDRESS/classify

`genre` is null where the model is not sure: where the greatest of the probabilities, `confidence`, is less than the
`not_sure_below` of the model's card. So it should be for what is no music. The same holds for each of the `segments`.

Every error is a JSON object with one field, `error`, that says what is wrong and what to do."""

EXAMPLE_ANSWER = {
    "genre": "blues",
    "confidence": 0.83,
    "probabilities": {"blues": 0.83, "jazz": 0.11, "rock": 0.06},
    "segments": [{"start_seconds": 0.0, "end_seconds": 9.932, "genre": "blues", "confidence": 0.8}],
    "audio": {"duration_seconds": 30.0, "sample_rate_hz": 22050, "channels": 1},
    "model": {"name": "gtzan-svm", "version": "1.0.0"},
}
ERRORS = {
    400: "No song, no sound in it, a damaged file, under a second, an unknown model, a field of the wrong kind.",
    413: "The file is over the upload limit.",
    415: "The request is not multipart/form-data.",
    500: "A fault of the service.",
}
_REFERENCE = "#/components/schemas/{model}"


def document(bentoml_document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document of the service as JSON-ready parts, given the one BentoML makes of it."""
    models = TypeAdapter(dict[str, str | list[ModelCard]]).json_schema(ref_template=_REFERENCE)
    classify = bentoml_document["paths"]["/classify"]["post"]
    # BentoML's own schema of the answer leaves out that the genre may be null.
    prediction = TypeAdapter(Prediction).json_schema(ref_template=_REFERENCE)
    definitions = models.pop("$defs") | prediction.pop("$defs")
    answer = {"application/json": {"schema": prediction, "example": EXAMPLE_ANSWER}}
    error_schema = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    errors = {
        status: {
            "description": description,
            "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model="Error")}}},
        }
        for status, description in ERRORS.items()
    }
    return {
        **bentoml_document,
        "info": {"title": "Music genre classifier", "version": API_VERSION, "description": DESCRIPTION},
        "paths": {
            **bentoml_document["paths"],
            "/classify": {
                "post": classify
                | {
                    "summary": "Classify a song",
                    "responses": {200: {"description": "The answer.", "content": answer}} | errors,
                }
            },
            "/models": {
                "get": {
                    "summary": "List the models",
                    "description": "Every model's card: its genres, how it was trained, and its honest scores.",
                    "operationId": "GenreService__models",
                    "tags": classify["tags"],
                    "responses": {
                        "200": {
                            "description": "`models`, the cards; and `default`, the model used if none is named.",
                            "content": {"application/json": {"schema": models}},
                        }
                    },
                }
            },
        },
        "components": {"schemas": bentoml_document["components"]["schemas"] | definitions | {"Error": error_schema}},
    }
