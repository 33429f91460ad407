"""Six small networks after public papers, in the way that their authors' code is laid out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Rcan(nn.Module):
    """Residual groups with channel attention, and a colour shift (Zhang et al., ECCV 2018)."""

    class Block(nn.Module):
        def __init__(self, n_feats: int, reduction: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(n_feats, n_feats, 3, padding=1), nn.ReLU(True), nn.Conv2d(n_feats, n_feats, 3, padding=1)
            )
            self.conv_du = nn.Sequential(
                nn.Conv2d(n_feats, n_feats // reduction, 1), nn.ReLU(True), nn.Conv2d(n_feats // reduction, n_feats, 1)
            )

        def forward(self, x: Tensor) -> Tensor:
            y = self.body(x)
            return x + y * torch.sigmoid(self.conv_du(y.mean((2, 3), keepdim=True)))

    def __init__(self, n_resgroups: int = 2, n_resblocks: int = 1, n_feats: int = 8, scale: int = 2) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, n_feats, 3, padding=1)
        self.body = nn.Sequential(
            *(nn.Sequential(*(self.Block(n_feats, 4) for _ in range(n_resblocks))) for _ in range(n_resgroups))
        )
        self.tail = nn.Sequential(nn.Conv2d(n_feats, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(x + self.body(x))  # type: ignore[no-any-return]


class Imdn(nn.Module):
    """Information multi-distillation: some channels are kept, the others go on (Hui et al., ACM MM 2019)."""

    def __init__(self, nf: int = 12, upscale: int = 4) -> None:
        super().__init__()
        self.kept = nf // 4
        self.fea_conv = nn.Conv2d(3, nf, 3, padding=1)
        self.c1 = nn.Conv2d(nf, nf, 3, padding=1)
        self.c2 = nn.Conv2d(nf - self.kept, nf, 3, padding=1)
        self.c3 = nn.Conv2d(nf - self.kept, self.kept, 3, padding=1)
        self.c4 = nn.Conv2d(3 * self.kept, nf, 1)
        self.upsampler = nn.Sequential(nn.Conv2d(nf, 3 * upscale**2, 3, padding=1), nn.PixelShuffle(upscale))

    def forward(self, x: Tensor) -> Tensor:
        x = self.fea_conv(x)
        rest, kept = x, []
        for layer in (self.c1, self.c2):
            y = functional.leaky_relu(layer(rest), 0.05)
            first, rest = torch.split(y, (self.kept, y.shape[1] - self.kept), dim=1)
            kept.append(first)
        return self.upsampler(x + self.c4(torch.cat([*kept, self.c3(rest)], dim=1)))  # type: ignore[no-any-return]


class Rdn(nn.Module):
    """Residual dense blocks; the constructor takes one namespace-like table (Zhang et al., CVPR 2018)."""

    def __init__(self, config: tuple[int, int, int] = (2, 3, 8), scale_factor: int = 3) -> None:
        super().__init__()
        blocks, layers, growth = config
        self.SFENet1 = nn.Conv2d(3, growth, 3, padding=1)
        self.RDBs = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(growth * (k + 1), growth, 3, padding=1) for k in range(layers))
            for _ in range(blocks)
        )
        self.LFFs = nn.ModuleList(nn.Conv2d(growth * (layers + 1), growth, 1) for _ in range(blocks))
        self.GFF = nn.Conv2d(growth * blocks, growth, 1)
        self.UPNet = nn.Sequential(nn.Conv2d(growth, 3 * scale_factor**2, 3, padding=1), nn.PixelShuffle(scale_factor))

    def forward(self, x: Tensor) -> Tensor:
        x = first = self.SFENet1(x)
        outputs = []
        for block, fusion in zip(self.RDBs, self.LFFs, strict=True):
            dense = x
            for layer in block:  # type: ignore[attr-defined]
                dense = torch.cat([dense, functional.relu(layer(dense))], dim=1)
            outputs.append(x := x + fusion(dense))
        return self.UPNet(first + self.GFF(torch.cat(outputs, dim=1)))  # type: ignore[no-any-return]


class LapSrn(nn.Module):
    """Luma, enlarged twofold by transposed convolutions as often as needed (Lai et al., CVPR 2017)."""

    def __init__(self, upscale_factor: int = 4) -> None:
        super().__init__()
        self.levels = upscale_factor.bit_length() - 1
        self.conv_input = nn.Conv2d(1, 8, 3, padding=1)
        self.convt_I = nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1, bias=False)
        self.convt_F = nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1)
        self.convt_R = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        features = functional.leaky_relu(self.conv_input(x), 0.2)
        for _ in range(self.levels):
            features = functional.leaky_relu(self.convt_F(features), 0.2)
            x = self.convt_I(x) + self.convt_R(features)
        return x


class Dbpn(nn.Module):
    """Up- and down-projections, and parametric activations (Haris et al., CVPR 2018)."""

    def __init__(self, base_filter: int = 8, scale_factor: int = 2) -> None:
        super().__init__()
        size, stride, padding = {2: (6, 2, 2), 4: (8, 4, 2)}[scale_factor]
        self.feat0 = nn.Sequential(nn.Conv2d(3, base_filter, 3, padding=1), nn.PReLU())
        self.up1 = nn.ConvTranspose2d(base_filter, base_filter, size, stride, padding)
        self.down1 = nn.Conv2d(base_filter, base_filter, size, stride, padding)
        self.up2 = nn.ConvTranspose2d(base_filter, base_filter, size, stride, padding)
        self.output_conv = nn.Conv2d(base_filter, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.feat0(x)
        high = self.up1(x)
        return self.output_conv(high + self.up2(self.down1(high) - x))  # type: ignore[no-any-return]


class Pan(nn.Module):
    """Pixel attention, and a bilinear image that the network adds to (Zhao et al., ECCVW 2020)."""

    def __init__(self, in_nc: int, out_nc: int, nf: int = 8, unf: int = 6, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.conv_first = nn.Conv2d(in_nc, nf, 3, padding=1)
        self.attention = nn.Conv2d(nf, nf, 1)
        self.upconv1 = nn.Conv2d(nf, unf, 3, padding=1)
        self.conv_last = nn.Conv2d(unf, out_nc, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.conv_first(x)
        features = features * torch.sigmoid(self.attention(features))
        features = self.upconv1(functional.interpolate(features, scale_factor=self.scale, mode="nearest"))
        image = functional.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self.conv_last(functional.leaky_relu(features, 0.2)) + image  # type: ignore[no-any-return]
