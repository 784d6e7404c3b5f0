"""Closed-form positions from times of arrival, to start a solver from."""

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]


def chan_ho(
    receiver_m: Float64Array, range_m: Float64Array, height_m: Float64Array
) -> Float64Array:
    """Two-step weighted least squares.

    Chan and Ho: "A simple and efficient estimator for hyperbolic location", IEEE Transactions on
    Signal Processing 42(8), 1994, sections II and III. Squaring d_i = d_0 + r_i makes the equations linear in x, y and d_0. A first solution weighs
    the equations equally, a second one by the distances that the first implies, and a last step
    uses that d_0 depends on x and y. Where the receivers are three, x and y are linear in d_0,
    which a quadratic equation then gives.

    Args:
        receiver_m: (rows, receivers, 3) in a Cartesian frame; NaN for receivers that are absent.
            The first that is present is the reference.
        range_m: (rows, receivers) times of arrival in meters, any common time taken out.
        height_m: (rows,) z of the emitter.

    Returns:
        (rows, 2, 2): two candidates (x, y) a row, the same twice where only one is known; NaN
        where fewer than three receivers are present or the geometry is degenerate.
    """
    present = np.isfinite(receiver_m).all(axis=2) & np.isfinite(range_m)
    first = np.argmax(present, axis=1)
    rows = np.arange(len(receiver_m))
    origin = receiver_m[rows, first]
    # The reference at zero: its square drops out.
    site = np.where(present[..., None], receiver_m - origin[:, None], 0.0)
    difference = np.where(present, range_m - range_m[rows, first][:, None], 0.0)
    height = height_m - origin[:, 2]
    is_equation = present.copy()
    is_equation[rows, first] = False
    matrix = -np.concatenate([site[..., :2], difference[..., None]], axis=2)
    square = 0.5 * (difference**2 - (site**2).sum(axis=2)) + site[..., 2] * height[:, None]
    count = is_equation.sum(axis=1)
    candidates = np.full((len(rows), 2, 2), np.nan)
    few, many = np.flatnonzero(count == 2), np.flatnonzero(count >= 3)
    if len(few):
        candidates[few] = _of_three(matrix[few], square[few], is_equation[few], height[few])
    if len(many):
        solution = _of_many(
            site[many], difference[many], matrix[many], square[many], is_equation[many],
            height[many],
        )  # fmt: skip
        candidates[many] = solution[:, None]
    located: Float64Array = candidates + origin[:, None, :2]
    return located


def _of_many(
    site: Float64Array,
    difference: Float64Array,
    matrix: Float64Array,
    square: Float64Array,
    is_equation: NDArray[np.bool_],
    height: Float64Array,
) -> Float64Array:
    weight = is_equation.astype(np.float64)
    # Errors of differences share the reference's: their covariance is 1 + δ.
    solution = _weighted(matrix, square, weight)
    offset = np.concatenate([solution[:, :2], height[:, None]], axis=1)
    distance = np.linalg.norm(offset[:, None] - site, axis=2)
    scale = np.where(is_equation, 1.0 / np.maximum(distance, 1.0), 0.0)
    solution, information = _correlated(matrix, square, scale)
    # x², y² and d_0² - z² = x² + y²: three equations for two unknowns.
    x, y, d = solution.T
    spread = np.stack([x, y, d], axis=1) * 2.0
    inverse = 1.0 / np.where(np.abs(spread) < 1e-9, 1e-9, spread)
    weight_2 = inverse[:, :, None] * information * inverse[:, None, :]
    ones = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    told = np.stack([x * x, y * y, d * d - height * height], axis=1)
    left = np.einsum("ka,rkl,lb->rab", ones, weight_2, ones)
    right = np.einsum("ka,rkl,rl->ra", ones, weight_2, told)
    squares = _solved(left, right)
    refined = np.sign(solution[:, :2]) * np.sqrt(np.maximum(squares, 0.0))
    is_better = np.isfinite(refined).all(axis=1) & (squares > 0.0).all(axis=1)
    best: Float64Array = np.where(is_better[:, None], refined, solution[:, :2])
    return best


def _of_three(
    matrix: Float64Array,
    square: Float64Array,
    is_equation: NDArray[np.bool_],
    height: Float64Array,
) -> Float64Array:
    picked = np.nonzero(is_equation)[1].reshape(-1, 2)
    matrix = np.take_along_axis(matrix, picked[..., None], axis=1)
    square = np.take_along_axis(square, picked, axis=1)
    # (x, y) = a + b d_0, and x² + y² + z² = d_0².
    a = _solved(matrix[..., :2], square)
    b = _solved(matrix[..., :2], -matrix[..., 2])
    two = (b * b).sum(axis=1) - 1.0
    one = (a * b).sum(axis=1)
    zero = (a * a).sum(axis=1) + height**2
    root = np.sqrt(np.maximum(one * one - two * zero, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        d = np.stack([(-one + root) / two, (-one - root) / two], axis=1)
    d = np.where(d > 0.0, d, np.where(d[:, ::-1] > 0.0, d[:, ::-1], np.nan))
    both: Float64Array = a[:, None] + b[:, None] * d[..., None]
    return both


def _weighted(matrix: Float64Array, square: Float64Array, weight: Float64Array) -> Float64Array:
    left = np.einsum("rka,rk,rkb->rab", matrix, weight, matrix)
    right = np.einsum("rka,rk,rk->ra", matrix, weight, square)
    return _solved(left, right)


def _correlated(
    matrix: Float64Array, square: Float64Array, scale: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Least squares where equation k has the error scale⁻¹ times that of a range difference."""
    a = matrix * scale[..., None]
    b = square * scale
    present = (scale > 0.0).astype(np.float64)
    # (I + 1 1ᵀ)⁻¹ = I - 1 1ᵀ / (1 + k)
    share = 1.0 / (1.0 + present.sum(axis=1))
    sum_a, sum_b = a.sum(axis=1), b.sum(axis=1)
    left = np.einsum("rka,rkb->rab", a, a)
    left -= share[:, None, None] * sum_a[:, :, None] * sum_a[:, None, :]
    right = np.einsum("rka,rk->ra", a, b) - (share * sum_b)[:, None] * sum_a
    return _solved(left, right), left


def _solved(left: Float64Array, right: Float64Array) -> Float64Array:
    """Solutions (rows, unknowns); NaN where a matrix is singular."""
    scale = np.abs(left).max(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = np.linalg.det(left / np.where(scale > 0, scale, 1.0)[:, None, None])
    is_regular = np.isfinite(determinant) & (np.abs(determinant) > 1e-14)
    solution = np.full(right.shape, np.nan)
    solution[is_regular] = np.linalg.solve(left[is_regular], right[is_regular, :, None])[..., 0]
    return solution
