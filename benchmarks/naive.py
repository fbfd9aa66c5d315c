"""The same answers as tutorials build them: FastAPI, librosa and a model in one process.

    NAIVE_MODEL=network.keras uvicorn benchmarks.naive:app

The model is this project's own CNN, as a Keras file or as an ONNX graph, so that all answer with the same network.
Its features are those the network was trained on; NAIVE_HOP=512 takes librosa's default in place of their hop length,
as tutorials do: a song of 30 seconds then has ten windows, not three, and the network's predictions mean nothing.
"""

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import librosa
import numpy as np
from fastapi import FastAPI, File, UploadFile
from numpy.typing import NDArray

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
MODEL = Path(os.environ["NAIVE_MODEL"])
HOP = int(os.environ.get("NAIVE_HOP", "1711"))

app = FastAPI()

if MODEL.suffix == ".keras":
    import keras

    network = keras.models.load_model(MODEL)

    def ask(windows: NDArray[np.float32]) -> Any:
        """Return the network's predictions for windows, shape (n, genres)."""
        return network.predict(windows, verbose=0)

else:
    import onnxruntime

    session = onnxruntime.InferenceSession(MODEL)

    def ask(windows: NDArray[np.float32]) -> Any:
        """Return the network's predictions for windows, shape (n, genres)."""
        return session.run(None, {session.get_inputs()[0].name: windows})[0]


@app.get("/readyz")
def ready() -> str:
    """Say that the model is loaded."""
    return "ready"


@app.post("/classify")
def classify(audio: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """Return the genre of a song."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(audio.file.read())
        file.flush()
        probabilities = predict(file.name)
    return {"genre": max(probabilities, key=lambda genre: probabilities[genre]), "probabilities": probabilities}


def predict(path: str) -> dict[str, float]:
    """Return the probability of each genre for a file."""
    samples, rate = librosa.load(path, sr=22_050)
    mel = librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=2048, hop_length=HOP, n_mels=128)
    decibels = librosa.power_to_db(mel, ref=np.max)
    scaled = (decibels - decibels.min()) / (np.ptp(decibels) or 1)
    windows = np.stack([scaled[:, start : start + 128] for start in range(0, scaled.shape[1] - 127, 129)])
    logits = ask(windows[..., None].astype(np.float32))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = (exponentials / exponentials.sum(axis=1, keepdims=True)).mean(axis=0)
    return dict(zip(GENRES, probabilities.tolist(), strict=True))
