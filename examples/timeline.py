"""Draw the genres of a song over its time: `python examples/timeline.py song.mp3 timeline.png`; needs matplotlib.

It runs without the service, in an environment with this package (`pip install .`).
"""

import sys

from matplotlib import colormaps
from matplotlib.figure import Figure

from inference import load_model

# %% Predict
song, picture = sys.argv[1:]
model = load_model()
prediction = model.classify(song)

# %% Draw a bar per window: its colour is the genre, its height the confidence
figure = Figure(figsize=(10, 3), layout="constrained")
axes = figure.subplots()
genres = sorted({segment.genre for segment in prediction.segments if segment.genre})
for segment in prediction.segments:
    colour = colormaps["tab10"](genres.index(segment.genre)) if segment.genre else "lightgray"
    width = segment.end_seconds - segment.start_seconds
    axes.bar(segment.start_seconds, segment.confidence, width, align="edge", color=colour, edgecolor="white")
    if segment.genre:
        axes.text(segment.start_seconds + width / 2, 0.02, segment.genre, ha="center", rotation=90)
axes.set(xlabel="seconds", ylabel="confidence", ylim=(0, 1), title=f"{song}: {prediction.genre or 'not sure'}")
figure.savefig(picture)
