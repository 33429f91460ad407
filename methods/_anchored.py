"""The network of anchored regression: features of patches, anchors, and a linear map for each anchor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK = 4096
"""Patches that are compared with all atoms at once."""
LEVELS = 127
"""The largest whole number in a regressor."""


class AnchoredNetwork(nn.Module):
    """Each patch is enlarged by the map of the atom that it is most like. All weights are buffers: none has a gradient.

    A patch is the 3s x 3s pixels of the enlarged image over 3x3 LR pixels, one around each LR pixel. Every pixel of SR
    is the enlarged image's plus the mean of what the nine patches over it say is missing.

    The maps share their few output patterns (``basis``) and are kept in 8 bits, so that weights are small.

    Args:
        scale: the scale.
        atoms: how many.
        features: of a patch.
        patterns: of pixels that a patch may lack. The data decide these three, so weights with others can be loaded.
    """

    projection: Tensor
    """(d, 4, 3s, 3s): the principal components of the four gradients of a patch."""
    atoms: Tensor
    """(K, d), of length 1."""
    regressors: Tensor
    """(K, r, d) whole numbers: by how many steps each pattern goes with each feature."""
    steps: Tensor
    """(K, 1, d)"""
    basis: Tensor
    """(r, 1, 3s, 3s): the patterns."""

    def __init__(self, scale: int, atoms: int, features: int, patterns: int) -> None:
        super().__init__()
        self.scale = scale
        side = 3 * scale
        self.register_buffer("projection", torch.randn(features, 4, side, side) / side)
        self.register_buffer("atoms", F.normalize(torch.randn(atoms, features)))
        self.register_buffer(
            "regressors", torch.randint(-LEVELS, LEVELS + 1, (atoms, patterns, features)).to(torch.int8)
        )
        self.register_buffer("steps", torch.rand(atoms, 1, features) * 0.1 / LEVELS)
        self.register_buffer("basis", torch.randn(patterns, 1, side, side) / side)

    def _load_from_state_dict(self, state: Mapping[str, Tensor], prefix: str, *rest: object) -> None:
        """Take on the sizes of the weights that are loaded, where they fit together."""
        found = {name: state[prefix + name] for name in self.state_dict() if prefix + name in state}
        if len(found) == len(self.state_dict()) and _fit_together(self.scale, **found):
            for name, tensor in found.items():
                setattr(self, name, torch.empty_like(tensor, device=self.atoms.device))
        super()._load_from_state_dict(state, prefix, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, H, W), enlarged, to the same size."""
        height, width = x.shape[2:]
        scale = self.scale
        x_whole = F.pad(x, (0, -width % scale, 0, -height % scale), mode="replicate")
        z = self.features(F.pad(x_whole, (3 * scale,) * 4, mode="replicate"))
        coded = self.coded(z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]))
        coded = coded.view(len(x), *z.shape[2:], -1).permute(0, 3, 1, 2)
        details = F.conv_transpose2d(coded, self.basis, stride=scale) / 9
        return x + details[:, :, 2 * scale : 2 * scale + height, 2 * scale : 2 * scale + width]

    def features(self, x: Tensor) -> Tensor:
        """(N, 1, (h + 4) s, (w + 4) s) to the (N, d, h, w) features of the patches that begin at (s, s) and so on."""
        return F.conv2d(gradients(x, self.scale), self.projection, stride=self.scale)

    def coded(self, z: Tensor) -> Tensor:
        """(n, d) features to the (n, r) patterns that their patches lack: each by its nearest atom's map."""
        by_atom = z.device.type == "cpu" and not torch.compiler.is_exporting()
        product = product_by_atom if by_atom else product_by_patch
        return product(self.regressors * self.steps, nearest_atom(z, self.atoms), z)


def in_steps(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(K, r, d) maps as 8-bit whole numbers, and the (K, 1, d) steps that they count: one for each feature of each."""
    steps = (maps.abs().amax(1, keepdim=True) / LEVELS).clamp(min=1e-12)
    return (maps / steps).round().to(torch.int8), steps


def nearest_atom(z: Tensor, atoms: Tensor) -> Tensor:
    """For each of (n, d) features the atom with the largest product, whatever its sign."""
    return torch.cat([(part @ atoms.T).abs_().argmax(1) for part in _chunks(z)])


def product_by_atom(maps: Tensor, which: Tensor, z: Tensor) -> Tensor:
    """The product of each of (n, d) rows with its own of the (K, p, d) maps: one matrix product for each map."""
    order = which.argsort(stable=True)
    groups = torch.split(z[order], torch.bincount(which, minlength=len(maps)).tolist())
    out = z.new_empty((len(z), maps.shape[1]))
    out[order] = torch.cat([group @ own.T for group, own in zip(groups, maps, strict=True)])
    return out


def product_by_patch(maps: Tensor, which: Tensor, z: Tensor) -> Tensor:
    """The same, each row with a copy of its map: faster where memory is, as on a GPU."""
    parts = zip(_chunks(which), _chunks(z), strict=True)
    return torch.cat([torch.bmm(maps[own], part[:, :, None])[..., 0] for own, part in parts])


def _chunks(rows: Tensor) -> Sequence[Tensor]:
    """Rows in parts of a bearable size; a graph that is exported has no loop whose length depends on the image."""
    return (rows,) if torch.compiler.is_exporting() else torch.split(rows, CHUNK)


def _fit_together(
    scale: int, projection: Tensor, atoms: Tensor, regressors: Tensor, steps: Tensor, basis: Tensor
) -> bool:
    side, (count, features), patterns = 3 * scale, atoms.shape, len(basis)
    wanted = (
        (features, 4, side, side),
        (count, patterns, features),
        (count, 1, features),
        (patterns, 1, side, side),
    )
    return (projection.shape, regressors.shape, steps.shape, basis.shape) == wanted


def gradients(x: Tensor, scale: int) -> Tensor:
    """First and second differences along rows and columns, of pixels that lie one LR pixel apart.

    The paper's filters are ``[1 0.. -1]`` and ``[1 0.. -2 0.. 1] / 2`` with s - 1 zeros in each gap. The first has no
    centre where s is odd; it then reaches one pixel further on than back, as MATLAB's ``conv2(..., 'same')`` puts it.

    Args:
        x: (N, 1, H + 2s, W + 2s).
        scale: s.

    Returns:
        (N, 4, H, W).
    """
    height, width = x.shape[2] - 2 * scale, x.shape[3] - 2 * scale
    ahead, back = (scale + 1) // 2, scale // 2

    def at(down: int, right: int) -> Tensor:
        return x[:, :, scale + down : scale + down + height, scale + right : scale + right + width]

    maps = (
        at(0, ahead) - at(0, -back),
        at(ahead, 0) - at(-back, 0),
        (at(0, scale) + at(0, -scale)) / 2 - at(0, 0),
        (at(scale, 0) + at(-scale, 0)) / 2 - at(0, 0),
    )
    return torch.cat(maps, 1)


def patches_at(maps: Tensor, scale: int, rows: Tensor, columns: Tensor) -> Tensor:
    """Patches of (C, H, W) that begin at multiples of ``scale``: (n, C, 3s, 3s)."""
    side = 3 * scale
    return maps.unfold(1, side, scale).unfold(2, side, scale)[:, rows, columns].transpose(0, 1)
