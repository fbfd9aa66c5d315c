"""MSD_musicnn (Pons and Serra, 2019, arXiv 1909.06654) as an encoder: from the package's checkpoint to an ONNX graph.

The network was trained on some 200,000 songs of the Million Song Dataset for 50 tags of Last.fm. It is in the package
`musicnn` 0.1.0, whose code and weights are under the ISC licence; `make encoder` installs it, without its requirements
of 2019, for this conversion alone.

Three things differ from the original network:
- Half of its work is two convolutions over time and frequency of which only the maximum over frequency is used. Here
  they are a matrix product per position, and the maximum is kept as they go; their weights and their input are
  integers of 8 bits. That takes half the time. Weights use 7 of the bits, as no processor's instructions then
  overflow, so that all give the same result. `exact=True` leaves this out, and is equal to the original to 1e-4.
- Batch normalisation is folded into the layers beside it.
- Bands that a recording lacks (see `features/bandwidth.py`) are filled in with their expectation given the bands below,
  under a normal distribution of the bands of one frame.
"""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from features.settings import MelSettings, PatchSettings
from features.windows import song_windows
from inference.card import EncoderCard
from training.data.tracks import BadData
from training.models.export import parse_graph

NAME = "msd-musicnn"
VERSION = "1.0.0"
TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock", "jazz",
    "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow", "electronica",
    "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic",
    "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad", "House", "happy",
)  # fmt: skip
# TensorFlow's default, with which the network was trained.
_EPSILON = 1e-3
_TAPS = 7
# (layer, its batch normalisation) of the front end: timbral convolutions over bands, temporal ones over frames.
_TIMBRAL = (("conv2d", 1), ("conv2d_1", 2))
_TEMPORAL = (("conv2d_2", 3), ("conv2d_3", 4), ("conv2d_4", 5))
_MIDDLE = (("conv2d_5", 6), ("conv2d_6", 7), ("conv2d_7", 8))
_POOLED, _DENSE = 9, 10
# The greatest value of a compressed patch that 8 bits stand for: a power of 250, louder than any music here.
_LOUDEST = 6.4
_WEIGHT_STEPS = 63
# Added to the variance of each band where missing bands are filled in.
_BAND_VARIANCE = 0.02
_PATCHES_MEASURED = 3
# The songs that the bands are measured of reach up to here.
_MEASURED_HZ = 9500.0

Floats = NDArray[np.floating]
Tables = dict[str, Floats]


def convert(checkpoint: Tables, bands: tuple[Floats, Floats], *, exact: bool = False) -> tuple[EncoderCard, bytes]:
    """Return the encoder's card, without the hash, and its graph, from the network's variables by name.

    `bands` are mean and covariance, (n_mels,) and (n_mels, n_mels), of the bands of compressed frames of music.
    """
    settings = PatchSettings()
    graph = _Graph(checkpoint, settings, exact=exact)
    graph.fill_bands(*bands)
    graph.front_end()
    graph.middle()
    graph.back_end()
    card = EncoderCard(
        name=NAME,
        version=VERSION,
        description="MSD_musicnn: convolutions over patches of three seconds, for 50 tags of Last.fm.",
        tags=TAGS,
        patches=settings,
        source="PyPI musicnn 0.1.0, MSD_musicnn (Pons and Serra, 2019, arXiv 1909.06654). Trained on about 200,000 "
        "songs of the Million Song Dataset, which may hold some that are in GTZAN; their genres were not used.",
        weights_sha256="",
        license="ISC. Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019; developed by Jordi Pons.",
    )
    return card, graph.parse()


def read_checkpoint(package: Path) -> Tables:
    """Return the network's variables by name, from the folder that the package `musicnn` is installed in."""
    # TensorFlow takes seconds to load.
    from training.models.backend import tf

    files = package / "MSD_musicnn"
    if not (files / ".index").is_file():
        raise BadData(f"There is no MSD_musicnn in {package}. Run `make encoder`, which installs the package there.")
    with tempfile.TemporaryDirectory() as folder:
        # TensorFlow reads no checkpoint whose name is empty.
        for suffix in (".index", ".data-00000-of-00001"):
            shutil.copyfile(files / suffix, Path(folder) / f"checkpoint{suffix}")
        reader = tf.train.load_checkpoint(str(Path(folder) / "checkpoint"))
        names = reader.get_variable_to_shape_map()
        return {name: reader.get_tensor(name) for name in names if "Adam" not in name and "power" not in name}


