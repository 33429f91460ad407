"""K-SVD: a dictionary in which samples are sums of few atoms, by orthogonal matching pursuit and updates of atoms.

Aharon, Elad, Bruckstein, K-SVD, IEEE Transactions on Signal Processing 2006; atoms are updated by one round of the
power method instead of a whole SVD, as in Rubinstein, Zibulevsky, Elad, Efficient implementation of the K-SVD
algorithm using batch OMP, Technion 2008.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CHUNK = 8192
"""Samples that are coded at once: their products with 1024 atoms take 32 MB."""

FEWEST = 4
"""An atom that fewer samples use is replaced."""

ALIKE = 0.99
"""Of two atoms with a larger product one is replaced."""


def omp(samples: Tensor, atoms: Tensor, sparsity: int) -> tuple[Tensor, Tensor]:
    """Code samples by orthogonal matching pursuit: greedy choice, then least squares over all that are chosen.

    Args:
        samples: (n, d).
        atoms: (K, d) of length 1.
        sparsity: atoms a sample.

    Returns:
        (n, sparsity) indices of atoms and (n, sparsity) weights.
    """
    parts = [_omp(part, atoms, sparsity) for part in torch.split(samples, CHUNK)]
    return torch.cat([chosen for chosen, _ in parts]), torch.cat([weights for _, weights in parts])


def _omp(samples: Tensor, atoms: Tensor, sparsity: int) -> tuple[Tensor, Tensor]:
    chosen = torch.empty((len(samples), 0), dtype=torch.long, device=samples.device)
    weights, residual = samples.new_empty((len(samples), 0)), samples
    for _ in range(sparsity):
        match = (residual @ atoms.T).abs_().scatter_(1, chosen, -1.0)  # none twice
        chosen = torch.cat((chosen, match.argmax(1, keepdim=True)), 1)
        basis = atoms[chosen]
        gram = basis @ basis.mT
        gram.diagonal(dim1=1, dim2=2).add_(1e-6)  # two atoms may be all but the same
        weights = torch.linalg.solve(gram, (basis @ samples[:, :, None]))[..., 0]
        residual = samples - decoded(chosen, weights, atoms)
    return chosen, weights


def decoded(chosen: Tensor, weights: Tensor, atoms: Tensor) -> Tensor:
    """The (n, d) samples that a code stands for."""
    samples: Tensor = torch.bmm(weights[:, None], atoms[chosen])[:, 0]
    return samples


def ksvd(
    samples: Tensor,
    count: int,
    sparsity: int,
    iterations: int,
    generator: torch.Generator,
    report: Callable[[], None] = lambda: None,
) -> Tensor:
    """Learn a dictionary.

    Args:
        samples: (n, d).
        count: of atoms.
        sparsity: atoms a sample.
        iterations: rounds of coding all samples and updating all atoms.
        generator: on the CPU; draws the samples that are the first atoms.
        report: called after each iteration.

    Returns:
        (count, d) atoms of length 1.

    Raises:
        ValueError: fewer than ``count`` samples differ from 0.
    """
    lengths = samples.norm(dim=1)
    candidates = torch.nonzero(lengths > 0.01 * lengths.mean())[:, 0]
    if len(candidates) < count:
        raise ValueError(f"only {len(candidates)} patches are not flat, and there are {count} atoms to learn")
    first = candidates[torch.randperm(len(candidates), generator=generator)[:count].to(candidates.device)]
    atoms: Tensor = samples[first] / lengths[first, None]
    for iteration in range(iterations):
        chosen, weights = omp(samples, atoms, sparsity)
        codes = zip(torch.split(chosen, CHUNK), torch.split(weights, CHUNK), strict=True)
        residual = samples - torch.cat([decoded(*code, atoms) for code in codes])
        used = update(atoms, chosen, weights, residual)
        if iteration + 1 < iterations:
            replace(atoms, used, samples, residual)
        report()
    return atoms


def update(atoms: Tensor, chosen: Tensor, weights: Tensor, residual: Tensor) -> Tensor:
    """Update every atom and its weights in turn, in place: towards what the samples that use it lack without it.

    Returns:
        (K,) how many samples use each.
    """
    sparsity = chosen.shape[1]
    used = torch.bincount(chosen.flatten(), minlength=len(atoms))
    users = torch.split(chosen.flatten().argsort(stable=True), used.tolist())
    flat = weights.view(-1)
    for atom, places in zip(atoms, users, strict=True):
        if not len(places):
            continue
        who, weight = places // sparsity, flat[places]
        lacking = torch.addr(residual[who], weight, atom)
        better = weight @ lacking
        length = better.norm()
        if float(length) == 0.0:
            continue
        atom.copy_(better / length)
        weight = lacking @ atom
        flat[places] = weight
        residual[who] = torch.addr(lacking, weight, atom, alpha=-1)
    return used


def replace(atoms: Tensor, used: Tensor, samples: Tensor, residual: Tensor) -> None:
    """Put the samples that are coded worst in the place of atoms that few use, or that are like another; in place."""
    alike = (atoms @ atoms.T).abs_().triu_(1) > ALIKE
    useless = torch.nonzero((used < FEWEST) | alike.any(0))[:, 0]
    worst = residual.square().sum(1).topk(min(len(useless), len(residual))).indices
    fresh = samples[worst]
    atoms[useless[: len(fresh)]] = fresh / fresh.norm(dim=1, keepdim=True).clamp(min=1e-12)
