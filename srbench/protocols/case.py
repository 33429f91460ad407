"""One image under a protocol at a scale: what methods are given of it, and what their output is scored against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError, UsageError
from srbench.imaging.bands import by_bands
from srbench.imaging.color import in_colour, is_gray
from srbench.imaging.resize import imresize, mod_crop, round_half_up
from srbench.method import MethodInfo
from srbench.protocols.degradations import RandomStep, Resize, degrade, drawn
from srbench.protocols.method_input import ProtocolInput, as_planes
from srbench.protocols.planes import Floats, Pixels, Plane, Target, is_large, plane_of
from srbench.protocols.protocol import Protocol
from srbench.system.factors import Factor, divided, is_whole


def _fit(name: str, hr: NDArray[Any], lr: NDArray[Any], scale: int) -> NDArray[Any]:
    """HR cropped to the size that LR has times the scale."""
    height, width = lr.shape[0] * scale, lr.shape[1] * scale
    beyond = (hr.shape[0] - height, hr.shape[1] - width)
    if min(beyond) < 0 or max(beyond) >= scale:
        raise DataError(
            f"{name}: LR is {lr.shape[1]}x{lr.shape[0]} and HR is {hr.shape[1]}x{hr.shape[0]}, "
            f"which is not {scale} times as large; check the pairing or the scale"
        )
    if lr.ndim != hr.ndim:
        raise DataError(f"{name}: one of LR and HR is gray and the other has colours; save both alike")
    return hr[:height, :width]


class GivenCase:
    """One image under a protocol at a scale, as far as methods see it: LR, and what becomes of their output.

    Several methods share it. Arrays are on the scale 0..255, (H, W) or (H, W, 3); only what methods get and return is
    (C, H, W) in [0, 1].

    Attributes:
        protocol: by which.
        scale: the factor.
        input: the LR side.
    """

    def __init__(self, protocol: Protocol, scale: Factor, given: ProtocolInput) -> None:
        self.protocol = protocol
        self.scale = scale
        self.input = given

    def method_input(self, info: MethodInfo) -> NDArray[np.float32]:
        """(C, h, w) float32 in [0, 1], C and the size being what the method asks for."""
        return self.input.given(info)

    def finish(self, info: MethodInfo, output: NDArray[np.float32]) -> NDArray[Any]:
        """From a method's (C, H, W) in [0, 1] to the SR planes, on the scale 0..255.

        (H, W) luma where luma alone was degraded and asked for; else the gray (H, W) or RGB (H, W, 3) image. uint8
        where the protocol rounds SR, else float64.
        """
        whole = self.protocol.sr == "uint8"

        def finished(rows: slice) -> NDArray[Any]:
            sr = self.input.rows(rows).image(info, output[:, rows, : self.input.size[1]])
            return round_half_up(sr).astype(np.uint8) if whole else np.clip(sr, 0.0, 255.0)

        return by_bands(self.input.size, finished)

    def image(self, sr: NDArray[Any]) -> NDArray[np.uint8]:
        """The SR image to look at: uint8 gray or RGB; a lone luma gets its chroma from the upsampled LR."""
        if sr.ndim == 2 and not self.input.gray:

            def coloured(rows: slice) -> NDArray[np.uint8]:
                return round_half_up(self.input.rows(rows).with_chroma(sr[rows])).astype(np.uint8)

            return by_bands(self.input.size, coloured)
        return sr if sr.dtype == np.uint8 else round_half_up(sr).astype(np.uint8)


class LrCase(GivenCase):
    """A supplied LR image without HR.

    Attributes:
        enlarged: LR in the size of SR, each pixel a block: what there is to look at beside SR.
    """

    def __init__(self, protocol: Protocol, scale: int, lr: NDArray[np.uint8]) -> None:
        size = (lr.shape[0] * scale, lr.shape[1] * scale)
        super().__init__(
            protocol, scale, ProtocolInput(protocol, size, lr.ndim == 2, lambda: _as_lr(protocol, lr), None)
        )
        self.enlarged: NDArray[np.uint8] = np.repeat(np.repeat(lr, scale, axis=0), scale, axis=1)


class _Degradation:
    """From HR to LR. It knows no case: one that knew itself by it would stay in memory until the collector runs."""

    def __init__(self, protocol: Protocol, scale: Factor, target: Target, turn: int | None) -> None:
        self._protocol = protocol
        self._scale = scale
        self._target = target
        self._turn = turn

    @property
    def drawn(self) -> tuple[str, ...]:
        """The steps from HR to LR in words, where some were drawn at random."""
        if not any(isinstance(step, RandomStep) for step in self._protocol.degradation):
            return ()
        image, size = self._to_degrade(self._target.hr)
        return tuple(step.words() for step in drawn(image, self._protocol.steps, size, self._turn))

    def luma(self, rows: slice) -> Floats:
        """Rows of HR's luma, as it is degraded."""
        plane: Plane = "y8" if self._protocol.luma == "uint8" else "y"
        hr = self._target.hr
        return plane_of(hr[rows], plane) if is_large(hr) else self._target.plane(plane)[rows]

    def lr(self) -> NDArray[Any]:
        """LR, all channels."""
        hr = self._target.hr
        return self._downsample(lambda rows: hr[rows], hr.shape)

    def lr_y(self) -> NDArray[Any]:
        """LR of HR's luma."""
        return self._downsample(self.luma, self._target.hr.shape[:2])

    def _downsample(self, read: Callable[[slice], NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
        """LR of an image of a shape, of which rows can be read."""
        p = self._protocol
        if not is_whole(self._scale):  # of other protocols refusal() has said so
            (resize,) = (step for step in p.steps if isinstance(step, Resize))
            image, _ = self._to_degrade(read(slice(0, shape[0])))
            kernel, border = resize.kernel, resize.border
            lr: NDArray[Any] = imresize(
                image, 1 / self._scale, kernel=kernel, antialias=resize.antialias, border=border
            )
        elif p.lr != "uint8" and len(p.steps) == 1 and isinstance(step := p.steps[0], Resize):
            lr = step.by_bands(read, shape, (shape[0] // int(self._scale), shape[1] // int(self._scale)))
        else:
            image, size = self._to_degrade(read(slice(0, shape[0])))
            lr = degrade(image, p.steps, size, self._turn)
        if p.lr == "uint8":
            return lr if lr.dtype == np.uint8 else round_half_up(lr).astype(np.uint8)
        return round_half_up(lr) if p.lr == "rounded" else lr

    def _to_degrade(self, image: NDArray[Any]) -> tuple[NDArray[Any], tuple[int, int]]:
        """The image in the type that the protocol degrades, and the size of LR."""
        whole = self._protocol.lr == "uint8"
        image = round_half_up(image).astype(np.uint8) if whole else image.astype(np.float64)
        return image, (divided(self._target.hr.shape[0], self._scale), divided(self._target.hr.shape[1], self._scale))


class Case(GivenCase):
    """An image with HR: also what the output of methods is scored against.

    Attributes:
        target: the HR side.
    """

    def __init__(
        self,
        protocol: Protocol,
        scale: Factor,
        hr: NDArray[np.uint8],
        lr: NDArray[np.uint8] | None,
        uncropped: tuple[int, ...] = (),
        turn: int | None = None,
    ) -> None:
        self.target = Target(hr)
        self._degradation = _Degradation(protocol, scale, self.target, turn)
        given = ProtocolInput(
            protocol,
            (hr.shape[0], hr.shape[1]),
            gray=hr.ndim == 2,
            lr=self._degradation.lr if lr is None else lambda: _as_lr(protocol, lr),
            y=self._degradation.lr_y if protocol.degraded == "y" else None,
            factor=None if is_whole(scale) else scale,
        )
        super().__init__(protocol, scale, given)
        self.uncropped = uncropped or hr.shape[:2]
        """Height and width of HR before it was cropped to a multiple of the scale."""

    @property
    def hr(self) -> NDArray[np.uint8]:
        """HR, cropped to what SR covers."""
        return self.target.hr

    def method_target(self, info: MethodInfo) -> NDArray[np.float32]:
        """(C, H, W) float32 in [0, 1]: what a perfect method would return; what a learned one is trained towards."""
        if self.input.takes_luma(info):
            return as_planes(self._degradation.luma(slice(0, self.hr.shape[0])))
        return as_planes(in_colour(self.hr) if info.channels == "rgb" else self.hr)

    def pair(self, sr: NDArray[Any]) -> tuple[Pixels, Pixels]:
        """What :meth:`finish` gives, and HR, as they are scored: luma or RGB, shaved.

        Of large images, rows are made when they are asked for.
        """
        how = self.protocol.plane, self.protocol.shave(self.scale)
        if is_large(self.hr):
            return self.target.pair_in_bands(sr, *how)
        pair = self.target.pair(sr, *how)
        for pixels in pair:
            pixels.setflags(write=False)  # every metric sees the same, and HR's is kept for other methods
        return pair

    @property
    def drawn(self) -> tuple[str, ...]:
        """The steps from HR to LR in words, where some were drawn at random."""
        return self._degradation.drawn


def _as_lr(protocol: Protocol, lr: NDArray[np.uint8]) -> NDArray[Any]:
    """Supplied LR in the protocol's type."""
    return lr if protocol.lr == "uint8" else lr.astype(np.float64)


def prepare_lr(protocol: Protocol, name: str, lr: NDArray[np.uint8], scale: int) -> LrCase:
    """Make an LR image without HR ready.

    Args:
        protocol: by which; one that scores supplied LR.
        name: of the image, for messages.
        lr: uint8 (h, w) or (h, w, 3).
        scale: the integer factor.

    Raises:
        UsageError: the protocol is not for the scale, or makes LR of HR.
    """
    if refusal := protocol.refusal(scale):
        raise UsageError(f"{refusal[0].upper()}{refusal[1:]}.")
    if protocol.degraded != "none":
        raise UsageError(f"{name}: protocol '{protocol.name}' makes LR of HR, and there is none; choose 'paired'.")
    return LrCase(protocol, scale, in_colour(lr) if protocol.gray == "rgb" else lr)


def prepare(
    protocol: Protocol,
    name: str,
    hr: NDArray[Any],
    scale: Factor,
    lr: NDArray[Any] | None = None,
    turn: int | None = None,
) -> Case:
    """Make an image ready.

    Args:
        protocol: by which.
        name: of the image, for messages.
        hr: uint8 (H, W) or (H, W, 3).
        scale: the factor; HR is cropped to a multiple of a whole one, and stays as it is for one such as 1.5.
        lr: uint8, for protocols that do not degrade.
        turn: which LR image, of protocols that make several of one; None draws one.

    Raises:
        DataError: the image is too small, LR does not fit HR, or LR is missing or was not asked for.
        UsageError: the protocol is not for the scale.
    """
    if refusal := protocol.refusal(scale):
        raise UsageError(f"{refusal[0].upper()}{refusal[1:]}.")
    uncropped = hr.shape[:2]
    if protocol.gray == "rgb" and (lr is None or lr.ndim == hr.ndim or (is_gray(lr) and is_gray(hr))):
        hr, lr = in_colour(hr), None if lr is None else in_colour(lr)
    if lr is not None and lr.ndim != hr.ndim and is_gray(lr) and is_gray(hr):  # one of them in three equal channels
        lr = lr[..., 0] if hr.ndim == 2 else in_colour(lr)
    if protocol.degraded == "none":
        if lr is None:
            raise DataError(
                f"{name}: protocol '{protocol.name}' scores supplied LR images and this data set has none; "
                "choose another protocol or give hr=DIR,lr=DIR"
            )
        hr = _fit(name, hr, lr, int(scale))
    else:
        lr = None
    hr = mod_crop(hr, int(scale)) if is_whole(scale) else hr
    cut = 2 * protocol.shave(scale)
    if min(hr.shape[:2]) <= cut or min(hr.shape[:2]) < scale:
        cropped = f" after cropping to a multiple of {scale}" if is_whole(scale) else ""
        raise DataError(
            f"{name} is {hr.shape[1]}x{hr.shape[0]}{cropped}: nothing is "
            f"left once {cut // 2} pixels are shaved from every side; leave it out or use a smaller scale"
        )
    return Case(protocol, scale, hr, lr, uncropped, turn)
