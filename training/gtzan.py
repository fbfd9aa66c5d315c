"""GTZAN (Tzanetakis and Cook, 2002): 1000 clips of 30 seconds at 22,050 Hz mono, 100 in each of 10 genres.

The data folder holds `gtzan_mel.zip`, pictures of spectrograms of 387 frames a clip, or the audio as
`<genre>/<genre>.<number>.wav` (any format will do), and `gtzan_tracks.tsv`: one row a track, tab-separated, with the
columns `track`, `fault_filtered_split`, `artist_fold` and `artist_id`. jazz.00054 is unreadable in all copies in
circulation, so there are 999. The data set carries no licence, and its maker published no checksum.

SHA-256 of the files that the shipped models learned from:
15a0aff932ed226774f73551f95add84c92f7891b15aa5f09ec3e5da644a7fe9  gtzan_mel.zip
984e1c65a4e3870640e2dc1461f4ed7793fdbe57d057f9830d707a4c7aa80240  gtzan_tracks.tsv

Published splits:
- fault-filtered (Kereliuk, Sturm and Larsen, 2015): 443 tracks to train, 197 to validate, 290 to test, without the
  repetitions and damaged clips that Sturm found (arXiv 1306.1461).
- artist-3fold (Foleis and Tavares, 2020, doi 10.1016/j.asoc.2020.106127): 948 tracks in 3 folds, each artist in one.
"""

import csv
from dataclasses import replace
from pathlib import Path

from features.settings import MelSettings
from training.tracks import BadData, Track, read_tracks

TITLE = "GTZAN"
SETTINGS = MelSettings()
LICENCE = "Trained on GTZAN (Tzanetakis and Cook, 2002), which carries no licence; no audio of it is contained."

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
    pictures = data / "gtzan_mel.zip"
    tracks = read_tracks(pictures if pictures.exists() else data, SETTINGS, rows.keys())
    return [
        replace(
            track,
            artist=rows[track.name]["artist_id"] or None,
            published={
                "fault-filtered": rows[track.name]["fault_filtered_split"],
                "artist-3fold": rows[track.name]["artist_fold"],
            },
        )
        for track in tracks
    ]
