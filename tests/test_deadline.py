"""A deadline stops whatever works on a song: the decoders, the features and the networks."""

import io
import math

import av
import pytest

from features.audio import open_audio
from features.deadline import Deadline, OutOfTime
from features.settings import MelSettings, PatchSettings
from features.windows import song_windows
from inference.bundle import MODELS, load_bundle
from inference.classifier import GenreClassifier
from inference.explanation import explain
from tests.sounds import single_samples, song

DECODED_BY = {"libsndfile": "flac", "FFmpeg": "m4a"}


class CancelledLater(Deadline):
    """A deadline that is cancelled at its nth check."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self._checks = checks

    def check(self) -> None:
        self._checks -= 1
        if self._checks == 0:
            self.cancel()
        super().check()


def test_a_deadline_passes_when_its_time_is_over_or_it_is_cancelled() -> None:
    unlimited, over = Deadline(), Deadline(0)
    assert (unlimited.seconds_left(), over.seconds_left()) == (math.inf, 0)
    unlimited.check()
    assert 50 < Deadline(60).seconds_left() <= 60
    unlimited.cancel()
    for deadline in (unlimited, over):
        assert deadline.seconds_left() == 0
        with pytest.raises(OutOfTime):
            deadline.check()


@pytest.mark.parametrize("suffix", DECODED_BY.values(), ids=DECODED_BY)
def test_no_further_block_is_decoded(suffix: str) -> None:
    deadline = Deadline()
    with open_audio(song(20, suffix), deadline) as sound:
        assert len(next(sound.blocks))
        deadline.cancel()
        with pytest.raises(OutOfTime):
            next(sound.blocks)


@pytest.mark.parametrize("audio", [song(20, "m4a"), single_samples(20_000)], ids=["m4a", "single samples"])
def test_a_file_is_not_read_any_further(audio: bytes) -> None:
    with pytest.raises(OutOfTime), open_audio(audio, Deadline(0)):
        pass


def test_packets_of_another_stream_are_not_read_any_further() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        sound = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        picture = output.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        assert isinstance(sound, av.AudioStream)
        assert isinstance(picture, av.VideoStream)
        for stream, size, count in ((sound, 100, 3), (picture, 1000, 3000)):
            for place in range(count):
                packet = av.Packet(bytes(size))
                packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, place, place, True
                output.mux(packet)
    # More checks than there are packets of sound.
    with pytest.raises(OutOfTime), open_audio(buffer.getvalue(), CancelledLater(50)) as audio:
        list(audio.blocks)


@pytest.mark.parametrize("suffix", DECODED_BY.values(), ids=DECODED_BY)
@pytest.mark.parametrize("patches", [None, PatchSettings()])
def test_features_stop_in_the_middle_of_a_song(suffix: str, patches: PatchSettings | None) -> None:
    audio = song(90, suffix, 22_050, channels=1)
    with pytest.raises(OutOfTime):
        song_windows(audio, MelSettings(), patches=patches, deadline=CancelledLater(3))
    assert len(song_windows(audio, MelSettings(), patches=patches, deadline=Deadline(60)).windows) == 9


@pytest.mark.parametrize("name", ["gtzan-best", "gtzan-cnn"])
def test_a_model_stops_in_the_middle_of_a_song(name: str) -> None:
    classifier = GenreClassifier(load_bundle(MODELS / name))
    audio = song(30, "flac", 22_050, channels=1)
    windows = song_windows(audio, classifier.card.mel, patches=classifier.card.patches)
    with pytest.raises(OutOfTime):
        classifier.predict(windows, deadline=CancelledLater(1))
    with pytest.raises(OutOfTime):
        explain(classifier, windows, CancelledLater(5))
    assert classifier.predict(windows, deadline=Deadline(60)) == classifier.predict(windows)


def test_an_encoder_stops_between_two_patches() -> None:
    classifier = GenreClassifier(load_bundle(MODELS / "gtzan-best"))
    windows = song_windows(song(30, "flac", 22_050, channels=1), classifier.card.mel, patches=classifier.card.patches)
    for checks in range(1, 7):
        with pytest.raises(OutOfTime):
            classifier.encode(windows, CancelledLater(checks))
