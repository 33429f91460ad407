"""The protocols that there are: one for each family of published tables, and those of users' TOML files.

Each built-in one reproduces its family's bicubic figures to the fourth decimal.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_type_hints

from srbench.errors import UsageError
from srbench.protocols.degradations import Blur, Noise, Resize, Subsample
from srbench.protocols.fields import checked
from srbench.protocols.protocol import Protocol
from srbench.protocols.random_steps import REALESRGAN, GaussianSet, Shuffled
from srbench.system.names import unknown
from srbench.system.toml import read_toml

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="vdsr",
            source="VDSR, DRCN and the papers that copy their columns",
            luma="uint8",
            degraded="y",
            enlarged_range=(16.0, 235.0),
        ),
        Protocol(
            name="srcnn",
            source="SRCNN, A+ and FSRCNN papers",
            luma="uint8",
            degraded="y",
            border="replicate",
        ),
        Protocol(name="lapsrn", source="LapSRN; FSRCNN's 37.05 comes from here", ssim_window="same"),
        Protocol(name="edsr", source="EDSR, RCAN, SwinIR, IMDN", lr="uint8", gray="rgb"),
        Protocol(name="selfexsr", source="SelfExSR", luma="uint8", lr="uint8", border="replicate"),
        Protocol(name="rgb", source="RGB PSNR of 8-bit images", scored="rgb", lr="rounded", gray="rgb"),
        Protocol(name="basicsr", source="BasicSR, where it makes LR itself: BSRN", lr="rounded", gray="rgb"),
        Protocol(name="paired", source="supplied LR, scored as EDSR does", degraded="none", lr="uint8", gray="rgb"),
        Protocol(
            name="paired-rgb",
            source="supplied LR, RGB, the whole image (tutorials on SelfExSR's pairs)",
            scored="rgb",
            degraded="none",
            lr="uint8",
            shave_per_scale=0,
            gray="rgb",
        ),
        Protocol(
            name="linear",
            source="bilinear without antialias, RGB, the whole image (the autoencoder tutorials)",
            scored="rgb",
            kernel="bilinear",
            antialias=False,
            sr="double",
            shave_per_scale=0,
            gray="rgb",
        ),
        Protocol(
            name="bd",
            source="BD columns of SRMD, RDN, RCAN, SAN, HAN: blurred, then subsampled",
            luma="uint8",
            border="replicate",
            lr="uint8",
            degradation=(Blur(size=7, sigma=(1.6, 1.6)), Subsample(offset=1)),
            scales=(3,),
        ),
        Protocol(
            name="dn",
            source="DN columns of SRMD, RDN, RCAN: downsampled, then noise of level 30",
            luma="uint8",
            border="replicate",
            lr="uint8",
            degradation=(Resize(border="replicate"), Noise(sigma=30.0, generator="matlab4")),
            scales=(3,),
        ),
        Protocol(
            name="stablesr",
            source="RealSR and DRealSR columns of StableSR, SeeSR, ResShift, OSEDiff",
            degraded="none",
            lr="uint8",
            shave_per_scale=0,
            gray="rgb",
            psnr_eps=1e-8,
            ssim_luma="uint8",
            ssim_contrast="clipped",
        ),
        Protocol(
            name="ntire",
            source="NTIRE's efficient super-resolution: RGB, 8-bit LR by MATLAB",
            scored="rgb",
            lr="uint8",
            gray="rgb",
        ),
        Protocol(
            name="gaussian8",
            source="the eight kernels of IKC and DAN, each of every image, then bicubic",
            lr="rounded",
            gray="rgb",
            degradation=(GaussianSet(), Resize()),
            scales=(2, 3, 4),
        ),
        Protocol(
            name="bsrgan",
            source="BSRGAN's random degradation, drawn for each image",
            lr="rounded",
            gray="rgb",
            degradation=(Shuffled(),),
        ),
        Protocol(
            name="realesrgan",
            source="Real-ESRGAN's second-order degradation, drawn for each image",
            lr="rounded",
            gray="rgb",
            degradation=REALESRGAN,
        ),
    )
}
ALIASES = {"classic": "vdsr"}


def get_protocol(name: str) -> Protocol:
    """A protocol by name, by alias, or from a user's TOML file.

    Raises:
        UsageError: there is none of that name, or the file does not describe one.
    """
    if name.endswith(".toml"):
        return _from_toml(Path(name))
    known = PROTOCOLS.get(ALIASES.get(name, name))
    if known is None:
        raise unknown("protocol", name, [*PROTOCOLS, *ALIASES])
    return known


def _from_toml(path: Path, above: tuple[Path, ...] = ()) -> Protocol:
    """A user's protocol: the fields of :class:`Protocol`, and ``base`` naming the one whose fields it changes."""
    table = read_toml(path, "protocol")
    if path.resolve() in above:
        raise UsageError(f"Protocol file {path} is its own base; name a built-in one.")
    base = table.pop("base", None)
    if not isinstance(base, str | None):
        raise UsageError(f"{path}: base must be the name of a protocol, not {base!r}.")
    fields = get_type_hints(Protocol)
    for key, value in table.items():
        if key not in fields:
            raise unknown(f"key of protocol file {path}", key, list(fields))
        table[key] = checked(path, key, value, fields[key])
    table.setdefault("name", path.stem)
    if base is None:
        protocol = Protocol(**table)
    else:
        own = base.endswith(".toml")  # relative to the file that names it
        start = _from_toml(path.parent / base, (*above, path.resolve())) if own else get_protocol(base)
        protocol = dataclasses.replace(start, **table)
    known = PROTOCOLS.get(ALIASES.get(protocol.name, protocol.name))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", protocol.name) or (known and known.hash != protocol.hash):
        taken = "that is a built-in protocol with other content" if known else "use letters, digits, '.', '_' and '-'"
        raise UsageError(f"{path}: the protocol cannot be called {protocol.name!r}: {taken}; set another `name`.")
    return protocol
