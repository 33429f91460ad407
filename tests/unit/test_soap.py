"""SOAP: straight down the valleys that Adam walks along, and Adam itself where there is nothing to turn."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from srbench.training import soap
from srbench.training.soap import Soap


def descended(
    make: Callable[[list[nn.Parameter]], torch.optim.Optimizer], start: Tensor, loss: Callable[[Tensor], Tensor]
) -> float:
    """The loss after 200 steps whose rate falls to nothing."""
    weight = nn.Parameter(start.clone())
    optimizer = make([weight])
    for step in range(200):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * (1 - step / 200)
        optimizer.zero_grad()
        torch.autograd.backward(loss(weight))
        optimizer.step()
    return float(loss(weight.detach()))


def correlated(side: int, generator: torch.Generator) -> Tensor:
    """A matrix whose singular values lie between 1 and 30, turned anyhow."""
    left, right = (torch.linalg.qr(torch.randn(side, side, generator=generator))[0] for _ in range(2))
    return left @ torch.diag(torch.logspace(0, 1.5, side)) @ right


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 3, 3), (8, 1, 3, 3), (4, 60, 3, 3)])
def test_correlated_weights_are_no_hindrance(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = correlated(shape[0], generator)
    columns = torch.ones(1, 1)
    for side in (shape[1], math.prod(shape[2:])):
        columns = torch.kron(columns, correlated(side, generator))

    def loss(weight: Tensor) -> Tensor:
        return (rows @ weight.reshape(shape[0], -1) @ columns).square().mean()

    start = torch.randn(shape, generator=generator)
    ours = descended(lambda params: Soap(params, lr=0.1), start, loss)
    adam = descended(lambda params: torch.optim.Adam(params, lr=0.1, betas=soap.BETAS), start, loss)
    assert ours < adam / 10


@pytest.mark.parametrize("shape", [(7,), (1, 7), (1, 1, 1, 7)])
def test_without_sides_it_is_adam(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    start, target = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)

    def loss(weight: Tensor) -> Tensor:
        return (weight - target).square().sum()

    adam = descended(lambda params: torch.optim.Adam(params, lr=0.1, betas=soap.BETAS), start, loss)
    assert descended(lambda params: Soap(params, lr=0.1), start, loss) == pytest.approx(adam, rel=1e-2)


def test_bases_stay_orthogonal_and_long_sides_have_none() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(soap.LONGEST_SIDE + 1, 5, bias=False)
    optimizer = Soap(layer.parameters(), lr=1e-2)
    for _ in range(3 * soap.REFRESH_EVERY):
        optimizer.zero_grad()
        torch.autograd.backward(layer(torch.randn(9, soap.LONGEST_SIDE + 1)).square().sum())
        optimizer.step()
    state = optimizer.state[layer.weight]
    assert set(state) == {"step", "mean", "square", "outer0", "basis0"}
    assert torch.allclose(state["basis0"].T @ state["basis0"], torch.eye(5), atol=1e-5)
    turned = state["basis0"].T @ state["outer0"] @ state["basis0"]
    assert float((turned - torch.diag(turned.diagonal())).norm() / turned.norm()) < 0.2


def test_decay_is_decoupled() -> None:
    weight = nn.Parameter(torch.ones(3, 3))
    weight.grad = torch.zeros(3, 3)
    Soap([weight], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(weight, torch.full((3, 3), 0.95))
