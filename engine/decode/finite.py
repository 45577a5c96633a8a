"""Whether what a model said is numbers."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def all_finite(arrays):
    """`arrays`: a tuple of [n, m] float32."""
    for array in arrays:
        for i in range(array.shape[0]):
            for j in range(array.shape[1]):
                if not np.isfinite(array[i, j]):
                    return False
    return True
