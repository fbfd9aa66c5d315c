"""The pretrained network: the shipped graph equals the published network, and so do its tags for real songs."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf

from features.audio import load_audio
from features.bandwidth import FULL_BANDWIDTH, Bandwidth
from features.mel import mel_frequencies
from features.patches import Resampler, patch_power
from features.settings import MelSettings, PatchSettings
from features.windows import song_windows
from inference.bundle import MODELS, load_encoder
from inference.encoder import TagEncoder
from tests.sounds import encode, music, song
from training.data.tracks import BadData
from training.models.msd_musicnn import TAGS, Tables, convert, measure_bands, read_checkpoint

PACKAGE = Path(__file__).resolve().parents[2] / ".cache" / "musicnn" / "musicnn"
SETTINGS = PatchSettings()
HOP_FRAMES = 61
FRAME_SECONDS = SETTINGS.hop_length / SETTINGS.sample_rate_hz

Floats = NDArray[np.floating]


@pytest.fixture(scope="module")
def checkpoint() -> Tables:
    if not PACKAGE.is_dir():
        pytest.skip("needs the package musicnn, which `make encoder` installs in .cache/musicnn")
    return read_checkpoint(PACKAGE)


@pytest.fixture(scope="module")
def exact(checkpoint: Tables) -> onnxruntime.InferenceSession:
    _, graph = convert(checkpoint, (np.zeros(96), np.eye(96)), exact=True)
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def logits(session: onnxruntime.InferenceSession, patches: Floats, heard: Floats | None = None) -> NDArray[np.float32]:
    heard = np.ones((len(patches), 96), np.float32) if heard is None else heard
    return np.concatenate(
        [
            session.run(["tag_logits"], {"patches": patch[None].astype(np.float32), "heard": bands[None]})[0]
            for patch, bands in zip(patches, heard, strict=True)
        ]
    )


def reference_logits(checkpoint: Tables, patches: Floats) -> NDArray[np.float32]:
    """Return the output of the network of the paper, written again in TensorFlow's plain operations.

    From https://arxiv.org/abs/1909.06654 and the layout of the checkpoint: everything in its original order, each batch
    normalisation behind the activation, shape (n, 187, 96) -> (n, 50).
    """

    def normalised(values: tf.Tensor, number: int) -> tf.Tensor:
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        gamma, beta, mean, variance = (
            checkpoint[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return tf.nn.batch_normalization(values, mean, variance, beta, gamma, 1e-3)

    def convolved(values: tf.Tensor, layer: str, padding: str) -> tf.Tensor:
        kernel, bias = checkpoint[f"{layer}/kernel"], checkpoint[f"{layer}/bias"]
        return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(values, kernel, 1, padding), bias))

    picture = normalised(tf.constant(patches[..., None], tf.float32), 0)
    around = tf.pad(picture, [[0, 0], [3, 3], [0, 0], [0, 0]])
    timbral = [normalised(convolved(around, layer, "VALID"), n) for n, layer in ((1, "conv2d"), (2, "conv2d_1"))]
    layers = ((3, "conv2d_2"), (4, "conv2d_3"), (5, "conv2d_4"))
    temporal = [normalised(convolved(picture, layer, "SAME"), n) for n, layer in layers]
    front = tf.concat([tf.reduce_max(part, axis=2) for part in [*timbral, *temporal]], axis=2)

    def middle(values: tf.Tensor, layer: str, number: int) -> tf.Tensor:
        """Shape (n, frames, channels) -> (n, frames, 64): a convolution over seven frames and all channels."""
        wide = tf.pad(values, [[0, 0], [3, 3], [0, 0]])[..., None]
        return normalised(tf.squeeze(convolved_wide(wide, layer), axis=2), number)

    def convolved_wide(values: tf.Tensor, layer: str) -> tf.Tensor:
        kernel = checkpoint[f"{layer}/kernel"]
        assert kernel.shape[:3] == (7, values.shape[2], 1)
        return convolved(values, layer, "VALID")

    first = middle(front, "conv2d_5", 6)
    second = middle(first, "conv2d_6", 7) + first
    third = middle(second, "conv2d_7", 8) + second
    whole = tf.concat([front, first, second, third], axis=2)
    pooled = tf.stack([tf.reduce_max(whole, axis=1), tf.reduce_mean(whole, axis=1)], axis=2)
    flat = normalised(tf.reshape(pooled, [len(patches), -1]), 9)
    hidden = tf.nn.relu(flat @ checkpoint["dense/kernel"] + checkpoint["dense/bias"])
    output = normalised(hidden, 10) @ checkpoint["dense_1/kernel"] + checkpoint["dense_1/bias"]
    return np.asarray(output.numpy())


def test_the_checkpoint_is_of_the_network(checkpoint: Tables) -> None:
    shapes = {name: table.shape for name, table in checkpoint.items() if name.endswith("kernel")}
    assert shapes == {
        "conv2d/kernel": (7, 38, 1, 204),
        "conv2d_1/kernel": (7, 67, 1, 204),
        "conv2d_2/kernel": (128, 1, 1, 51),
        "conv2d_3/kernel": (64, 1, 1, 51),
        "conv2d_4/kernel": (32, 1, 1, 51),
        "conv2d_5/kernel": (7, 561, 1, 64),
        "conv2d_6/kernel": (7, 64, 1, 64),
        "conv2d_7/kernel": (7, 64, 1, 64),
        "dense/kernel": (2 * (561 + 3 * 64), 200),
        "dense_1/kernel": (200, 50),
    }


@cache
def made_patches() -> NDArray[np.float32]:
    """Return patches of noise, of silence, of music made here, and of nothing that is any sound."""
    rng = np.random.default_rng(0)
    song = song_windows(encode(music(30), 44_100, "flac"), MelSettings(), patches=SETTINGS)
    assert song.patches is not None
    noise = rng.uniform(0, 4, (2, 187, 96))
    sparse = noise * (rng.random(noise.shape) < 0.02)
    parts: list[Floats] = [noise, sparse, np.zeros((1, 187, 96)), song.patches.reshape(-1, 187, 96)]
    return np.concatenate(parts).astype(np.float32)


def test_the_exact_graph_is_the_published_network(checkpoint: Tables, exact: onnxruntime.InferenceSession) -> None:
    patches = made_patches()
    expected = reference_logits(checkpoint, patches)
    assert np.std(expected) > 1
    np.testing.assert_allclose(logits(exact, patches), expected, atol=1e-4 * np.abs(expected).max())


def test_eight_bits_change_little_of_what_is_heard(checkpoint: Tables) -> None:
    card, weights = load_encoder(MODELS / "msd-musicnn")
    patches = made_patches()[5:]
    found = TagEncoder(card, weights).tag_logits(patches, FULL_BANDWIDTH)
    difference = np.abs(found - reference_logits(checkpoint, patches))
    assert difference.max() < 0.5
    assert difference.mean() < 0.1


def test_the_shipped_encoder_is_a_fresh_conversion(checkpoint: Tables, research_data: Path) -> None:
    bands = measure_bands((research_data / "audio").glob("gtzan*/*.*"))
    card, weights = convert(checkpoint, bands)
    shipped_card, shipped = load_encoder(MODELS / "msd-musicnn")
    assert (card.tags, card.patches) == (shipped_card.tags, shipped_card.patches) == (TAGS, SETTINGS)
    if weights != shipped:
        # Another processor rounds the measured bands otherwise; without them, there is nothing to round.
        patches = made_patches()
        one, other = (onnxruntime.InferenceSession(graph) for graph in (weights, shipped))
        heard = (mel_frequencies(SETTINGS.mel) < 3500).astype(np.float32)
        for bands_heard in (np.ones(96, np.float32), heard):
            rows = np.broadcast_to(bands_heard, (len(patches), 96))
            np.testing.assert_allclose(logits(one, patches, rows), logits(other, patches, rows), atol=0.02)


def test_bands_that_are_not_heard_change_nothing_and_are_filled_in() -> None:
    encoder = TagEncoder(*load_encoder(MODELS / "msd-musicnn"))
    patches = made_patches()[5:].copy()
    narrow = Bandwidth(0.0, 3500.0)
    found = encoder.tag_logits(patches, narrow)
    whole = encoder.tag_logits(patches, FULL_BANDWIDTH)
    patches[..., mel_frequencies(SETTINGS.mel) > 3500] = 0
    np.testing.assert_array_equal(encoder.tag_logits(patches, narrow), found)
    cut = encoder.tag_logits(patches, FULL_BANDWIDTH)
    assert np.abs(found - whole).mean() < 0.7 * np.abs(cut - whole).mean()


def published(data: Path) -> dict[str, NDArray[np.float32]]:
    with np.load(data / "gtzan_musicnn_tags.npz") as table:
        assert tuple(table["tags"]) == TAGS
        names, probabilities = table["track"], table["probabilities"]
        clips = sorted(path.stem for path in (data / "audio" / "gtzan10").iterdir())
        return {name: probabilities[names == name].astype(np.float32) for name in clips}


def test_the_published_outputs_are_had_again(exact: onnxruntime.InferenceSession, research_data: Path) -> None:
    """Patches through this project's front end, at the level of the recording, as the package's own has them."""
    curves = published(research_data)
    assert len(curves) == 30
    for name, expected in list(curves.items())[::3]:
        audio = load_audio(research_data / "audio" / "gtzan10" / f"{name}.flac")
        resampler = Resampler(audio.sample_rate_hz, SETTINGS.sample_rate_hz)
        resampler.add(audio.samples)
        sound = resampler.sound()
        frames = HOP_FRAMES * np.arange((len(sound) / SETTINGS.hop_length - SETTINGS.patch_frames) // HOP_FRAMES)
        power = patch_power(sound, frames * FRAME_SECONDS, SETTINGS)
        found = 1 / (1 + np.exp(-logits(exact, np.log10(10_000 * power + 1))))
        assert len(found) >= 12
        # The first patch has the edge of the clip in it.
        difference = np.abs(found - expected[: len(found)])[1:]
        assert difference.max() < 0.02, name


def test_a_package_without_the_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no MSD_musicnn in .*make encoder"):
        read_checkpoint(tmp_path)


def test_songs_of_narrow_bandwidth_are_not_measured(tmp_path: Path) -> None:
    telephone = tmp_path / "song.flac"
    telephone.write_bytes(song(12, "flac", 8000))
    with pytest.raises(BadData, match="no song of wide bandwidth"):
        measure_bands([telephone])
    whole = tmp_path / "whole.flac"
    whole.write_bytes(song(12, "flac"))
    for one, other in zip(measure_bands([telephone, whole]), measure_bands([whole]), strict=True):
        np.testing.assert_array_equal(one, other)
