"""What every module of the core means by an array, and the unit in which accuracy is spoken."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["EPS", "Array"]

#: Real numbers in double precision, any shape. Shapes are given in words: "(N, D)", "(n,)".
Array = NDArray[np.float64]

#: The distance from 1 to the next double, 2**-52. One correctly rounded operation errs by at most EPS / 2.
EPS: Final = 2.0**-52
