"""Random numbers that are the same on every machine, and the noise that is made of them."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Generator = Literal["numpy", "matlab4"]
Floats: TypeAlias = NDArray[np.float64]

_MODULUS = 2**31 - 1
_FACTOR = 16807
_SEED_0 = 1144108930
"""The state of MATLAB's ``randn('seed', 0)`` before its first draw."""


class Matlab4Normal:
    """MATLAB's version 4 generator, as ``randn('seed', 0)`` begins it.

    A multiplicative congruential generator, x <- 16807 x mod (2^31 - 1), u = x / (2^31 - 1), and the polar method, of
    whose two numbers a pair only the first is used. Arrays are filled column by column, then channel by channel.
    """

    def __init__(self) -> None:
        self._state = _SEED_0

    def normal(self, shape: tuple[int, ...]) -> Floats:
        """The next numbers, as many as an array has."""
        count, parts = int(np.prod(shape)), [np.empty(0)]
        while (missing := count - sum(map(len, parts))) > 0:
            states = self._states(2 * missing)
            a, b = 2.0 * (states / _MODULUS).reshape(-1, 2).T - 1.0
            s = a * a + b * b
            inside = np.flatnonzero(s < 1.0)[:missing]
            parts.append(a[inside] * np.sqrt(-2.0 * np.log(s[inside]) / s[inside]))
            # a pair after the last one used is drawn again
            used = len(s) if len(inside) < missing else inside[-1] + 1
            self._state = int(states[2 * used - 1])
        return np.concatenate(parts).reshape(shape, order="F")

    def _states(self, count: int) -> NDArray[np.int64]:
        """The next states; products stay below 2^62."""
        states = np.array([self._state * _FACTOR % _MODULUS], np.int64)
        while len(states) < count:
            jump = pow(_FACTOR, len(states), _MODULUS)
            states = np.concatenate([states, states * jump % _MODULUS])
        return states[:count]


class Draws:
    """The random numbers of one image's degradation, begun anew for each image.

    NumPy's are those of ``RandomState``, whose stream does not change from version to version, seeded by the sha256 of
    the image's size and pixels.

    Args:
        image: that is degraded, (H, W) or (H, W, 3).
    """

    def __init__(self, image: NDArray[Any]) -> None:
        self._image = image
        self._matlab4 = Matlab4Normal()

    @cached_property
    def numpy(self) -> np.random.RandomState:
        """NumPy's generator."""
        content = np.ascontiguousarray(self._image, dtype="<f8")
        seed = hashlib.sha256(f"{content.shape}\n".encode() + content.tobytes()).digest()
        return np.random.RandomState(np.frombuffer(seed, "<u4").tolist())

    def normal(self, generator: Generator, shape: tuple[int, ...]) -> Floats:
        """Standard normal numbers."""
        return self._matlab4.normal(shape) if generator == "matlab4" else self.numpy.standard_normal(shape)
