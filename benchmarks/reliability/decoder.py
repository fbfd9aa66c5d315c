"""A process that classifies the files it is sent, and may crash or hang over them: `files.py` starts it.

Each file comes as its length, 4 bytes, and its content; of each, one line of JSON goes back.
"""

import json
import math
import resource
import sys
from dataclasses import asdict

from features.audio import UnreadableAudio
from features.clips import TooLong
from features.windows import song_windows
from inference.bundle import MODELS, list_cards, load_bundle
from inference.classifier import GenreClassifier

# The service's own limit.
_LONGEST_SECONDS = 180 * 60


def look(classifier: GenreClassifier, content: bytes) -> dict[str, str]:
    """Return the outcome for a file: heard, refused with a message, not finite, or another exception."""
    card = classifier.card
    try:
        windows = song_windows(content, card.mel, _LONGEST_SECONDS, card.patches)
        answer = json.dumps(asdict(classifier.predict(windows)), allow_nan=False)
    except (UnreadableAudio, TooLong) as error:
        return {"outcome": "refused", "detail": str(error)}
    except Exception as error:  # what is looked for
        not_finite = isinstance(error, ValueError) and "JSON compliant" in str(error)
        return {"outcome": "not finite" if not_finite else "exception", "detail": repr(error)}
    return {"outcome": "heard", "detail": answer}


def main() -> None:
    """Answer until there is no more file."""
    name = next(iter(list_cards()))
    classifier = GenreClassifier(load_bundle(MODELS / name))
    while len(head := sys.stdin.buffer.read(4)) == 4:
        answer = look(classifier, sys.stdin.buffer.read(int.from_bytes(head, "little")))
        # Linux counts in KB.
        memory_mb = math.ceil(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
        sys.stdout.buffer.write(json.dumps(answer | {"memory_mb": memory_mb}).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
