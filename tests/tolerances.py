"""How far two right answers may lie apart, elementwise: the one table, by dtype."""

from __future__ import annotations

import torch
from torch import Tensor

# dtype: (relative, absolute), for a few steps of a small network.
TOLERANCES: dict[torch.dtype, tuple[float, float]] = {
    torch.float64: (1e-10, 1e-12),
    torch.float32: (2e-5, 5e-6),
    torch.bfloat16: (5e-2, 5e-2),
}


def assert_near(got: Tensor, want: Tensor) -> None:
    """`got` equals `want` elementwise as far as their dtype allows; NaN only where NaN is wanted."""
    relative, absolute = TOLERANCES[got.dtype]
    torch.testing.assert_close(got, want, rtol=relative, atol=absolute, equal_nan=True)
