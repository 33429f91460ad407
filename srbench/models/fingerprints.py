"""Architectures by the names of their weights, for those whose file spandrel does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable

_OF = {
    "RCAN": (r"head\.0\.weight", r"body\.0\.body\.0\.body\.3\.conv_du\.0\.weight"),
    "HAN": (r"head\.0\.weight", r"csa\.conv\.weight", r"la\.gamma"),
    "EDSR": (r"head\.0\.weight", r"body\.0\.body\.0\.weight", r"tail\.0\.0\.weight"),
    "RDN": (r"SFENet1\.weight", r"RDBs\.0\.convs\.0\.conv\.0\.weight"),
    "VDSR": (r"residual_layer\.0\.conv\.weight", r"input\.weight", r"output\.weight"),
    "LapSRN": (r"conv_input\.weight", r"convt_I1\.weight"),
    "CARN": (r"entry\.weight", r"b1\.b1\.body\.0\.weight"),
    "IMDN": (r"fea_conv\.weight", r"IMDB1\.c1\.weight"),
    "RFDN": (r"fea_conv\.weight", r"B1\.c1_d\.weight"),
    "BSRN": (r"fea_conv\.pw\.weight", r"B1\.c1_d\.weight"),
    "PAN": (r"conv_first\.weight", r"SCPA_trunk\.0\..*"),
    "RLFN": (r"conv_1\.weight", r"block_1\.c1_r\.weight", r"block_1\.esa\.conv1\.weight"),
    "MambaIR": (r"conv_first\.weight", r"layers\.0\.residual_group\.blocks\.0\.self_attention\.A_logs"),
    "a network of windowed attention, as SwinIR": (
        r"conv_first\.weight",
        r"layers\.0\.residual_group\.(blocks|layers)\.0\.attn\..*",
    ),
}
"""Patterns of names that all of a kind have, the special before the general."""


def architecture(names: Iterable[str]) -> str:
    """The architecture whose weights have such names; empty if unknown."""
    plain = {re.sub(r"^(module|model|net_g|generator)\.", "", name) for name in names}
    for found, patterns in _OF.items():
        if all(any(re.fullmatch(pattern, name) for name in plain) for pattern in patterns):
            return found
    return ""
