"""Data to model bundles and their scores; the only part of the project that imports TensorFlow or scikit-learn."""
