"""The study's networks: a convolutional one, and one with a bidirectional LSTM behind the convolutions."""

from features.settings import MelSettings
from training.models.backend import keras, layers

_FILTERS = (32, 64, 128, 256)
_LSTM_UNITS = 128
# Frames are taken together by twos until no more than these are left.
_MOST_STEPS = 8
_SQUEEZE_RATIO = 8


def build_cnn(settings: MelSettings, n_genres: int) -> keras.Model:
    """Return a network of four convolutions, each followed by pooling, and a dense layer; dropout 0.45.

    It takes "windows" (n, n_mels, window_frames, 1) in [0, 1] and gives "logits" (n, genres).
    """
    windows = x = _windows(settings)
    for number, filters in enumerate(_FILTERS):
        x = _block(x, filters, 4 if number == 0 else 2, first=number == 0)
    # Over all frames: the network may place a genre's tones, but not its moments.
    time = (1, x.shape[2])
    x = layers.Concatenate()([layers.AveragePooling2D(time)(x), layers.MaxPooling2D(time)(x)])
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return _with_logits(windows, layers.Dropout(0.45)(x), n_genres)


def build_cnn_bilstm(settings: MelSettings, n_genres: int) -> keras.Model:
    """Return a network of four convolutions with squeeze-and-excitation, a BiLSTM over time and attention; dropout 0.5.

    Input and output are those of `build_cnn`. Squeeze-and-excitation: Hu, Shen and Sun, arXiv 1709.01507. Attention
    weighs the steps by a softmax over their scores: Yang et al., 2016, doi 10.18653/v1/N16-1174.
    """
    windows = x = _windows(settings)
    for number, filters in enumerate(_FILTERS):
        x = _squeeze_and_excite(_block(x, filters, 4 if number in (0, 3) else 2, first=number == 0))
    x = layers.Permute((2, 1, 3))(x)
    x = layers.Reshape((x.shape[1], -1))(x)
    # Unrolled, it becomes matrix products in the exported graph, not a loop.
    x = layers.Bidirectional(layers.LSTM(_LSTM_UNITS, return_sequences=True, unroll=True))(x)
    scores = layers.Dense(1)(layers.Dense(_LSTM_UNITS // 2, activation="tanh")(x))
    x = layers.Flatten()(layers.Dot(axes=1)([layers.Softmax(axis=1)(scores), x]))
    return _with_logits(windows, layers.Dropout(0.5)(x), n_genres)


def _windows(settings: MelSettings) -> keras.KerasTensor:
    return keras.Input((settings.n_mels, settings.window_frames, 1), name="windows")


def _with_logits(windows: keras.KerasTensor, x: keras.KerasTensor, n_genres: int) -> keras.Model:
    return keras.Model(windows, layers.Dense(n_genres, name="logits")(x))


def _block(x: keras.KerasTensor, filters: int, bands: int, *, first: bool) -> keras.KerasTensor:
    """Return a convolution, pooled over `bands` and frames, then normalised: there is less of it then, for speed.

    The first convolution takes every other band and frame, for speed as well.
    """
    strides = (2, _frames_together(x)) if first else (1, 1)
    # Twice He's standard deviation. Behind a normalisation the size of weights changes no answer, but how far a step of
    # Adam turns them (van Laarhoven, 2017, arXiv 1706.05350): at 1e-3, smaller ones turn too far to settle.
    large = keras.initializers.VarianceScaling(8.0)
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False, kernel_initializer=large)(x)
    x = layers.MaxPooling2D((bands, _frames_together(x)))(x)
    # Keras' momentum of 0.99 needs more steps than an epoch has here.
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def _frames_together(x: keras.KerasTensor) -> int:
    return 2 if x.shape[2] > _MOST_STEPS else 1


def _squeeze_and_excite(x: keras.KerasTensor) -> keras.KerasTensor:
    channels = x.shape[-1]
    weight = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weight = layers.Dense(channels // _SQUEEZE_RATIO, activation="relu")(weight)
    return layers.Multiply()([x, layers.Dense(channels, activation="sigmoid")(weight)])


NETWORKS = {"cnn": build_cnn, "cnn-bilstm": build_cnn_bilstm}
