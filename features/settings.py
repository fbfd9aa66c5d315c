"""The settings of features, apart from their computation: code that only reads a card needs no numpy."""

import math
from dataclasses import dataclass

# A song may be heard in excerpts: at most so many, each so long.
MAX_EXCERPTS = 100
EXCERPT_SECONDS = 30.0


@dataclass(frozen=True)
class MelSettings:
    """Settings of the windows that a model takes; each model card carries its own.

    The defaults are those of the GTZAN spectrograms in use here: librosa's at 22,050 Hz, one frame every 77.6 ms.
    Lengths in samples (`n_fft`, `hop_length`) are meant at `sample_rate_hz`; sound at another rate is analysed with
    lengths of the same duration.
    """

    sample_rate_hz: int = 22_050
    n_fft: int = 2048
    hop_length: int = 1711
    n_mels: int = 128
    fmin_hz: float = 0.0
    fmax_hz: float = 11_025.0
    clip_seconds: float = 30.0
    window_frames: int = 128
    window_hop_frames: int = 129

    def __post_init__(self) -> None:
        if not 0 <= self.fmin_hz < self.fmax_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"Mel bands need 0 <= fmin_hz < fmax_hz <= sample_rate_hz / 2, not {self}.")
        sizes = (self.n_fft, self.hop_length, self.n_mels, self.window_frames, self.window_hop_frames)
        if min(sizes) < 1 or self.clip_seconds < self.window_seconds:
            raise ValueError(f"Sizes must be positive, and a clip at least one window long, not {self}.")

    @property
    def frame_seconds(self) -> float:
        """The time from one frame to the next."""
        return self.hop_length / self.sample_rate_hz

    @property
    def clip_frames(self) -> int:
        """The number of frames of a whole clip."""
        return round(self.clip_seconds / self.frame_seconds)

    @property
    def window_seconds(self) -> float:
        """The time one window spans."""
        return self.window_frames * self.frame_seconds


@dataclass(frozen=True)
class PatchSettings:
    """How sound becomes the patches that a pretrained encoder takes, beside a model's windows.

    The defaults are those of MSD_musicnn (Pons and Serra, 2019): 96 mel bands up to 8 kHz, 62.5 frames per second,
    three seconds per patch. Of each window, `patches_per_window` patches are taken at equal distances. `level_db` is
    the mean power of a frame, over all bands, that every song is brought to before compression: the median of GTZAN's.
    """

    sample_rate_hz: int = 16_000
    n_fft: int = 512
    hop_length: int = 256
    n_mels: int = 96
    patch_frames: int = 187
    patches_per_window: int = 2
    level_db: float = 14.7

    def __post_init__(self) -> None:
        if min(self.hop_length, self.n_fft, self.n_mels, self.patch_frames, self.patches_per_window) < 1:
            raise ValueError(f"Sizes must be positive, not {self}.")
        if self.sample_rate_hz < 2 or not math.isfinite(self.level_db):
            raise ValueError(f"A patch needs a sample rate and a finite level, not {self}.")

    @property
    def patch_seconds(self) -> float:
        """The time one patch spans."""
        return self.patch_frames * self.hop_length / self.sample_rate_hz

    @property
    def mel(self) -> MelSettings:
        """The mel bands of a patch, up to half the sample rate."""
        return MelSettings(
            self.sample_rate_hz, self.n_fft, self.hop_length, self.n_mels, fmax_hz=self.sample_rate_hz / 2
        )
