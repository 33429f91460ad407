"""The state of a training: everything that it needs to resume as if never interrupted."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from srbench.errors import DataError, MethodError
from srbench.method import MethodInfo
from srbench.recipe import Recipe
from srbench.system.text import warn
from srbench.training.losses import Loss, centred, make_loss
from srbench.training.optimiser import initialise, make_optimizer, rate, set_rate, start_from
from srbench.training.progress import Point
from srbench.training.validation import mean_psnr
from srbench.weights import read_metadata, read_tensors, save_weights, weights_fault

FORMAT = 1
"""The version of checkpoints; raised if a training would resume differently from an older one."""


class Session:
    """A training between two batches.

    Args:
        network: new, on the CPU.
        recipe: the recipe.
        info: the method, for messages.
        scale: the scale.
        device: where to train.
        start: weights to start from.
    """

    def __init__(
        self, network: nn.Module, recipe: Recipe, info: MethodInfo, scale: int, device: torch.device, start: Path | None
    ) -> None:
        initialise(network, recipe)
        if start is not None:
            start_from(network, start, recipe.reset_at(scale))
        self.recipe, self.device = recipe, device
        self.label = f"{info.name} x{scale}"
        self.steps = recipe.steps_at(scale)
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.network, recipe, recipe.frozen_at(scale))
        self.average = copy.deepcopy(self.network).eval() if recipe.ema else None
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.loss_of: Loss = make_loss(recipe, device)
        self.step = 0
        self.best, self.best_psnr = self.state(), -math.inf
        self.curve: list[Point] = []
        self.losses: list[Tensor] = []
        self.errors: list[Tensor] = []
        self._before, self._began = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time without interruptions."""
        return self._before + time.monotonic() - self._began

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and kept: the average of its weights over time, where the recipe has one."""
        return self.network if self.average is None else self.average

    def state(self) -> dict[str, Tensor]:
        """A copy of the weights that are validated and kept."""
        return {name: tensor.detach().clone() for name, tensor in self.kept.state_dict().items()}

    @property
    def picks(self) -> bool:
        """Whether the recipe validates now, and the weights may be kept."""
        return self.step % self.recipe.validate_every == 0 or self.step == self.steps

    def advance(self, x: Tensor, y: Tensor) -> None:
        """Train on one batch."""
        self.step += 1
        self.network.train()
        set_rate(self.optimizer, rate(self.recipe, self.step, self.steps))
        half = self.recipe.precision == "bf16" and _has_bf16(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            sr = self.network(x.contiguous(memory_format=torch.channels_last))
        sr, hr = centred(sr.float() if half else sr, y, self.recipe.margin)
        loss, error = self.loss_of(sr, hr)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self.recipe.clip_gradient is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_gradient)
        self.optimizer.step()
        self.losses.append(loss.detach())
        self.errors.append(error.detach())
        self._follow()

    def _follow(self) -> None:
        """Move the average towards the weights; faster at first, so that it forgets the initial weights."""
        if self.average is None:
            return
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)
            for mine, theirs in zip(self.average.buffers(), self.network.buffers(), strict=True):
                mine.copy_(theirs)

    def recent_loss(self, batches: int) -> float | None:
        """The mean loss of the last batches since the last validation."""
        return float(torch.stack(self.losses[-batches:]).mean()) if self.losses else None

    def check(self) -> None:
        """Raise if a loss or a weight is not finite.

        Raises:
            MethodError: names the batch.
        """
        bad = None
        if self.losses:
            finite = torch.isfinite(torch.stack(self.losses))
            if not bool(finite.all()):
                bad = self.step - len(self.losses) + 1 + int((~finite).to(torch.int8).argmax())
        if bad is None and not all(bool(torch.isfinite(p).all()) for p in self.network.parameters()):
            bad = self.step
        if bad is not None:
            raise MethodError(f"training {self.label} diverged at step {bad} of {self.steps}; lower its learning rate")

    def record(self, psnrs: list[float], upsampled: float) -> None:
        """Record a validation: the PSNR in dB of each image, and the mean of the upsampled images.

        The weights are kept if the recipe validates now and none were better then: which weights a recipe gives does
        not depend on how many points its curve has.
        """
        mean = mean_psnr(psnrs)
        mse = float(torch.stack(self.errors).mean())
        self.curve.append(
            Point(
                step=self.step,
                rate=rate(self.recipe, self.step, self.steps),
                train_loss=float(torch.stack(self.losses).mean()),
                train_psnr=-10 * math.log10(max(mse, 1e-12)),
                validation_psnr=mean,
                validation_mse=sum(10 ** (-value / 10) for value in psnrs) / len(psnrs),
                upsampled_psnr=upsampled,
                picks=self.picks,
            )
        )
        self.losses.clear()
        self.errors.clear()
        if self.picks and mean > self.best_psnr:
            self.best, self.best_psnr = self.state(), mean

    # checkpoints ----------------------------------------------------------------------------------------------------

    def save(self, path: Path, key: str) -> None:
        """Write a checkpoint, atomically.

        Raises:
            DataError: it cannot be written.
        """
        metadata = {
            "format": FORMAT,
            "key": key,
            "recipe_hash": self.recipe.hash,
            "step": self.step,
            "seconds": self.seconds,
            "best_psnr": self.best_psnr if math.isfinite(self.best_psnr) else None,
            "curve": [dataclasses.astuple(point) for point in self.curve],
        }
        try:
            save_weights(path, dict(self._tensors()), metadata)
        except OSError as error:
            raise DataError(f"No checkpoint can be written to {path}: {error.strerror}; set SRBENCH_CACHE.") from None

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        states = {"network": self.network.state_dict(), "best": self.best}
        if self.average is not None:
            states["average"] = self.average.state_dict()
        for kind, state in states.items():
            for name, tensor in state.items():
                yield f"{kind}/{name}", tensor
        for number, parameter in enumerate(self._trained_parameters()):
            for name, value in self.optimizer.state[parameter].items():
                yield f"optimizer/{number}/{name}", value
        yield "generator/patches", self.generator.get_state()
        yield "generator/torch", torch.get_rng_state()
        if self.device.type == "cuda":
            yield "generator/cuda", torch.cuda.get_rng_state(self.device)
        if self.losses:
            yield "losses", torch.stack(self.losses)
            yield "errors", torch.stack(self.errors)

    def resume(self, path: Path, key: str) -> bool:
        """Resume from a checkpoint; False if this training has none, or it is damaged, which is reported."""
        if not path.is_file():
            return False
        if fault := weights_fault(path):
            warn(f"The checkpoint {path} is damaged ({fault}): the training starts again.")
            return False
        metadata, tensors = read_metadata(path), read_tensors(path)
        wanted = {"format": FORMAT, "key": key, "recipe_hash": self.recipe.hash}
        if any(metadata.get(name) != value for name, value in wanted.items()):
            return False
        if metadata.get("best_psnr") == math.inf:  # of a version with infinite means: nothing would be better
            return False
        try:
            self._restore(metadata, tensors)
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise DataError(
                f"The checkpoint {path} was altered ({type(error).__name__}: {error}); remove it."
            ) from None
        return True

    def _restore(self, metadata: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        def part(kind: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(f"{kind}/"): value for name, value in tensors.items() if name.startswith(f"{kind}/")
            }

        self.network.load_state_dict(part("network"))
        self.best = {name: part("best")[name].to(value.device) for name, value in self.best.items()}
        if self.average is not None:
            self.average.load_state_dict(part("average"))
        parameters = self._trained_parameters()
        for name, value in part("optimizer").items():
            number, _, kind = name.partition("/")
            self.optimizer.state[parameters[int(number)]][kind] = _like(value, parameters[int(number)])
        self.generator.set_state(tensors["generator/patches"])
        torch.set_rng_state(tensors["generator/torch"])
        if self.device.type == "cuda" and "generator/cuda" in tensors:
            torch.cuda.set_rng_state(tensors["generator/cuda"], self.device)
        self.step, self._before = metadata["step"], metadata["seconds"]
        self.curve = [Point(*values) for values in metadata["curve"]]
        if metadata["best_psnr"] is not None:
            self.best_psnr = metadata["best_psnr"]
        for name, kept in (("losses", self.losses), ("errors", self.errors)):
            kept.extend(tensors[name].to(self.device).unbind() if name in tensors else ())

    def _trained_parameters(self) -> list[nn.Parameter]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]


def _has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies matrices faster in bfloat16 than in float32."""
    return device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())


def _like(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """An optimiser's tensor in the parameter's memory layout, which fused optimisers need."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
