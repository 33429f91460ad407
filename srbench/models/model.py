"""Makes methods from model files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from srbench.errors import DataError, MethodError, UsageError
from srbench.method import LearnedMethod, Method, MethodInfo
from srbench.models.loaded import LoadedModel, open_file
from srbench.models.probe import model_traits
from srbench.models.spec import MOST, ModelFile, Spec
from srbench.models.traits import Traits
from srbench.system.hashes import digest
from srbench.system.names import same_name
from srbench.system.source import code_files, source_hash
from srbench.weights import make_method

if TYPE_CHECKING:  # planning and reports know models by their cards, and must not import torch
    import torch
    from torch import Tensor

ANY_SCALE = frozenset(range(1, MOST + 1))
"""For images whose path does not contain the scale."""
BLACK, SPAN = 16.0 / 255.0, 219.0 / 255.0
"""Luma in studio range: black, and white minus black. Full-range luma is stretched to 0..1."""
MOST_NAMED = 8
"""Most files that are listed by name: an ONNX model may have a file per tensor."""


class FileMethod(Method):
    """A method from model files; the file of a scale is opened with its first use."""

    spec: ClassVar[Spec]
    traits: ClassVar[Mapping[int, Traits]]

    def __init__(self) -> None:
        self._models: dict[tuple[int, str], LoadedModel] = {}

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """Run the model, in its own range of values."""
        from srbench.models.fitting import run_fitted

        traits, white = self.traits[scale], self.spec.options.range
        planes = x.flatten(0, 1)[:, None] if traits.channels == 1 else x
        full = self.spec.options.luma == "full"
        planes = (planes - BLACK) / SPAN if full else planes
        out = run_fitted(self.opened(scale, x.device).run, planes * white, traits) / white
        out = out * SPAN + BLACK if full else out
        return out.reshape(*x.shape[:2], *out.shape[2:])

    def parameters(self, scale: int) -> int:
        """The number of parameters; 0 if unknown."""
        return self.traits[scale].parameters or 0

    def close(self) -> None:
        """Release the models."""
        self._models.clear()

    def opened(self, scale: int, device: torch.device) -> LoadedModel:
        """The model of a scale, on a device."""
        key = scale, str(device)
        if key not in self._models:
            entry = _entries_by_scale(self.spec, self.traits)[scale]
            self._models[key] = open_file(self.spec.kind, entry.path, device, self.spec.code, entry.scale)
        return self._models[key]


class ExportedWeights(Method):
    """A known method with exported weights."""

    spec: ClassVar[Spec]
    base: ClassVar[type[LearnedMethod]]

    def __init__(self) -> None:
        self._ready: dict[tuple[int, str], Method] = {}

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """Run the method."""
        key = scale, str(x.device)
        if key not in self._ready:
            self._ready[key] = make_method(self.base, scale, _weights(self.spec, scale), x.device)
        return self._ready[key].upscale(x, scale)

    def parameters(self, scale: int) -> int:
        """The number of parameters."""
        return sum(math.prod(shape) for shape in _shapes(_weights(self.spec, scale)))

    def close(self) -> None:
        """Close the methods."""
        for method in self._ready.values():
            method.close()
        self._ready.clear()


class SrImages(Method):
    """Existing SR images: they are scored, nothing is run."""

    spec: ClassVar[Spec]

    def folder(self, dataset: str, scale: int, called: str = "") -> Path:
        """The folder of a data set's SR images, by the data set's name or by what its own folder is called.

        Raises:
            DataError: there is none.
        """
        for entry in self.spec.entries:
            if entry.scale in (0, scale) and same_name(entry.dataset) in ("", same_name(dataset), same_name(called)):
                return entry.path
        raise DataError(f"{self.info.name} has no folder for {dataset} x{scale}; add one, or leave the data set out.")

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """Raise: there is nothing to run."""
        raise MethodError(f"{self.info.name} is a folder of SR images: it can be scored, not run")


def method_class(spec: Spec, base: type[Method] | None = None) -> type[Method]:
    """The method class of a model. A new model is probed first.

    Args:
        spec: the model.
        base: for exported weights, their method.

    Raises:
        UsageError: an optional package is missing, or an option contradicts the model.
        DataError: a file is missing, damaged, or not a super-resolution model.
    """
    what = _what(spec)
    if spec.options.luma and spec.kind in ("images", "weights"):
        raise UsageError(f"{spec.name}: luma is an option for single networks; leave it out.")
    if spec.kind == "images":
        info = _info(spec, paper=what, channels="any", scales=_scales_of_images(spec))
        return _class(SrImages, spec, info)
    if spec.kind == "weights":
        if base is None or not issubclass(base, LearnedMethod):
            raise UsageError(f"{spec.name} has weights of '{spec.method}', which is not a learned method.")
        scales = frozenset(entry.scale for entry in spec.entries)
        info = dataclasses.replace(base.info, name=spec.name, scales=scales, paper=what)
        return _class(ExportedWeights, spec, info, base=base)
    traits = [model_traits(spec, entry) for entry in spec.entries]
    by_scale = {each.scale: each for each in traits}
    if len(by_scale) < len(traits):
        raise UsageError(f"Two files of {spec.name} are for one scale; name the right one.")
    halos = [each.halo for each in traits]
    info = _info(
        spec,
        input=traits[0].input,
        paper=_described(what, traits),
        channels="any" if all(each.either for each in traits) else "y" if traits[0].channels == 1 else "rgb",
        scales=frozenset(by_scale),
        halo=None if None in halos else max(halo or 0 for halo in halos),
        multiple=math.lcm(*(each.multiple for each in traits)),
    )
    if spec.options.luma and info.channels != "y":
        raise UsageError(
            f"{spec.name} works on {info.channels}, and luma is for models of luma: add channels=y or leave it out."
        )
    if len({each.channels for each in traits}) > 1:
        raise UsageError(f"Some files of {spec.name} take luma and others RGB; name them one by one.")
    if len({each.input for each in traits}) > 1:
        raise UsageError(f"Some files of {spec.name} take LR and others the upsampled image; name them one by one.")
    return _class(FileMethod, spec, info, traits=by_scale)


def spec_hash(spec: Spec, base: str = "") -> str:
    """The hash of everything that decides a model's output: its files, options, and the code that reads them.

    Args:
        spec: the model.
        base: for exported weights, the hash of their method.
    """
    return digest([spec.kind, spec.content, spec.settings, _code(spec.kind), base])


def _class(kind: type[Method], spec: Spec, info: MethodInfo, **more: Any) -> type[Method]:
    return type(kind.__name__, (kind,), {"info": info, "spec": spec, "__doc__": info.paper, **more})


def _info(spec: Spec, **known: Any) -> MethodInfo:
    return MethodInfo(name=spec.name, family="prediction", **{"input": "lr"} | known)


def _scales_of_images(spec: Spec) -> frozenset[int]:
    scales = frozenset(entry.scale for entry in spec.entries)
    return ANY_SCALE if 0 in scales else scales


def _what(spec: Spec) -> str:
    """A description of the files with their hashes."""
    origin = f"{spec.origin}: " if spec.origin else ""
    if spec.kind == "images":
        folders = ", ".join(dict.fromkeys(entry.path.name for entry in spec.entries))
        plural = "" if len(spec.files) == 1 else "s"
        return f"{len(spec.files)} image{plural} of {folders}, sha256 {digest(spec.content)[:12]}"
    hashes = {str(row[2]): str(row[3]) for row in spec.content}
    if len(hashes) > MOST_NAMED:
        hashes = {f"{len(hashes)} files": digest(spec.content)}
    files = ", ".join(f"{name} (sha256 {sha256[:12]})" for name, sha256 in hashes.items())
    return f"{origin}weights of {spec.method}, {files}" if spec.kind == "weights" else f"{origin}{files}"


def _described(what: str, traits: Sequence[Traits]) -> str:
    says = ", ".join(dict.fromkeys(each.says for each in traits))
    counts = [f"{each.parameters:,}" for each in traits if each.parameters]
    return f"{says}, {what}" + (f", {' and '.join(dict.fromkeys(counts))} parameters" if counts else "")


@lru_cache(maxsize=8)
def _code(kind: str) -> list[str]:
    """Hashes of the code that reads a kind of file, with the modules that it imports."""
    readers = {"images": ["data.sr_images"], "weights": []}.get(kind, [f"models.{kind}_file"])
    return [source_hash(file) for name in ("models.model", *readers) for file in code_files(name)]


def _entries_by_scale(spec: Spec, traits: Mapping[int, Traits]) -> dict[int, ModelFile]:
    """The files by scale. A file without a scale in its path is the only one."""
    return {entry.scale or next(iter(traits)): entry for entry in spec.entries}


def _weights(spec: Spec, scale: int) -> Path:
    return next(entry.path for entry in spec.entries if entry.scale == scale)


def _shapes(path: Path) -> list[list[int]]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return [list(file.get_slice(name).get_shape()) for name in file.keys()]  # noqa: SIM118 - it is no dict
