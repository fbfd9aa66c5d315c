"""Dataclasses from JSON: every field of the type that its class states, none missing and none unknown."""

import sys
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

# Floats, and other JSON parsers, hold integers exactly up to here.
_GREATEST = 2**53
_NAMES = {str: "text", int: "a whole number", float: "a finite number"}


def from_parts(kind: type[T], parts: Any, name: str = "") -> T:
    """Return a dataclass from a JSON object; `name` is that of the field which holds the object.

    Fields are of type str, int, float, another dataclass, tuple[X, ...], dict[str, X] or X | None. Raises ValueError,
    which names the field, for a part that is missing, unknown or of another type.
    """
    if not isinstance(parts, dict):
        raise ValueError(f"{name or 'the whole'} must be an object, not {_shown(parts)}")
    prefix = f"{name}." if name else ""
    known = {field.name: field for field in fields(kind)}
    if unknown := parts.keys() - known:
        raise ValueError(f"{prefix}{min(unknown)} is unknown")
    for field in known.values():
        if field.name not in parts and field.default is MISSING:
            raise ValueError(f"{prefix}{field.name} is missing")
    hints = get_type_hints(kind)
    return kind(**{part: _value(hints[part], value, f"{prefix}{part}") for part, value in parts.items()})


def _value(hint: Any, value: Any, name: str) -> Any:
    if get_origin(hint) is UnionType:
        (inner,) = (one for one in get_args(hint) if one is not type(None))
        return None if value is None else _value(inner, value, name)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{name} must be a list, not {_shown(value)}")
        return tuple(_value(get_args(hint)[0], item, f"{name}[{index}]") for index, item in enumerate(value))
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{name} must be an object, not {_shown(value)}")
        return {key: _value(get_args(hint)[1], item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return from_parts(hint, value, name)
    # bool is a kind of int, and no number here.
    if hint is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    if hint is int and type(value) is int and abs(value) <= _GREATEST:
        return value
    if hint is str and isinstance(value, str):
        return value
    raise ValueError(f"{name} must be {_NAMES[hint]}, not {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
