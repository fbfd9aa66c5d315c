"""GTZAN (Tzanetakis and Cook, 2002): 1000 clips of 30 seconds at 22,050 Hz mono, 100 in each of 10 genres.

The data folder holds `gtzan_mel.zip`, pictures of spectrograms of 387 frames per clip, or the audio as
`<genre>/<genre>.<number>.wav` (any format will do), and `gtzan_tracks.tsv`: one row per track, tab-separated, with the
columns `track`, `fault_filtered_split`, `artist_fold` and `artist_id`. With pictures, `gtzan_musicnn_tags.npz` has the
outputs of the encoder MSD_musicnn for the audio of 733 clips of the fault-filtered split, computed and published by
others: `probabilities` of the 50 tags, one row per patch of 187 frames every 61 frames, with the `track` of each row
and the names of the `tags`. jazz.00054 is unreadable in all copies in circulation, so there are 999. The data set
carries no licence, and its maker published no checksum.

SHA-256 of the files that the shipped models learned from:
15a0aff932ed226774f73551f95add84c92f7891b15aa5f09ec3e5da644a7fe9  gtzan_mel.zip
984e1c65a4e3870640e2dc1461f4ed7793fdbe57d057f9830d707a4c7aa80240  gtzan_tracks.tsv
261f06c11afc5ba707849f8f0f14010e2628d1d8d9417d901fc8964a81f5938e  gtzan_musicnn_tags.npz

Published splits:
- fault-filtered (Kereliuk, Sturm and Larsen, 2015): 443 tracks to train, 197 to validate, 290 to test, without the
  repetitions and damaged clips that Sturm found (arXiv 1306.1461).
- artist-3fold (Foleis and Tavares, 2020, doi 10.1016/j.asoc.2020.106127): 948 tracks in 3 folds, each artist in one.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from features.settings import MelSettings
from training.data.tracks import BadData, TagCurves, Track, read_tracks
from training.models.msd_musicnn import TAGS

TITLE = "GTZAN"
PICTURES = "gtzan_mel.zip"
TAGS_FILE = "gtzan_musicnn_tags.npz"
SETTINGS = MelSettings()
LICENCE = "Trained on GTZAN (Tzanetakis and Cook, 2002), which carries no licence; no audio of it is contained."

# Of the published curves: 61 frames of 256 samples at 16 kHz.
_TAG_HOP_SECONDS = 61 * 256 / 16_000
_LEAST_PROBABILITY = 1e-7
_COLUMNS = {"track", "fault_filtered_split", "artist_fold", "artist_id"}


def read_gtzan(data: Path) -> list[Track]:
    """Return the tracks in a data folder; raises BadData as `read_tracks`, and for a table of another kind."""
    table = data / "gtzan_tracks.tsv"
    if not table.is_file():
        raise BadData(f"There is no gtzan_tracks.tsv in {data}. It says on which side of a split each track stands.")
    with open(table, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter="\t")
        if not set(reader.fieldnames or ()) >= _COLUMNS:
            raise BadData(f"{table} must be a tab-separated table with the columns {', '.join(sorted(_COLUMNS))}.")
        rows = {row["track"]: row for row in reader}
    pictures = data / PICTURES
    tracks = read_tracks(pictures if pictures.exists() else data, SETTINGS, rows.keys())
    tags = _read_tags(data / TAGS_FILE) if pictures.exists() else {}
    return [
        replace(
            track,
            tags=tags.get(track.name),
            artist=rows[track.name]["artist_id"] or None,
            published={
                "fault-filtered": rows[track.name]["fault_filtered_split"],
                "artist-3fold": rows[track.name]["artist_fold"],
            },
        )
        for track in tracks
    ]


def _read_tags(file: Path) -> dict[str, TagCurves]:
    """Return the published outputs of the encoder by track; none where the file is not there."""
    if not file.is_file():
        return {}
    with np.load(file) as table:
        if tuple(table["tags"]) != TAGS:
            raise BadData(f"{file} has other tags than the encoder. Get the file again.")
        probabilities = np.clip(table["probabilities"], _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY).astype(np.float64)
        logits = np.log(probabilities / (1 - probabilities)).astype(np.float32)
        names = table["track"]
    return {
        str(name): TagCurves(rows, _TAG_HOP_SECONDS * np.arange(len(rows), dtype=np.float64))
        for name in np.unique(names)
        if len(rows := logits[names == name])
    }
