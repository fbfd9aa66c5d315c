"""FMA-Small (Defferrard et al., 2017, arXiv 1612.01840): 8000 clips of 30 seconds, 1000 in each of 8 genres.

The data folder holds `fma_small_mel.zip`, pictures of spectrograms of 128 frames a clip, `<genre>/<track id>.jpg`,
of 6,994 of the tracks. The tracks are under Creative Commons licences, one each; nearly all are at
44,100 Hz. 107535 is silent.

The pictures say nothing about artists. But ids were given album by album: neighbours in one genre, at most 20 apart,
are mostly by one artist, so each row of neighbours stands for an artist here.
"""

from dataclasses import replace
from pathlib import Path

from features.mel import MelSettings
from training.tracks import Track, read_tracks

TITLE = "FMA-Small"
# 30 seconds in 128 frames, up to half the sample rate of the files.
SETTINGS = MelSettings(sample_rate_hz=44_100, hop_length=10_335, fmax_hz=22_050.0, window_hop_frames=128)
LICENCE = "Trained on FMA-Small, tracks under Creative Commons licences; no audio of it is contained."

_SILENT = "107535"
_LARGEST_GAP = 20


def read_fma_small(data: Path) -> list[Track]:
    """Return the tracks in a data folder, the silent one left out; raises BadData as `read_tracks`."""
    tracks = read_tracks(data / "fma_small_mel.zip", SETTINGS)
    with_artists: list[Track] = []
    for track in sorted(tracks, key=lambda track: (track.genre, int(track.name))):
        former = with_artists[-1] if with_artists else None
        if former and former.genre == track.genre and int(track.name) - int(former.name) <= _LARGEST_GAP:
            artist = former.artist
        else:
            artist = f"{track.genre}-{track.name}"
        with_artists.append(replace(track, artist=artist))
    return [track for track in with_artists if track.name != _SILENT]
