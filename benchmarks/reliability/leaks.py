"""Text that a message must not leak: paths, and the inside of the program."""

import re

_LEAK = re.compile(r"(?<![\w:/])/(?:[\w.-]+/)+[\w.-]*|Traceback|site-packages|\.py\b|0x[0-9a-f]{6}|object at ")


def leaks(message: str) -> bool:
    """Return whether a message holds a path of more than one part, a trace, or an address in memory."""
    return bool(_LEAK.search(message))
