"""A+: each patch is enlarged by the linear map of the dictionary atom that it is most like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from srbench.method import FittedMethod, MethodInfo, Recipe

from ._anchored import AnchoredNetwork, gradients, in_steps, nearest_atom, patches_at, product_by_atom
from ._ksvd import ksvd

SOURCE = (
    "Timofte, De Smet, Van Gool: A+: Adjusted Anchored Neighborhood Regression for Fast Super-Resolution, ACCV 2014"
)

SEARCHED = 32_768
"""Samples that are compared with all atoms at once: 128 MB of products with 1024 atoms."""
SIZES = {2: (28, 29), 3: (30, 51), 4: (31, 71)}
"""Features and patterns at each scale, as T91 leads to."""
SOLVED = 32
"""Regressors that are solved for at once."""


@dataclass(frozen=True, slots=True)
class AplusSettings:
    """What an A+ is fitted by; the defaults are the paper's but for ``detail``.

    As a recipe's, a default must never change: weights are kept under what differs from it.

    Attributes:
        atoms: anchors, each with a regressor of its own.
        sparsity: atoms a patch, while the dictionary is learned.
        iterations: of K-SVD.
        dictionary: patches that the projection and the dictionary are learned from.
        samples: patches that the regressors are fitted to.
        neighbours: of these, those nearest to an atom, which its regressor is fitted to.
        ridge: lambda of the regression.
        energy: share of the features' energy that the projection keeps.
        detail: share of the energy of what the regressors predict that their patterns keep. 1 is the paper's, and makes
            weights twice as large for less than 0.01 dB.
        flat: features shorter than this keep their length, so that noise is not made large.
    """

    atoms: int = 1024
    sparsity: int = 3
    iterations: int = 20
    dictionary: int = 200_000
    samples: int = 5_000_000
    neighbours: int = 2048
    ridge: float = 0.1
    energy: float = 0.999
    detail: float = 0.99
    flat: float = 0.1


class Places:
    """The patches of all images that lie wholly inside, with what their features look at.

    Args:
        examples: (1, H, W) enlarged images and targets.
        scale: the scale.
    """

    def __init__(self, examples: Sequence[tuple[Tensor, Tensor]], scale: int) -> None:
        self.examples, self.scale = examples, scale
        self.grids = [tuple(max(side // scale - 4, 0) for side in x.shape[1:]) for x, _ in examples]
        self.ends = torch.tensor([rows * columns for rows, columns in self.grids]).cumsum(0)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def draw(self, count: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Draw patches, none twice; all where there are no more.

        Yields:
            For each image: the enlarged image, what it lacks, and the patches' rows and columns, maybe none. Patch
            (0, 0) begins at pixel (s, s), and the next ones follow ``s`` pixels apart.
        """
        everything = count >= len(self)
        drawn = torch.randperm(len(self), generator=generator)[:count].sort().values if not everything else None
        begin = 0
        for (x, target), (_, columns), end in zip(self.examples, self.grids, self.ends.tolist(), strict=True):
            if drawn is None:
                here = torch.arange(begin, end)
            else:
                first, last = torch.searchsorted(drawn, torch.tensor([begin, end])).tolist()
                here = drawn[first:last]
            here = here - begin
            yield x, target - x, here // max(columns, 1), here % max(columns, 1)
            begin = end


def principal(features: Tensor, energy: float) -> Tensor:
    """The (d, D) directions in which (n, D) features keep that share of their energy, the weakest first."""
    values, vectors = torch.linalg.eigh((features.T @ features).double())
    lost = values.clamp(min=0).cumsum(0) / values.clamp(min=0).sum()
    first = int((lost < 1 - energy).sum())
    directions: Tensor = vectors[:, first:].T.to(features.dtype).contiguous()
    return directions


def nearest(samples: Tensor, atoms: Tensor, count: int, report: Callable[[], None]) -> Tensor:
    """The samples that are nearest to each atom, all being of length 1: (K, count) indices."""
    values, indices = atoms.new_empty((len(atoms), 0)), atoms.new_empty((len(atoms), 0), dtype=torch.long)
    for number, part in enumerate(torch.split(samples, SEARCHED)):
        match = torch.cat((values, atoms @ part.T), 1)
        values, place = match.topk(min(count, match.shape[1]), 1, sorted=False)
        known = indices.shape[1]
        new = place - known + number * SEARCHED
        indices = torch.where(place < known, indices.gather(1, place.clamp(max=known - 1)), new) if known else new
        report()
    return indices


def ridge_regression(samples: Tensor, targets: Tensor, groups: Tensor, ridge: float) -> Tensor:
    """For each of (K, m) groups of samples, the (p, d) map P to its targets: least squares with ``ridge |P|^2``.

    In the paper's words ``P = H L^T (L L^T + ridge I)^-1``, with samples (n, d) as L's columns, targets (n, p) as H's.
    """
    maps = []
    for group in torch.split(groups, SOLVED):
        low, high = samples[group], targets[group].to(samples.dtype)
        gram = low.mT @ low
        gram.diagonal(dim1=1, dim2=2).add_(ridge)
        maps.append(torch.linalg.solve(gram, low.mT @ high).mT)
    return torch.cat(maps)


