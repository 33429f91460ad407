"""A+: each of its parts against its definition, written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d
from srbench.methods._anchored import (
    LEVELS,
    AnchoredNetwork,
    gradients,
    in_steps,
    patches_at,
    product_by_atom,
    product_by_patch,
)
from srbench.methods._ksvd import ALIKE, ksvd, omp, replace, update
from srbench.methods.aplus import Aplus, AplusSettings, Places, nearest, principal, ridge_regression

from srbench.errors import UsageError
from srbench.recipe import Recipe
from srbench.weights import load_weights, save_weights

SCALES = (2, 3, 4)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def network(scale: int, atoms: int = 16, features: int = 8, patterns: int = 5) -> AnchoredNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AnchoredNetwork(scale, atoms, features, patterns)


def as_tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))


# features -------------------------------------------------------------------------------------------------------------


def paper_gradients(image: NDArray[Any], scale: int) -> NDArray[Any]:
    """The four filters as MATLAB's ``conv2(image, filter, 'same')`` applies them."""
    gap = [0] * (scale - 1)
    first, second = np.array([[1, *gap, -1]]), np.array([[1, *gap, -2, *gap, 1]]) / 2
    out = []
    for taps in (first, first.T, second, second.T):
        full = convolve2d(image, taps)
        top, left = (taps.shape[0]) // 2, (taps.shape[1]) // 2  # MATLAB's centre: the later of two
        out.append(full[top : top + image.shape[0], left : left + image.shape[1]])
    return np.stack(out)


