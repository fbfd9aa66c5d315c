"""The metrics of the service, which GET /metrics shows beside BentoML's own."""

from typing import TYPE_CHECKING

from inference.prediction import Prediction

if TYPE_CHECKING:
    from features.windows import SongWindows

# From a window through the network to hours of music through the decoder, in seconds.
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
NOT_SURE = "not sure"


class Metrics:
    """The metrics of one worker process. To be made when BentoML has started it, and once."""

    def __init__(self) -> None:
        # At its import it decides whether the counts of all workers are added up, by what BentoML has set before.
        from prometheus_client import Counter, Histogram

        self._stages = Histogram(
            "genre_stage_seconds", "Time that a song takes, by stage.", ["stage"], buckets=_BUCKETS
        )
        self._audio = Counter("genre_audio_seconds", "Length of the songs analysed.")
        self._predictions = Counter(
            "genre_predictions", f"Songs answered, by model and genre, which may be {NOT_SURE!r}.", ["model", "genre"]
        )
        self._rejections = Counter("genre_rejections", "Requests answered with an error, by reason.", ["reason"])

    def count_prediction(self, song: "SongWindows", prediction: Prediction, inference_seconds: float) -> None:
        """Count an answer, and the time it took to make."""
        stages = {"decode": song.decode_seconds, "mel": song.mel_seconds, "inference": inference_seconds}
        for stage, seconds in stages.items():
            self._stages.labels(stage).observe(seconds)
        self._audio.inc(song.duration_seconds)
        self._predictions.labels(prediction.model.name, prediction.genre or NOT_SURE).inc()

    def count_rejection(self, reason: str) -> None:
        """Count a request that was answered with an error."""
        self._rejections.labels(reason).inc()
