"""Classical models as ONNX graphs, "mel_statistics" -> "logits".

Written out rather than converted: the converter's nearest neighbours with weights by Manhattan distance are up to 0.04
from scikit-learn's, and its support vectors, lists of a node and not initializers, can neither be float16 nor
multiplied fast.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from training.models.export import parse_graph

_LINEAR = """
model (float[n, {features}] mel_statistics) => (float[n, {genres}] logits) {{
    centred = Sub (mel_statistics, mean)
    products = MatMul (centred, coefficients)
    logits = Add (products, intercept)
}}
"""

# exp(-gamma |x - s|²) with |x - s|² = |x|² + |s|² - 2 x·s.
_SVM = """
model (float[n, {features}] mel_statistics) => (float[n, {genres}] logits) {{
    centred = Sub (mel_statistics, mean)
    points = MatMul (centred, projection)
    whole_vectors = Cast <to = 1> (rounded_vectors)
    vectors = Mul (whole_vectors, steps)
    point_norms = ReduceSumSquare <keepdims = 1> (points, last_axis)
    vector_norms = ReduceSumSquare <keepdims = 0> (vectors, last_axis)
    norms = Add (point_norms, vector_norms)
    vectors_transposed = Transpose <perm = [1, 0]> (vectors)
    products = MatMul (points, vectors_transposed)
    twice_products = Mul (products, two)
    squared_distances = Sub (norms, twice_products)
    exponents = Mul (squared_distances, minus_gamma)
    kernel = Exp (exponents)
    sums = MatMul (kernel, coefficients)
    logits = Add (sums, intercept)
}}
"""

# A window at a time, so that memory holds the differences to all neighbours of one window only.
_KNN = """
model (float[n, {features}] mel_statistics) => (float[n, {genres}] logits) {{
    centred = Sub (mel_statistics, mean)
    points = MatMul (centred, projection)
    whole_neighbours = Cast <to = 1> (rounded_neighbours)
    neighbours = Mul (whole_neighbours, steps)
    distances = Scan <num_scan_inputs = 1, body = window (float[components] point) => (float[neighbours] sums) {{
        differences = Sub (neighbours, point)
        sums = ReduceL1 <keepdims = 0> (differences, last_axis)
    }}> (points)
    nearest, numbers = TopK <largest = 0> (distances, n_nearest)
    found = Gather (labels, numbers)
    indices = Cast <to = 7> (found)
    genres = OneHot (indices, n_genres, off_on)
    is_same = Equal (nearest, zero)
    same = Cast <to = 1> (is_same)
    any_same = ReduceMax <keepdims = 1> (same, last_axis)
    has_same = Cast <to = 9> (any_same)
    inverse = Reciprocal (nearest)
    shares = Where (has_same, same, inverse)
    row = Unsqueeze (shares, middle_axis)
    weighted = MatMul (row, genres)
    votes = Squeeze (weighted, middle_axis)
    total = ReduceSum <keepdims = 1> (votes, last_axis)
    probabilities = Div (votes, total)
    positive = Max (probabilities, least)
    logits = Log (positive)
}}
"""


def linear_graph(scale: Pipeline, logistic: LogisticRegression) -> bytes:
    """Return the graph of a logistic regression behind a scaler."""
    mean, projection = _projection(scale)
    coefficients, intercept = _for_each_genre(projection @ logistic.coef_.T, logistic.intercept_)
    tables = {"mean": mean, "coefficients": coefficients, "intercept": intercept}
    return parse_graph(_LINEAR, tables, features=len(mean), genres=len(intercept))


def svm_graph(scale: Pipeline, svm: SVC, logistic: LogisticRegression, steps: NDArray[np.float32]) -> bytes:
    """Return the graph of a support vector machine (RBF) behind a scaler, with a logistic regression on its margins.

    Between kernel and logits all is linear, so that both models' coefficients become one table. The vectors are kept in
    8 bits, and must have been rounded before the fit to multiples, up to 127, of steps of shape (components,).
    """
    mean, projection = _projection(scale)
    margins = _margin_coefficients(svm)
    coefficients, intercept = _for_each_genre(
        margins @ logistic.coef_.T, logistic.coef_ @ svm.intercept_ + logistic.intercept_
    )
    tables = {
        "mean": mean,
        "projection": projection,
        "rounded_vectors": np.round(svm.support_vectors_ / steps).astype(np.int8),
        "steps": steps,
        "coefficients": coefficients,
        "intercept": intercept,
        # scikit-learn keeps the number that gamma="scale" came to there only.
        "minus_gamma": np.array(-svm._gamma),
        "two": np.array(2.0),
        "last_axis": np.array([-1]),
    }
    return parse_graph(_SVM, tables, features=len(mean), genres=len(intercept))


def knn_graph(scale: Pipeline, knn: KNeighborsClassifier, steps: NDArray[np.float32]) -> bytes:
    """Return the graph of nearest neighbours (Manhattan, weights by distance) behind a scaler.

    The neighbours are kept in 8 bits, and must have been rounded before the fit as the vectors of `svm_graph`. Where a
    distance is 0, only such neighbours count.
    """
    mean, projection = _projection(scale)
    neighbours = np.round(knn._fit_X / steps).astype(np.int8)
    tables = {
        "mean": mean,
        "projection": projection,
        "rounded_neighbours": neighbours,
        "steps": steps,
        "labels": knn._y.astype(np.uint8),
        "n_nearest": np.array([knn.n_neighbors]),
        "n_genres": np.array(len(knn.classes_)),
        "off_on": np.array([0.0, 1.0]),
        "zero": np.array(0.0),
        "middle_axis": np.array([1]),
        "last_axis": np.array([-1]),
        "least": np.array(1e-7),
    }
    return parse_graph(_KNN, tables, features=len(mean), genres=len(knn.classes_))


def _projection(scale: Pipeline) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (features,) and matrix (features, components): (x - mean) @ matrix is the result of `scale`."""
    scaler, *reduction = scale
    if not reduction:
        return scaler.mean_, np.diag(1 / scaler.scale_)
    (pca,) = reduction
    return scaler.mean_ + scaler.scale_ * pca.mean_, pca.components_.T / scaler.scale_[:, None]


def _for_each_genre(
    coefficients: NDArray[np.float64], intercept: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return coefficients (n, genres) and intercept (genres,); of two genres, scikit-learn has the second's only."""
    if len(intercept) > 1:
        return coefficients, intercept
    return np.pad(coefficients, ((0, 0), (1, 0))), np.pad(intercept, (1, 0))


def _margin_coefficients(svm: SVC) -> NDArray[np.float64]:
    """Return the part of each support vector in each margin, shape (vectors, pairs), with scikit-learn's pairs.

    Its `dual_coef_` has a row for each other genre: for a vector of genre i, row j - 1 if j > i, else row j.
    """
    n_genres = len(svm.classes_)
    if n_genres == 2:
        return np.asarray(svm.dual_coef_.T)
    genres = np.repeat(np.arange(n_genres), svm.n_support_)
    coefficients = np.zeros((len(genres), n_genres * (n_genres - 1) // 2))
    for pair, (one, other) in enumerate(combinations(range(n_genres), 2)):
        coefficients[genres == one, pair] = svm.dual_coef_[other - 1, genres == one]
        coefficients[genres == other, pair] = svm.dual_coef_[one, genres == other]
    return coefficients
