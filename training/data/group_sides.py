"""Which side of a split each group of tracks stands on, so that every genre has its share on each side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Sides = NDArray[np.intp]

# Where groups are few, another order of them may lead to a better division.
_STARTS = 8
_MOST_MOVES = 100
# Of a genre without enough tracks on a side, over all that shares can differ by.
_PENALTY = 100.0


def divide_groups(counts: Counts, shares: Sequence[float], least: Sequence[int], seed: int) -> Sides:
    """Return the number of the side of each group, (groups,), from its tracks of each genre, `counts` (groups, genres).

    The sides get about these shares of each genre, and, where groups allow, at least so many tracks: the best of
    several greedy divisions, each improved by moving one group at a time. The same arguments give the same division.
    """
    random = np.random.default_rng(seed)
    divisions = [_improved(_greedy(counts, shares, random), counts, shares, least) for _ in range(_STARTS)]
    return min(divisions, key=lambda sides: float(_costs(_table(sides, counts, len(shares)), counts, shares, least)))


def _greedy(counts: Counts, shares: Sequence[float], random: np.random.Generator) -> Sides:
    """Return the sides of the groups, dealt out in order of size to where the most is lacking."""
    wanted = np.outer(shares, counts.sum(axis=0)).astype(np.float64)
    sides = np.zeros(len(counts), np.intp)
    order = random.permutation(len(counts))
    for group in order[np.argsort(-counts[order].sum(axis=1), kind="stable")]:
        sides[group] = np.argmax((wanted * counts[group]).sum(axis=1))
        wanted[sides[group]] -= counts[group]
    return sides


def _improved(sides: Sides, counts: Counts, shares: Sequence[float], least: Sequence[int]) -> Sides:
    """Return the sides after the best move of one group, again and again, for as long as one is of use."""
    sides = sides.copy()
    numbers = np.arange(len(counts))
    for _ in range(_MOST_MOVES):
        table = _table(sides, counts, len(shares))
        # For each group and each side, the table after the group has moved there.
        moved = np.repeat(table[None], len(counts), axis=0)
        moved[numbers, sides] -= counts
        moves = np.repeat(moved[:, None], len(shares), axis=1)
        for number in range(len(shares)):
            moves[:, number, number] += counts
        costs = _costs(moves, counts, shares, least)
        group, side = np.unravel_index(np.argmin(costs), costs.shape)
        if costs[group, side] >= _costs(table, counts, shares, least) - 1e-9:
            break
        sides[group] = side
    return sides


def _table(sides: Sides, counts: Counts, n_sides: int) -> Counts:
    """Return the tracks of each genre on each side, (sides, genres)."""
    return np.stack([counts[sides == side].sum(axis=0) for side in range(n_sides)])


def _costs(tables: Counts, counts: Counts, shares: Sequence[float], least: Sequence[int]) -> NDArray[np.float64]:
    """Return how far tables (..., sides, genres) are from the shares, squared, plus the shortfall below the minimum."""
    gaps = tables / counts.sum(axis=0) - np.asarray(shares)[:, None]
    needed = np.asarray(least)[:, None]
    lacking = np.maximum(needed - tables, 0) / needed
    return np.asarray((gaps**2 + _PENALTY * lacking).sum(axis=(-2, -1)))
