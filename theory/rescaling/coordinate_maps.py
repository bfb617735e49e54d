r"""Coordinates in which a minimum has a wanted sharpness or spectrum, exactly, and the Hessian in given coordinates.

Conventions: theta = g(eta) for a smooth g with g(eta*) = theta*, G its Jacobian there; the loss in the new coordinates
is L(g(eta)), its Hessian at a critical point G'HG.
"""

from collections.abc import Sequence
from typing import Any

import sympy as sp

from theory.exact_numbers import exact_number, listed, listed_rows
from theory.rescaling.block_matrix import exact_eigenvalue_count, symmetric_matrix

__all__ = ["coordinates_of_sharpness", "coordinates_of_spectrum", "hessian_in_coordinates"]


def coordinates_of_sharpness(curvature: object, sharpness: object, minimum: object = 0) -> sp.Lambda:
    r"""Return a bijection of the line, :math:`g(\eta) = \theta^* + t (t^2 + b)`, that gives a minimum a new curvature.

    .. math:: t = \eta - \theta^*, \qquad b = \sqrt{S / \lambda}

    Args:
        curvature: The second derivative lambda > 0 of the loss at its minimum.
        sharpness: The second derivative S > 0 that L(g(eta)) shall have there.
        minimum: The place theta* of the minimum, which g leaves as it is.

    Raises:
        ValueError: If a curvature is not positive.
        TypeError: If an argument is not a number.

    Examples:
        >>> coordinates_of_sharpness(1, 4)
        Lambda(eta, eta*(eta**2 + 2))
    """
    values = [exact_number(name, value) for name, value in (("curvature", curvature), ("sharpness", sharpness))]
    for name, value in zip(("curvature", "sharpness"), values, strict=True):
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}.")
    place, eta = exact_number("minimum", minimum), sp.Symbol("eta", real=True)
    t = eta - place
    return sp.Lambda(eta, place + t * (t**2 + sp.sqrt(values[1] / values[0])))


def hessian_in_coordinates(hessian: Any, jacobian: Any) -> sp.ImmutableMatrix:
    """Return G'HG, the Hessian of L(g(eta)) at a critical point, exactly.

    Args:
        hessian: H, a symmetric matrix of rational numbers, n x n, or a sequence of rows.
        jacobian: G, n x m exact numbers, the derivatives of theta by eta at that point.

    Raises:
        ValueError: If the matrix is malformed or the Jacobian has not n rows of one length.
        TypeError: If an entry is not a number.

    Examples:
        >>> hessian_in_coordinates([[2, 0], [0, 1]], [[1, 1], [0, 3]])
        Matrix([
        [2,  2],
        [2, 11]])
    """
    h = symmetric_matrix(hessian, "hessian")
    rows = listed_rows("jacobian", jacobian)
    if len(rows) != h.rows or len({len(row) for row in rows}) != 1:
        raise ValueError(f"jacobian must have {h.rows} rows of one length, got {[len(row) for row in rows]}.")
    g = sp.Matrix([[exact_number("an entry of jacobian", x) for x in row] for row in rows])
    return sp.ImmutableMatrix(g.T * sp.Matrix(h) * g)


def coordinates_of_spectrum(hessian: Any, eigenvalues: Sequence[object]) -> sp.ImmutableMatrix:
    """Return an invertible G for which G'HG is diagonal with given positive entries.

    Args:
        hessian: H, a positive definite matrix of rational numbers, n x n, or a sequence of rows.
        eigenvalues: n positive exact numbers.

    Raises:
        ValueError: If the matrix is not positive definite, or there are not n positive numbers.
        TypeError: If an entry or an eigenvalue is not a number.

    Examples:
        >>> g = coordinates_of_spectrum([[4, 2], [2, 2]], (9, 1))
        >>> hessian_in_coordinates([[4, 2], [2, 2]], g)
        Matrix([
        [9, 0],
        [0, 1]])
    """
    h = symmetric_matrix(hessian, "hessian")
    wanted = [exact_number("eigenvalues", x) for x in listed("eigenvalues", eigenvalues)]
    if exact_eigenvalue_count(h).above < h.rows:
        raise ValueError("hessian must be positive definite, got an eigenvalue that is not positive.")
    if len(wanted) != h.rows or not all(x > 0 for x in wanted):
        raise ValueError(f"eigenvalues must be {h.rows} positive numbers, got {wanted}.")
    lower, diagonal = sp.Matrix(h).LDLdecomposition(hermitian=False)
    scales = [sp.sqrt(x / diagonal[i, i]) for i, x in enumerate(wanted)]
    return sp.ImmutableMatrix(lower.T.inv() * sp.diag(*scales))
