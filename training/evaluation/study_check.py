"""A check of the harness: the study's classical figures, to the digit, from the study's own features and split.

The Kaggle copy of GTZAN has 57 hand-made features per clip and the clip's length, which the study took for one more.
Scaled to [0, 1] over all clips, and split at random by tracks, they give the classical rows of the study's Table II.
The scaling has seen the test tracks, the split has repetitions and artists on both sides, and the length of a file is
no property of its genre: these are not figures of a new song.
"""

import csv
import gzip
from pathlib import Path

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC
from tqdm import tqdm

from training.data.tracks import BadData
from training.evaluation.metrics import Evaluation, compare

FILE = "gtzan_features_30_sec.csv.gz"
_TEST_SHARE = 0.3
_SEED = 111
_NO_FEATURES = {"filename", "label"}


def check_harness(data: Path) -> dict[str, Evaluation]:
    """Return the figures of the study's k-NN, SVM and logistic regression; raises BadData if the file is not there."""
    path = data / FILE
    if not path.is_file():
        raise BadData(f"There is no {FILE} in {data}: the Kaggle copy's features of 30-second clips, compressed.")
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    features = np.array([[float(value) for name, value in row.items() if name not in _NO_FEATURES] for row in rows])
    genres = sorted({row["label"] for row in rows})
    labels = np.array([genres.index(row["label"]) for row in rows])
    train, test, train_labels, test_labels = train_test_split(
        MinMaxScaler().fit_transform(features), labels, test_size=_TEST_SHARE, random_state=_SEED
    )
    models: dict[str, ClassifierMixin] = {
        "knn": KNeighborsClassifier(5, metric="manhattan", weights="distance"),
        "svm": SVC(C=10, gamma="scale"),
        "logistic": LogisticRegression(C=10, solver="saga", max_iter=5000, random_state=0),
    }
    return {
        name: compare(genres, test_labels, model.fit(train, train_labels).predict(test))
        for name, model in tqdm(models.items(), "fitting", unit="model")
    }
