"""The range of every number in an answer, as JSON Schema states it."""

from typing import Any

Keywords = dict[str, float]

_PROBABILITY: Keywords = {"minimum": 0, "maximum": 1}
_NOT_NEGATIVE: Keywords = {"minimum": 0}
_POSITIVE: Keywords = {"exclusiveMinimum": 0}
_AT_LEAST_ONE: Keywords = {"minimum": 1}
# The range of every number in an answer, by the name of its field; of a field of several numbers, that of each.
RANGES: dict[str, Keywords] = {
    "accuracy": _PROBABILITY,
    "channels": _AT_LEAST_ONE,
    "clip_seconds": _POSITIVE,
    "confidence": _PROBABILITY,
    "duration_seconds": _NOT_NEGATIVE,
    "end_seconds": _NOT_NEGATIVE,
    "fmax_hz": _POSITIVE,
    "fmin_hz": _NOT_NEGATIVE,
    "groups": _NOT_NEGATIVE,
    "heard_seconds": _NOT_NEGATIVE,
    "hop_length": _AT_LEAST_ONE,
    "level_db": {"minimum": -200, "maximum": 200},
    "macro_f1": _PROBABILITY,
    "n_fft": _AT_LEAST_ONE,
    "n_mels": _AT_LEAST_ONE,
    "abstain_threshold": _PROBABILITY,
    "on_two_sides": _NOT_NEGATIVE,
    "patch_frames": _AT_LEAST_ONE,
    "patches_per_window": _AT_LEAST_ONE,
    "probabilities": _PROBABILITY,
    "sample_rate_hz": _AT_LEAST_ONE,
    "seed": _NOT_NEGATIVE,
    "start_seconds": _NOT_NEGATIVE,
    "tags": _PROBABILITY,
    "temperature": _POSITIVE,
    "test_tracks": _NOT_NEGATIVE,
    "tracks": _NOT_NEGATIVE,
    "tracks_by_source": _NOT_NEGATIVE,
    "train_tracks": _NOT_NEGATIVE,
    "unknown_tracks": _NOT_NEGATIVE,
    "valid_tracks": _NOT_NEGATIVE,
    "window_frames": _AT_LEAST_ONE,
    "window_hop_frames": _AT_LEAST_ONE,
}


def with_ranges(schema: Any) -> Any:
    """Return a JSON schema, or a part of one, with the ranges of its numbers."""
    if isinstance(schema, list):
        return [with_ranges(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: with_ranges(part) for key, part in schema.items()}
    for name, field in parts.get("properties", {}).items():
        number = field.get("additionalProperties", field) if isinstance(field, dict) else {}
        if number.get("type") in ("integer", "number"):
            number.update(RANGES[name])
    return parts