def measure_bands(songs: Iterable[Path]) -> tuple[Floats, Floats]:
    """Return mean and covariance of the bands of compressed frames, over songs of wide bandwidth, each the same.

    Shapes (n_mels,) and (n_mels, n_mels).
    """
    settings = replace(PatchSettings(), patches_per_window=_PATCHES_MEASURED)
    sums: list[tuple[Floats, Floats]] = []
    for path in tqdm(sorted(songs), "measuring bands", unit="song"):
        song = song_windows(path, MelSettings(), patches=settings)
        if song.patches is not None and not song.bandwidth.lows_missing and song.bandwidth.high_hz >= _MEASURED_HZ:
            frames = song.patches.reshape(-1, settings.n_mels).astype(np.float64)
            sums.append((frames.mean(axis=0), frames.T @ frames / len(frames)))
    if not sums:
        raise BadData("There is no song of wide bandwidth to measure the bands of.")
    mean, square = (np.mean(parts, axis=0) for parts in zip(*sums, strict=True))
    return mean, square - np.outer(mean, mean)


class _Graph:
    """The text of a graph in ONNX's syntax, and its tables, as they grow."""

    def __init__(self, checkpoint: Tables, settings: PatchSettings, *, exact: bool) -> None:
        self._checkpoint = checkpoint
        self._settings = settings
        self._exact = exact
        self._lines: list[str] = []
        self._tables: dict[str, NDArray[np.generic]] = {}

    def parse(self) -> bytes:
        """Return the graph."""
        head = (
            "model (float[n, {frames}, {bands}] patches, float[n, {bands}] heard) => (float[n, {tags}] tag_logits) {{"
        )
        text = "\n".join([head, *self._lines, "}}"])
        settings = self._settings
        return parse_graph(text, self._tables, frames=settings.patch_frames, bands=settings.n_mels, tags=len(TAGS))

    def fill_bands(self, mean: Floats, covariance: Floats) -> None:
        """Replace bands that are not heard by their expectation.

        With a lower triangular factor of the covariance, frames are made of as many independent numbers as there are
        bands, of which the first k are known if the first k bands are; the expectation of the others is zero.
        """
        factor = np.linalg.cholesky(covariance + _BAND_VARIANCE * np.eye(len(mean)))
        self._tables |= {"band_mean": mean, "band_factor": factor.T, "band_unfactor": np.linalg.inv(factor).T}
        self._tables |= {"zero": np.array(0.0), "frame_axis": np.array([1])}
        self._lines += [
            "heard_bands = Unsqueeze (heard, frame_axis)",
            "centred = Sub (patches, band_mean)",
            "independent = MatMul (centred, band_unfactor)",
            "known = Mul (independent, heard_bands)",
            "expected_centred = MatMul (known, band_factor)",
            "expected = Add (expected_centred, band_mean)",
            "filled = Max (expected, zero)",
            "is_heard = Cast <to = 9> (heard_bands)",
            "whole = Where (is_heard, patches, filled)",
        ]

    def front_end(self) -> None:
        """Add the timbral and the temporal convolutions, each with its maximum over bands: (n, 561, frames)."""
        scale, shift = (float(part[0]) for part in self._normalisation(0))
        self._tables |= {"input_scale": np.array(scale), "input_shift": np.array(shift)}
        self._lines += ["scaled = Mul (whole, input_scale)", "normal = Add (scaled, input_shift)"]
        self._unfold(scale, shift)
        parts = [self._timbral(layer, number, scale) for layer, number in _TIMBRAL]
        self._tables["channel_axis"] = np.array([1])
        self._lines.append("picture = Unsqueeze (normal, channel_axis)")
        parts += [self._temporal(layer, number) for layer, number in _TEMPORAL]
        self._lines.append(f"front = Concat <axis = 1> ({', '.join(parts)})")

    def _unfold(self, scale: float, shift: float) -> None:
        """Add `rows`: of each frame, its bands one after another, each with its value in the seven frames around."""
        source, fill = "normal", ""
        if not self._exact:
            step = _LOUDEST * scale / 255
            self._tables |= {"step": np.array(step, np.float32), "offset": np.array(round(-shift / step), np.uint8)}
            self._lines.append("bytes = QuantizeLinear (normal, step, offset)")
            source, fill = "bytes", ", offset"
        reach = _TAPS // 2
        self._tables |= {
            "padding": np.array([0, reach, 0, 0, reach, 0]),
            "last_axis": np.array([3]),
            "row_shape": np.array([0, 0, -1]),
        }
        self._lines.append(f"padded = Pad ({source}, padding{fill})")
        for tap in range(_TAPS):
            end = tap + self._settings.patch_frames
            self._slice("padded", f"tap_{tap}", 1, tap, end)
            self._lines.append(f"column_{tap} = Unsqueeze (tap_{tap}, last_axis)")
        columns = ", ".join(f"column_{tap}" for tap in range(_TAPS))
        self._lines += [f"stacked = Concat <axis = 3> ({columns})", "rows = Reshape (stacked, row_shape)"]

    def _timbral(self, layer: str, number: int, scale: float) -> str:
        """Add a convolution over seven frames and some bands, as one matrix product per position of the bands."""
        kernel, bias, sign = self._signed(layer, number)
        height = kernel.shape[1]
        matrix = kernel[:, :, 0].transpose(1, 0, 2).reshape(height * _TAPS, -1)
        product = "MatMul"
        taken = [f"{layer}_matrix"]
        if not self._exact:
            steps = np.abs(matrix).max(axis=0) / _WEIGHT_STEPS
            self._tables[f"{layer}_steps"] = steps * (_LOUDEST * scale / 255)
            matrix = np.round(matrix / steps).astype(np.int8)
            product, taken = "MatMulInteger", [*taken, "offset"]
        self._tables[f"{layer}_matrix"] = matrix
        greatest = ""
        for band in range(self._settings.n_mels - height + 1):
            self._slice("rows", f"{layer}_rows_{band}", 2, band * _TAPS, (band + height) * _TAPS)
            name = f"{layer}_{band}"
            self._lines.append(f"{name} = {product} ({layer}_rows_{band}, {', '.join(taken)})")
            if greatest:
                self._lines.append(f"{name}_max = Max ({greatest}, {name})")
                name += "_max"
            greatest = name
        if not self._exact:
            self._lines += [
                f"{layer}_number = Cast <to = 1> ({greatest})",
                f"{layer}_scaled = Mul ({layer}_number, {layer}_steps)",
            ]
            greatest = f"{layer}_scaled"
        self._tables[f"{layer}_bias"] = bias
        self._lines += [
            f"{layer}_biased = Add ({greatest}, {layer}_bias)",
            f"{layer}_greatest = Transpose <perm = [0, 2, 1]> ({layer}_biased)",
        ]
        return self._activated(layer, number, sign)

    def _temporal(self, layer: str, number: int) -> str:
        """Add a convolution over frames of single bands."""
        kernel, bias, sign = self._signed(layer, number)
        length = len(kernel)
        self._tables |= {f"{layer}_kernel": kernel.transpose(3, 2, 0, 1), f"{layer}_bias": bias}
        self._tables["band_axis"] = np.array([3])
        pads = f"[{(length - 1) // 2}, 0, {length // 2}, 0]"
        self._lines += [
            f"{layer}_all = Conv <pads = {pads}> (picture, {layer}_kernel, {layer}_bias)",
            f"{layer}_pooled = MaxPool <kernel_shape = [1, {{bands}}]> ({layer}_all)",
            f"{layer}_greatest = Squeeze ({layer}_pooled, band_axis)",
        ]
        return self._activated(layer, number, sign)

    def _signed(self, layer: str, number: int) -> tuple[Floats, Floats, Floats]:
        """Return kernel and bias, of the sign of the normalisation behind them, and that sign.

        The maximum over bands can then be taken first, whichever end of the range becomes the greatest.
        """
        sign = np.sign(self._normalisation(number)[0])
        return self._checkpoint[f"{layer}/kernel"] * sign, self._checkpoint[f"{layer}/bias"] * sign, sign

    def _activated(self, layer: str, number: int, sign: Floats) -> str:
        """Add the activation and the normalisation of a maximum (n, filters, frames)."""
        scale, shift = self._normalisation(number)
        self._tables |= {
            f"{layer}_sign": sign[:, None],
            f"{layer}_scale": scale[:, None],
            f"{layer}_shift": shift[:, None],
        }
        self._lines += [
            f"{layer}_signed = Mul ({layer}_greatest, {layer}_sign)",
            f"{layer}_positive = Relu ({layer}_signed)",
            f"{layer}_spread = Mul ({layer}_positive, {layer}_scale)",
            f"{layer}_features = Add ({layer}_spread, {layer}_shift)",
        ]
        return f"{layer}_features"

    def middle(self) -> None:
        """Add three convolutions over frames, the second and third with a residual connection: (n, 753, frames)."""
        former, parts = "front", ["front"]
        for layer, number in _MIDDLE:
            scale, shift = self._normalisation(number)
            kernel = self._checkpoint[f"{layer}/kernel"][:, :, 0]
            self._tables |= {
                f"{layer}_kernel": kernel.transpose(2, 1, 0),
                f"{layer}_bias": self._checkpoint[f"{layer}/bias"],
                f"{layer}_scale": scale[:, None],
                f"{layer}_shift": shift[:, None],
            }
            self._lines += [
                f"{layer}_all = Conv <pads = [{_TAPS // 2}, {_TAPS // 2}]> ({former}, {layer}_kernel, {layer}_bias)",
                f"{layer}_positive = Relu ({layer}_all)",
                f"{layer}_spread = Mul ({layer}_positive, {layer}_scale)",
            ]
            features = f"{layer}_features"
            if former == "front":
                self._lines.append(f"{features} = Add ({layer}_spread, {layer}_shift)")
            else:
                self._lines += [
                    f"{layer}_moved = Add ({layer}_spread, {layer}_shift)",
                    f"{features} = Add ({layer}_moved, {former})",
                ]
            former = features
            parts.append(features)
        self._lines.append(f"layers = Concat <axis = 1> ({', '.join(parts)})")

    def back_end(self) -> None:
        """Add maximum and mean over frames, and the two dense layers."""
        scale, shift = self._normalisation(_POOLED)
        hidden = self._checkpoint["dense/kernel"]
        hidden_bias = self._checkpoint["dense/bias"] + shift @ hidden
        # The original has maximum and mean of each feature side by side.
        in_turn = np.arange(len(hidden)).reshape(-1, 2).T.ravel()
        output_scale, output_shift = self._normalisation(_DENSE)
        output = self._checkpoint["dense_1/kernel"]
        self._tables |= {
            "time_axis": np.array([2]),
            "hidden_weights": (hidden * scale[:, None])[in_turn],
            "hidden_bias": hidden_bias,
            "output_weights": output * output_scale[:, None],
            "output_bias": self._checkpoint["dense_1/bias"] + output_shift @ output,
        }
        self._lines += [
            "greatest = ReduceMax <keepdims = 0> (layers, time_axis)",
            "mean = ReduceMean <keepdims = 0> (layers, time_axis)",
            "pooled = Concat <axis = 1> (greatest, mean)",
            "hidden_products = MatMul (pooled, hidden_weights)",
            "hidden_sums = Add (hidden_products, hidden_bias)",
            "hidden = Relu (hidden_sums)",
            "output_products = MatMul (hidden, output_weights)",
            "tag_logits = Add (output_products, output_bias)",
        ]

    def _normalisation(self, number: int) -> tuple[Floats, Floats]:
        """Return the factor and the summand of the batch normalisation of that number."""
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        gamma, beta, mean, variance = (
            self._checkpoint[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        return scale, beta - mean * scale

    def _slice(self, source: str, name: str, axis: int, start: int, end: int) -> None:
        bounds = {"start": start, "end": end, "axis": axis}
        for value in bounds.values():
            self._tables[f"index_{value}"] = np.array([value])
        self._lines.append(f"{name} = Slice ({source}, index_{start}, index_{end}, index_{axis})")
