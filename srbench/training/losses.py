"""Losses between SR and HR, by the names that recipes use."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def charbonnier(sr: Tensor, hr: Tensor) -> Tensor:
    """sqrt(d^2 + 1e-6), averaged (LapSRN): L1 that is smooth at 0."""
    return torch.sqrt((sr - hr) ** 2 + 1e-6).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "charbonnier": charbonnier,
}
