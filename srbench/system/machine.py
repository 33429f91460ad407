"""The record of code and machine that stands in every result."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from srbench.version import __version__


def versions() -> dict[str, str]:
    """Versions of what makes numbers, found without importing any of it."""
    found = {"srbench": __version__, "python": platform.python_version()}
    for package in ("torch", "numpy", "scipy", "opencv-python", "pillow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "?"
    return found


def machine() -> dict[str, str]:
    """The machine, and the commit where srbench runs from a checkout."""
    found = {"platform": platform.platform(), "processor": _processor(), "cores": str(os.cpu_count())}
    commit = _commit()
    return found | ({"commit": commit} if commit else {})


def device_name(device: str) -> str:
    """A device with its model, such as ``cuda (NVIDIA H100)``. Imports torch."""
    import torch

    if torch.device(device).type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        git = ["git", "-C", str(root)]
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)
        dirty = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")