QUICK = Recipe(steps=1, fit=(("atoms", 256), ("dictionary", 20_000), ("iterations", 8), ("samples", 300_000)))
"""Fewer atoms from fewer samples: above bicubic after seconds."""

STANDARD = Recipe(
    train=("t91",),
    validation=("bsds200",),
    validation_images=20,
    protocol="srcnn",
    shrink=tuple(round(0.98**k, 6) for k in range(12)),
    steps=1,
)
"""91 images at 12 sizes, 1024 atoms, and up to 5 million patches for their regressors, as in the paper; it takes five
minutes of a CPU."""

PAPER = STANDARD.model_copy(update={"fit": (("detail", 1.0),)})
"""The same, with all that the regressors predict."""


class Aplus(FittedMethod):
    """A+ on luma."""

    info = MethodInfo(name="aplus", family="patch", channels="y", input="upsampled", paper=SOURCE, halo=24, multiple=12)
    recipes: ClassVar[Mapping[str, Recipe]] = {"standard": STANDARD, "quick": QUICK, "paper": PAPER}

    def network(self, scale: int) -> nn.Module:
        """Features, anchors and regressors, of the size that the recipe ``standard`` leads to."""
        return AnchoredNetwork(scale, AplusSettings().atoms, *SIZES[scale])

    def fit(
        self,
        network: nn.Module,
        examples: Sequence[tuple[Tensor, Tensor]],
        recipe: Recipe,
        scale: int,
        generator: torch.Generator,
        report: Callable[[int, int], None],
    ) -> None:
        """Learn projection and dictionary from some patches, then a regressor for each atom from many."""
        assert isinstance(network, AnchoredNetwork)
        settings = recipe.settings(AplusSettings)
        places = Places(examples, scale)
        if len(places) < settings.atoms:
            raise ValueError(f"the images have {len(places)} patches, fewer than the {settings.atoms} atoms to learn")
        count = min(settings.samples, len(places))
        done, total = 0, settings.iterations + len(examples) + -(-count // SEARCHED)

        def tell() -> None:
            nonlocal done
            done += 1
            report(done, total)

        with torch.no_grad():
            network.projection, features = _projection(network, places, settings, generator)
            network.atoms = ksvd(features, settings.atoms, settings.sparsity, settings.iterations, generator, tell)
            samples, targets = _samples(network, places, count, settings.flat, generator, tell)
            groups = nearest(samples, network.atoms, settings.neighbours, tell)
            maps = ridge_regression(samples, targets, groups, settings.ridge)
            del samples, targets
            network.basis, maps = _patterns(maps, nearest_atom(features, network.atoms), features, settings.detail)
            network.regressors, network.steps = in_steps(maps)


def _projection(
    network: AnchoredNetwork, places: Places, settings: AplusSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Principal components of the gradients of some patches, and those patches' features by them."""
    device, scale = network.atoms.device, places.scale
    parts = []
    for x, _, rows, columns in places.draw(settings.dictionary, generator):
        maps = gradients(x.to(device)[None], scale)[0]
        if len(rows):
            parts.append(patches_at(maps, scale, rows.to(device), columns.to(device)))
    raw = torch.cat(parts)
    flat = raw.flatten(1)
    directions = principal(flat, settings.energy)
    return directions.view(-1, *raw.shape[1:]), flat @ directions.T


def _patterns(maps: Tensor, which: Tensor, features: Tensor, detail: float) -> tuple[Tensor, Tensor]:
    """The principal patterns of what maps predict from some features, and the maps to these instead of to pixels."""
    directions = principal(product_by_atom(maps, which, features), detail)
    side = math.isqrt(directions.shape[1])
    return directions.view(-1, 1, side, side), directions @ maps


def _samples(
    network: AnchoredNetwork,
    places: Places,
    count: int,
    flat: float,
    generator: torch.Generator,
    tell: Callable[[], None],
) -> tuple[Tensor, Tensor]:
    """(n, d) features of length 1 and (n, 9 s^2) missing pixels, divided as their features are.

    Features shorter than ``flat`` keep their length as far as the missing pixels are concerned, as in the authors'
    code: so flat patches, whose direction is noise, count less.
    """
    scale, device = places.scale, network.atoms.device
    samples = torch.empty((count, network.atoms.shape[1]), device=device)
    targets = torch.empty((count, 9 * scale * scale), dtype=torch.float16, device=device)  # half the memory
    begin = 0
    for x, lacks, rows, columns in places.draw(count, generator):
        if len(rows):
            end = begin + len(rows)
            rows, columns = rows.to(device), columns.to(device)
            z = network.features(x.to(device)[None])[0][:, rows, columns].T
            missing = patches_at(lacks.to(device)[:, scale:, scale:], scale, rows, columns).flatten(1)
            length = z.norm(dim=1, keepdim=True)
            samples[begin:end] = z / length.clamp(min=1e-12)
            targets[begin:end] = missing / torch.where(length < flat, 1.0, length)
            begin = end
        tell()
    return samples, targets
