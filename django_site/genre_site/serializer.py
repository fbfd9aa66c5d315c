"""How values are kept in Redis: as JSON, not as pickles, Django's default, which can hold code."""

import json
from typing import Any


class JsonSerializer:
    """Turns a value into bytes and back; a whole number stays one, so that Redis can count with it."""

    def dumps(self, value: Any) -> bytes | int:
        """Return the value as Redis keeps it; raise TypeError if JSON has no such value."""
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, kept: bytes) -> Any:
        """Return the value; raise ValueError if it is no JSON."""
        return json.loads(kept)
