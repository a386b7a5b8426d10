"""Integrals of interpolating polynomials: the weights of every multistep method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

POINTS: Final = 32
"""Points of Gauss-Legendre quadrature: exact for polynomials below degree 64, 1e-12 for the densities used here."""


def adams_weights(knots: Sequence[float], start: float, end: float, density: Callable[[Floats], Floats]) -> list[float]:
    """For each knot ∫ density · its Lagrange basis polynomial from start to end: the weight of the value there."""
    nodes, weights = _gauss_legendre()
    at = start + (end - start) * (nodes + 1) / 2
    weighted = weights * density(at) * (end - start) / 2
    return [float((weighted * _basis(knots, j, at)).sum()) for j in range(len(knots))]


@cache
def _gauss_legendre() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(POINTS)


def _basis(knots: Sequence[float], j: int, at: Floats) -> Floats:
    """The polynomial that is 1 at knot j and 0 at the others."""
    others = [knot for k, knot in enumerate(knots) if k != j]
    basis = np.ones_like(at)
    for knot in others:
        basis = basis * (at - knot) / (knots[j] - knot)
    return basis