@pytest.mark.parametrize("scale", SCALES)
def test_gradients_are_the_papers(scale: int) -> None:
    image = rng().random((7 * scale, 6 * scale))
    ours = gradients(torch.from_numpy(image)[None, None], scale)[0].numpy()
    inside = paper_gradients(image, scale)[:, scale:-scale, scale:-scale]
    np.testing.assert_allclose(ours, inside, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_an_image_is_predicted_patch_by_patch(scale: int) -> None:
    """By loops over the LR pixels: features, the likest atom whichever its sign, its regressor, the mean of nine."""
    net = network(scale)
    image = rng(1).random((5 * scale, 4 * scale)).astype(np.float32)
    padded = np.pad(image, 3 * scale, mode="edge").astype(np.float64)
    maps = paper_gradients(padded, scale)
    projection, atoms, basis = (net.get_buffer(name).double().numpy() for name in ("projection", "atoms", "basis"))
    maps_to_patterns = (net.regressors.double() * net.steps.double()).numpy()
    regressors = np.einsum("rp,krd->kpd", basis.reshape(len(basis), -1), maps_to_patterns)
    side, total, count = 3 * scale, np.zeros_like(padded), np.zeros_like(padded)
    for i in range(-1, 5 + 1):
        for j in range(-1, 4 + 1):
            top, left = (i - 1 + 3) * scale, (j - 1 + 3) * scale
            z = np.tensordot(projection, maps[:, top : top + side, left : left + side], 3)
            k = int(np.argmax(np.abs(atoms @ z)))
            total[top : top + side, left : left + side] += (regressors[k] @ z).reshape(side, side)
            count[top : top + side, left : left + side] += 1
    inside = (slice(3 * scale, -3 * scale),) * 2
    assert (count[inside] == 9).all()
    expected = image + total[inside] / 9
    ours = net(as_tensor(image)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


def test_both_ways_of_grouping_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srbench.methods._anchored.CHUNK", 30)
    generator = torch.Generator().manual_seed(0)
    maps, z = torch.randn(9, 12, 5, generator=generator), torch.randn(100, 5, generator=generator)
    which = torch.randint(7, (100,), generator=generator)  # two maps have no row
    expected = torch.stack([maps[k] @ row for k, row in zip(which.tolist(), z, strict=True)])
    for product in (product_by_atom, product_by_patch):
        torch.testing.assert_close(product(maps, which, z), expected, rtol=0, atol=1e-5)


def test_its_work_can_be_counted() -> None:
    """On torch's meta device, where nothing is computed."""
    out = network(3).to("meta")(torch.empty(2, 1, 20, 17, device="meta"))
    assert out.shape == (2, 1, 20, 17)


def test_an_atom_serves_its_opposite() -> None:
    net = network(3)
    z = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(net.coded(-z), -net.coded(z))


@pytest.mark.parametrize("scale", SCALES)
def test_patches_are_drawn_with_what_they_lack(scale: int) -> None:
    """Features and targets belong to the same place, in every image, each place at most once."""
    images = [rng(k).random((1, h * scale, w * scale)).astype(np.float32) for k, (h, w) in enumerate([(9, 6), (4, 8)])]
    examples = [(torch.from_numpy(image), torch.from_numpy(image + 1.0)) for image in images]
    examples.append((examples[0][0], examples[0][1] + 1.0))
    places = Places(examples, scale)
    assert len(places) == 5 * 2 + 0 + 5 * 2
    net = network(scale)
    for count in (7, 10_000):
        drawn = list(places.draw(count, torch.Generator().manual_seed(0)))
        assert sum(len(rows) for *_, rows, _ in drawn) == min(count, len(places))
        for x, lacks, rows, columns in drawn:
            assert len({*zip(rows.tolist(), columns.tolist(), strict=True)}) == len(rows)
            if not len(rows):
                continue
            assert float(lacks.mean()) in (pytest.approx(1.0), pytest.approx(2.0))
            z = net.features(x[None])[0][:, rows, columns].T
            again = patches_at(gradients(x[None], scale)[0], scale, rows, columns).flatten(1)
            torch.testing.assert_close(z, again @ net.projection.flatten(1).T, rtol=1e-4, atol=1e-4)
            pixels = patches_at(x[:, scale:, scale:], scale, rows, columns)
            row, column = (int(place[0]) * scale + scale for place in (rows, columns))
            assert torch.equal(pixels[0, 0], x[0, row : row + 3 * scale, column : column + 3 * scale])


def test_the_projection_keeps_its_share_of_the_energy() -> None:
    features = as_tensor(rng().normal(size=(500, 12)) * np.logspace(0, -4, 12))
    directions = principal(features, 0.999)
    np.testing.assert_allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-5)
    energy = float(features.square().sum())
    assert float((features @ directions.T).square().sum()) >= 0.999 * energy
    assert float((features @ directions[1:].T).square().sum()) < 0.999 * energy
    assert 1 < len(directions) < 12


# dictionary -----------------------------------------------------------------------------------------------------------


def paper_omp(sample: NDArray[Any], atoms: NDArray[Any], sparsity: int) -> tuple[list[int], NDArray[Any]]:
    chosen: list[int] = []
    weights, residual = np.zeros(0), sample
    for _ in range(sparsity):
        chosen.append(int(np.argmax(np.abs(atoms @ residual))))
        weights = np.linalg.lstsq(atoms[chosen].T, sample, rcond=None)[0]
        residual = sample - weights @ atoms[chosen]
    return chosen, weights


def unit_rows(array: NDArray[Any]) -> NDArray[Any]:
    rows: NDArray[Any] = array / np.linalg.norm(array, axis=1, keepdims=True)
    return rows


@pytest.mark.parametrize("sparsity", [1, 2, 3])
def test_pursuit_is_greedy_with_least_squares(sparsity: int) -> None:
    atoms, samples = unit_rows(rng(1).normal(size=(40, 10))), rng(2).normal(size=(60, 10))
    chosen, weights = omp(torch.from_numpy(samples), torch.from_numpy(atoms), sparsity)
    for k, sample in enumerate(samples):
        expected, their_weights = paper_omp(sample, atoms, sparsity)
        assert chosen[k].tolist() == expected
        np.testing.assert_allclose(weights[k], their_weights, atol=1e-4)


def test_an_update_of_atoms_makes_the_error_smaller() -> None:
    """And it keeps the residual in step with atoms and weights."""
    samples = torch.from_numpy(rng(3).normal(size=(300, 8)))
    atoms = torch.from_numpy(unit_rows(rng(4).normal(size=(20, 8))))
    chosen, weights = omp(samples, atoms, 3)
    residual = samples - torch.einsum("nk,nkd->nd", weights, atoms[chosen])
    before = float(residual.square().sum())
    used = update(atoms, chosen, weights, residual)
    assert int(used.sum()) == 900
    torch.testing.assert_close(residual, samples - torch.einsum("nk,nkd->nd", weights, atoms[chosen]))
    assert float(residual.square().sum()) < before
    torch.testing.assert_close(atoms.norm(dim=1), torch.ones(20, dtype=torch.float64))


def test_atoms_without_use_are_replaced() -> None:
    atoms = torch.eye(5)
    atoms[1] = torch.tensor([1.0, 0.05, 0, 0, 0]) / 1.00125**0.5
    samples, residual = torch.randn(9, 5, generator=torch.Generator().manual_seed(1)), torch.zeros(9, 5)
    residual[7], residual[2] = 3.0, 2.0
    assert float(atoms[0] @ atoms[1]) > ALIKE
    replace(atoms, torch.tensor([9, 9, 9, 0, 9]), samples, residual)
    torch.testing.assert_close(atoms[1], samples[7] / samples[7].norm())
    torch.testing.assert_close(atoms[3], samples[2] / samples[2].norm())
    assert torch.equal(atoms[[0, 2, 4]], torch.eye(5)[[0, 2, 4]])


def test_a_planted_dictionary_is_found() -> None:
    generator = rng(5)
    planted = unit_rows(generator.normal(size=(12, 16)))
    code = np.zeros((3000, 12))
    for row in code:
        row[generator.choice(12, 2, replace=False)] = generator.normal(size=2)
    found = ksvd(as_tensor(code @ planted), 12, 2, 30, torch.Generator().manual_seed(0)).numpy()
    match = np.abs(found @ planted.T).max(0)
    assert (match > 0.99).sum() >= 10
    again = ksvd(as_tensor(code @ planted), 12, 2, 30, torch.Generator().manual_seed(0)).numpy()
    np.testing.assert_array_equal(found, again)


# regression -----------------------------------------------------------------------------------------------------------


def test_the_nearest_samples_are_found_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srbench.methods.aplus.SEARCHED", 37)
    atoms, samples = (as_tensor(unit_rows(rng(k).normal(size=(n, 6)))) for k, n in ((0, 9), (1, 200)))
    calls: list[None] = []
    ours = nearest(samples, atoms, 50, lambda: calls.append(None))
    distance = torch.cdist(atoms, samples)
    assert len(calls) == 6
    for mine, theirs in zip(ours, distance.argsort(1)[:, :50], strict=True):
        assert set(mine.tolist()) == set(theirs.tolist())
    assert nearest(samples[:20], atoms, 50, lambda: None).shape == (9, 20)


def test_ridge_regression() -> None:
    low, high = rng(0).normal(size=(100, 5)), rng(1).normal(size=(100, 7))
    groups = np.stack([rng(k).permutation(100)[:40] for k in range(70)])
    ours = ridge_regression(torch.from_numpy(low), torch.from_numpy(high), torch.from_numpy(groups), 0.1)
    for group, found in zip(groups, ours, strict=True):
        left, right = low[group].T, high[group].T
        expected = right @ left.T @ np.linalg.inv(left @ left.T + 0.1 * np.eye(5))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_regressors_are_kept_in_8_bits() -> None:
    maps = as_tensor(rng(0).normal(size=(6, 9, 5)) * np.logspace(0, -6, 5))
    maps[3, :, 2] = 0.0
    levels, steps = in_steps(maps)
    assert levels.dtype == torch.int8
    assert int(levels.abs().max()) == LEVELS
    assert ((levels * steps - maps).abs() <= 0.5001 * steps).all()


# the whole ------------------------------------------------------------------------------------------------------------


def smooth(seed: int, scale: int) -> tuple[torch.Tensor, torch.Tensor]:
    """An image whose missing pixels are a linear function of its gradients."""
    height, width = 20 * scale, 22 * scale
    y, x = np.mgrid[:height, :width] / scale
    phase = rng(seed).uniform(0, 6, 4)
    image = 0.5 + 0.2 * np.sin(x + phase[0]) * np.cos(0.7 * y + phase[1]) + 0.1 * np.sin(1.3 * (x + y) + phase[2])
    lacks = 0.1 * paper_gradients(image, scale)[2]
    return as_tensor(image[None]), as_tensor((image + lacks)[None])


SMALL = Recipe(fit=(("atoms", 24), ("dictionary", 600), ("iterations", 4), ("samples", 2000), ("neighbours", 150)))


@pytest.mark.parametrize("scale", SCALES)
def test_a_fit_learns_what_is_missing(scale: int) -> None:
    """And it gives the same bits again, and survives its weights."""
    method = Aplus()
    examples = [smooth(seed, scale) for seed in range(6)]
    nets = []
    for _ in range(2):
        net = network(scale)
        told: list[tuple[int, int]] = []
        method.fit(net, examples, SMALL, scale, torch.Generator().manual_seed(0), lambda *n, told=told: told.append(n))
        assert told == [(k + 1, len(told)) for k in range(len(told))]
        nets.append(net)
    first, second = (net.state_dict() for net in nets)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert len(first["atoms"]) == 24
    x, target = smooth(99, scale)
    method.model = nets[0]
    sr = method.upscale(x[None], scale)[0]
    border = (slice(None), slice(3 * scale, -3 * scale), slice(3 * scale, -3 * scale))
    error, before = (float((image - target)[border].square().mean()) for image in (sr, x))
    assert error < 0.05 * before
    assert net.regressors.shape == (24, len(net.basis), len(net.projection))


def test_weights_bring_their_own_sizes(tmp_path: Any) -> None:
    path = tmp_path / "weights.safetensors"
    large = network(2, atoms=30, features=11, patterns=7)
    save_weights(path, large.state_dict(), {})
    small = network(2)
    load_weights(path, small)
    x = torch.rand(1, 1, 12, 10, generator=torch.Generator().manual_seed(0))
    assert torch.equal(small(x), large(x))
    with pytest.raises(Exception, match="do not fit the network"):
        load_weights(path, network(3))


def test_too_little_to_fit_to() -> None:
    method, report = Aplus(), lambda done, total: None
    flat = [(torch.full((1, 40, 40), 0.5), torch.full((1, 40, 40), 0.5))]
    with pytest.raises(ValueError, match="fewer than the 1024 atoms"):
        method.fit(network(2), flat, Recipe(), 2, torch.Generator(), report)
    with pytest.raises(ValueError, match="only 0 patches are not flat"):
        method.fit(network(2), flat, SMALL, 2, torch.Generator(), report)


def test_settings() -> None:
    assert Recipe().settings(AplusSettings) == AplusSettings()
    assert Recipe(fit=(("ridge", 1), ("atoms", 5))).settings(AplusSettings) == AplusSettings(ridge=1, atoms=5)
    with pytest.raises(UsageError, match="Did you mean atoms"):
        Recipe(fit=(("atom", 5),)).settings(AplusSettings)
    with pytest.raises(UsageError, match="'atoms' of a fit is int, not '5'"):
        Recipe(fit=(("atoms", "5"),)).settings(AplusSettings)
