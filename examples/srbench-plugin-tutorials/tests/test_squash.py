"""Squashed pairs: as torchvision squashes, and known by the photographs that they show."""

import numpy as np
import pytest
from PIL import Image
from srbench.data.catalog import resolve
from srbench.data.images import read_samples
from srbench.errors import DataError
from srbench.imaging.files import write_png
from srbench.recipe import Recipe
from srbench.training.guard import has_seen, refuse_test_images
from torchvision.transforms import Resize

from srbench_plugin_tutorials.squash import squash, squash_pairs


def image(height, width, *planes):
    return np.random.default_rng(height * width).integers(0, 256, (height, width, *planes), dtype=np.uint8)


@pytest.mark.parametrize("planes", [(), (3,)])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (20, 13), (31, 60), (47, 9)])
@pytest.mark.parametrize("size", [(4, 40), (40, 4), (24, 24), (33, 7)])
def test_to_the_bit_as_torchvision_does(height, width, planes, size):
    pixels = image(height, width, *planes)
    squashed = squash(pixels, size)
    np.testing.assert_array_equal(squashed, np.asarray(Resize(size)(Image.fromarray(pixels))))
    assert squashed.shape == (*size, *planes)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        write_png(tmp_path / "p" / "hr" / f"{number}.png", image(20, 26 + 2 * number, 3))
        write_png(tmp_path / "p" / "lr" / f"{number}.png", image(10, 13 + number, 3))
    return tmp_path


def test_pairs_of_one_size_at_x1(folder):
    squash_pairs(["hr=p/hr,lr=p/lr"], folder / "small.toml", (16, 12))
    dataset = resolve("small.toml:test")
    assert (dataset.kind, dataset.name, dataset.role) == ("pairs", "small", "test")
    samples = list(read_samples(dataset))
    assert [(sample.name, sample.scale) for sample in samples] == [("0", 1), ("1", 1)]
    for number, sample in enumerate(samples):
        np.testing.assert_array_equal(sample.hr, squash(image(20, 26 + 2 * number, 3), (16, 12)))
        np.testing.assert_array_equal(sample.lr, squash(image(10, 13 + number, 3), (16, 12)))


def test_test_images_are_still_refused(folder):
    """The pixels are others, the photographs are not: the guard knows them by the images that they were cut from."""
    (folder / "crops.toml").write_text(
        'title = "t"\nkind = "pairs"\nrole = "splits"\ndefault_split = "train"\nlicence = "l"\nbase_url = "p"\n'
        'crop_of = "set5"\n[splits.train]\nscale = 2\nimages = [\n'
        '  { name = "0", path = "hr/0.png", source = "baby", lr = { path = "lr/0.png" } },\n]\n'
    )
    squash_pairs(["crops.toml:train"], folder / "small.toml")
    with pytest.raises(DataError, match="holds 1 images of test sets, set5:test"):
        refuse_test_images(resolve("small.toml:train"))
    recipe = Recipe(train=("small.toml:train",), on_test_images=True)
    assert has_seen(recipe, resolve("set5"))
    assert not has_seen(recipe, resolve("embedded"))


@pytest.mark.parametrize(
    ("specs", "name", "side", "message"),
    [
        (["p/hr"], "small.toml", 16, "has no LR"),
        (["hr=p/hr,lr=p/lr", "hr=p/hr,lr=p/lr"], "small.toml", 16, "are the same split"),
        (["hr=p/hr,lr=p/lr"], "small", 16, "name a file NAME.toml"),
        (["hr=p/hr,lr=p/lr"], "small.toml", 0, "a size from 1 on"),
    ],
)
def test_what_cannot_be_squashed_is_said(folder, specs, name, side, message):
    with pytest.raises(DataError, match=message):
        squash_pairs(specs, folder / name, (side, side))
    assert not (folder / name).exists()
