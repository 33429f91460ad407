"""Models that are files keep the contract, each kind of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import small_models
import torch

from srbench.method import Method
from srbench.plugins.registry import Registry
from srbench.testing import CHECKS, Check

KINDS = ("spandrel", "onnx", "torchscript", "exported", "hub", "torch", "torch+")


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], type[Method]]:
    """The method of a kind; each model is probed once for all checks."""
    folder = tmp_path_factory.mktemp("models")
    network = small_models.trained()
    found = {pattern.partition(":")[0]: pattern for pattern in small_models.save_all(network, folder)}
    (folder / "hub").mkdir()
    path: Path = small_models.save_safetensors(network, folder / "hub" / "small.safetensors")
    (folder / "net.py").write_text("from spandrel.architectures.Compact import Compact\n")
    torch.save({"params_ema": network.state_dict()}, folder / "w.pth")
    own = f"torch:{folder / 'net.py'}:Compact?weights={folder / 'w.pth'}&scale={small_models.SCALE}"
    own += "&arg.num_in_ch=3&arg.num_out_ch=3&arg.num_feat=16&arg.num_conv=2"
    patterns = found | {"hub": f"hub:{path.parent}", "torch": own, "torch+": f"{own}+"}

    @cache
    def method(kind: str) -> type[Method]:
        registry = Registry()
        (choice,) = registry.select([patterns[kind]])
        return registry.method(choice.card.name)

    return method


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_contract(kind: str, check: Check, methods: Callable[[str], type[Method]]) -> None:
    if kind == "onnx" and torch.cuda.is_available():
        import onnxruntime

        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            pytest.skip("this onnxruntime has no CUDA")
    check(methods(kind))
