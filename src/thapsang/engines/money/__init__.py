"""Integer đồng and rounding.

Amounts are whole đồng in `int` or NumPy `int64`; nothing here touches a float. Every rounding of the
product is half-up, away from nothing: the amounts billed are never negative.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Whole = TypeVar("Whole", int, Int64s)

BASIS_POINTS = 10_000
"""One whole in basis points: 800 is 8 %."""


def divide_half_up(numerator: Whole, denominator: Whole | int) -> Whole:
    """Return numerator / denominator rounded half-up to a whole number, in integers.

    Takes non-negative numerators and positive denominators (ints or int64 arrays); the caller keeps
    `2 × numerator + denominator` inside 64 bits.
    """
    if isinstance(denominator, int) and denominator % 2 == 0:
        return (numerator + denominator // 2) // denominator
    return (2 * numerator + denominator) // (2 * denominator)


def share(amount: Whole, basis_points: Whole | int) -> Whole:
    """Return `basis_points` (1/100 of a percent) of an amount in đồng, rounded half-up to one đồng.

    VAT and the reactive-energy charge are computed so: facts B4 and B5.
    """
    return divide_half_up(amount * basis_points, BASIS_POINTS)


def format_dong(amount: int) -> str:
    """Return an amount as it is printed on a bill: `1.347.300 đ`."""
    return f"{grouped(amount)} đ"


def grouped(number: int) -> str:
    """Return a whole number with its thousands set apart as Vietnamese writes them: `1.347.300`."""
    return f"{number:,}".replace(",", ".")
