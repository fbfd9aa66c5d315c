"""Classify songs from the command line: `python -m inference song.mp3` prints the service's answer as JSON."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from features.audio import UnreadableAudio
from inference.bundle import MODELS, BadBundle, find_card, list_cards, load_bundle
from inference.classifier import GenreClassifier


def main() -> int:
    """Print one JSON object a song; return 1 if a song could not be read, 2 for a model that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m inference", description=__doc__)
    parser.add_argument("songs", nargs="+", type=Path, metavar="SONG")
    parser.add_argument("--model", help="name of the bundle; default: our own kind, the best on validation")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of bundles (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        card = find_card(arguments.model, list_cards(arguments.models))
        classifier = GenreClassifier(load_bundle(arguments.models / card.name))
    except BadBundle as error:
        print(error, file=sys.stderr)
        return 2
    failed = False
    for song in arguments.songs:
        try:
            print(json.dumps({"file": str(song), **asdict(classifier.classify(song))}))
        except (UnreadableAudio, OSError) as error:
            print(f"{song}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
