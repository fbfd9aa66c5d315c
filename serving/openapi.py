"""The service's OpenAPI document: BentoML's, completed for this service."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from inference.card import ModelCard
from inference.prediction import Prediction
from serving.ranges import with_ranges

Part = dict[str, Any]

API_VERSION = "1"
# A type may be null here by a list of types, which 3.0 does not know.
OPENAPI_VERSION = "3.1.0"
DESCRIPTION = """What genre is this song?

    curl -F audio=@song.mp3 ADDRESS/classify

`genre` is null where the model is not sure: where the greatest of the probabilities, `confidence`, is less than the
`abstain_threshold` of the model's card. So it should be for what is no music. The same holds for each segment.

`tags` has up to 5 Last.fm tags, the most probable first. Each has a probability of its own, 0.1 or more: they do not
add up to 1. `tags` is empty for a model without tags and for silence.

All of a song is heard, unless `excerpts` asks for parts of it; `audio.heard_seconds` says how much was.

A header X-Request-ID, of up to 128 letters, digits and ._:/+=-, comes back with the answer and stands in the log.

Every error is a JSON object with one field, `error`, that says what is wrong and what to do."""

EXAMPLE_ANSWER = {
    "genre": "blues",
    "confidence": 0.83,
    "probabilities": {"blues": 0.83, "jazz": 0.11, "rock": 0.06},
    "tags": {"blues": 0.72, "guitar": 0.31, "acoustic": 0.14},
    "segments": [{"start_seconds": 0.0, "end_seconds": 9.932, "genre": "blues", "confidence": 0.8}],
    "audio": {
        "duration_seconds": 30.0,
        "heard_seconds": 30.0,
        "sample_rate_hz": 22050,
        "channels": 1,
        "complete": True,
    },
    "model": {"name": "gtzan-best", "version": "1.0.0"},
}
ERRORS = {
    400: "No song, no sound in it, a damaged file, under a second, an unknown model, a field out of its range.",
    408: "The song takes too long to arrive.",
    413: "The file is over the upload limit, or the song too long.",
    415: "The request is not multipart/form-data.",
    429: "Too many requests at once; Retry-After says in how many seconds to come back.",
    500: "A fault of the service.",
    503: "No turn in time, no room for the song, or a part of the service is missing; Retry-After says in how many "
    "seconds to come back.",
    504: "The song takes too long to analyse.",
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_REFERENCE = "#/components/schemas/{model}"


def document(bentoml_document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document of the service as JSON-ready parts, given the one BentoML makes of it."""
    models = TypeAdapter(dict[str, str | list[ModelCard]]).json_schema(ref_template=_REFERENCE)
    # BentoML's own schema of the answer leaves out that the genre may be null.
    prediction = TypeAdapter(Prediction).json_schema(ref_template=_REFERENCE)
    definitions = models.pop("$defs") | prediction.pop("$defs")
    errors = {
        str(status): {"description": description, "content": _json({"$ref": _REFERENCE.format(model="Error")})}
        for status, description in ERRORS.items()
    }
    definitions, models, prediction = with_ranges(definitions), with_ranges(models), with_ranges(prediction)
    fault = {"500": errors["500"]}
    paths = {path: dict(methods) for path, methods in bentoml_document["paths"].items()}
    for path in ("/classify", "/classify_batch", "/explain"):
        paths[path]["post"] = _with_form(paths[path]["post"])
    classify, batch, explain = (paths[path]["post"] for path in ("/classify", "/classify_batch", "/explain"))
    ready = paths["/readyz"]["get"]
    paths["/readyz"]["get"] = ready | {"responses": ready["responses"] | {"503": errors["503"]}}
    picture = {
        "description": "The picture.",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    }
    explain = explain | {"summary": "Draw why", "responses": {"200": picture} | errors}
    several = {
        "type": "array",
        "items": {
            "type": "object",
            "description": "Of `prediction` and `error`, one is null.",
            "required": ["name", "prediction", "error"],
            "properties": {
                "name": {"type": ["string", "null"]},
                "prediction": {"anyOf": [prediction, {"type": "null"}]},
                "error": {"type": ["string", "null"]},
            },
        },
    }
    example = [
        {"name": "song.mp3", "prediction": EXAMPLE_ANSWER, "error": None},
        {"name": "notes.txt", "prediction": None, "error": "The file is cut short, or not audio that can be read."},
    ]
    return {
        **bentoml_document,
        "openapi": OPENAPI_VERSION,
        "info": {"title": "Music genre classifier", "version": API_VERSION, "description": DESCRIPTION},
        "paths": {
            **paths,
            "/classify": {"post": classify | _answers("Classify a song", prediction, EXAMPLE_ANSWER, errors)},
            "/explain": {"post": explain},
            "/classify_batch": {"post": batch | _answers("Classify several songs", several, example, errors)},
            "/models": {
                "get": {
                    "summary": "List the models",
                    "description": "Every model's card: its genres, how it was trained, and its scores.",
                    "operationId": "GenreService__models",
                    "tags": classify["tags"],
                    "responses": {
                        "200": {
                            "description": "`models`, the cards; and `default`, the model used if none is named.",
                            "content": _json(models),
                        }
                    }
                    | fault,
                }
            },
            "/docs.json": _get("The OpenAPI document", "application/json", {"type": "object"}, classify["tags"], fault),
            "/": _get("A page with a form to try it on", "text/html", {"type": "string"}, classify["tags"], fault),
        },
        # BentoML's own are of nothing that is left here.
        "components": {"schemas": definitions | {"Error": _ERROR}},
    }


def _get(summary: str, media_type: str, schema: Part, tags: list[str], fault: Part) -> Part:
    """Return the description of a path that only GET knows."""
    answer = {"description": summary, "content": {media_type: {"schema": schema}}}
    return {"get": {"summary": summary, "tags": tags, "responses": {"200": answer} | fault}}


def _with_form(post: Part) -> Part:
    """Return BentoML's description of an operation with its form as it is: required, with fields that may be absent."""
    form = post["requestBody"]["content"]["multipart/form-data"]
    # BentoML says of these fields that they are null unless sent, but also that they are never null.
    properties = form["schema"]["properties"]
    fields = {name: {key: field[key] for key in field if key != "default"} for name, field in properties.items()}
    form = form | {"schema": form["schema"] | {"properties": fields}}
    return post | {"requestBody": {"required": True, "content": {"multipart/form-data": form}}}


def _answers(summary: str, schema: Part, example: Any, errors: Part) -> Part:
    """Return the parts of an operation that BentoML's document lacks."""
    answer = {"description": "The answer.", "content": _json(schema, example=example)}
    return {"summary": summary, "responses": {"200": answer} | errors}


def _json(schema: Part, **more: Any) -> Part:
    return {"application/json": {"schema": schema, **more}}
