"""Data to model bundles and their scores; the only part of the project that imports TensorFlow or scikit-learn."""

import logging
import os
import warnings

# Read as TensorFlow is loaded, also by the processes that this one starts: its notes on the machine are not printed.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A user's own settings of Keras may name another.
os.environ["KERAS_BACKEND"] = "tensorflow"
logging.getLogger("tensorflow").setLevel(logging.ERROR)
# Of numpy, about Keras' own code.
warnings.filterwarnings("ignore", category=FutureWarning, module="keras")
