"""Data sets of one's own by name: ``srbench data add`` and ``remove``, and what follows from them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import photograph, save
from typer.testing import CliRunner

from srbench.cli.data import app
from srbench.data.adding import add
from srbench.data.catalog import protected_pixels, resolve
from srbench.data.fetch.fetch import fetch
from srbench.data.own.describe import About
from srbench.errors import DataError, SrbenchError
from srbench.imaging.files import pixels_sha256, read_image
from srbench.recipe import Recipe
from srbench.training.guard import refuse_test_images

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "--methods", "bicubic", "--scales", "2", "--no-report", "--no-speed", "--metrics", "psnr")


def refused(result: Told, code: int, *words: str) -> None:
    assert result.returncode == code, (result.stdout, result.stderr)
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


@dataclass(frozen=True)
class Answer:
    returncode: int
    stdout: str
    stderr: str


Told = Answer | subprocess.CompletedProcess[str]


def data(*words: str) -> Answer:
    """``srbench data`` in this process, its errors as the program ends with them."""
    result = CliRunner().invoke(app, words)
    error = result.exception
    if isinstance(error, SrbenchError):
        return Answer(error.exit_code, result.stdout, f"{result.stderr}srbench: {error}\n")
    assert error is None or isinstance(error, SystemExit), result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own() -> Path:
    return Path(os.environ["SRBENCH_DATASETS"])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Images by split, two classes in one of them."""
    for number, path in enumerate(
        ("train/cat/1.png", "train/dog/1.png", "val/1.png", "test/te_1.png", "test/te_2.png")
    ):
        save(tmp_path / "tree" / path, photograph(40, 44, number))
    return tmp_path / "tree"


def test_a_folder_gets_a_name(cli: Cli, photos: Path, own: Path) -> None:
    told = data("add", "holiday", "photos", "--title", 'Ours "é"', "--citation", "@x{\n y}", "--licence", "CC0")
    assert (told.returncode, told.stdout) == (0, f"holiday: hr, test 2; described in {own / 'holiday.toml'}\n")
    manifest = tomllib.loads((own / "holiday.toml").read_text("utf-8"))
    assert (manifest["title"], manifest["citation"], manifest["licence"]) == ('Ours "é"', "@x{\n y}", "CC0")
    (first, _) = manifest["splits"]["test"]["images"]
    assert first["pixels_sha256"] == pixels_sha256(photograph(48, 60, 1))
    assert (first["width"], first["height"], first["bytes"]) == (60, 48, (photos / "first.png").stat().st_size)

    by_name = json.loads(cli(*RUN, "--datasets", "holiday", "--json").stdout)["results"][0]
    by_path = json.loads(cli(*RUN, "--datasets", "./photos", "--json").stdout)["results"][0]
    assert by_name["dataset"] == "holiday"
    assert by_name["per_image"] == by_path["per_image"]
    assert data("path", "holiday").stdout.strip() == str(photos)
    assert data("verify").stdout.count("holiday:test: 2 of 2 files are whole") == 1
    (listed,) = [r for r in json.loads(data("list", "--json").stdout)["datasets"] if r["own"]]
    assert (listed["name"], listed["present"], listed["splits"]) == ("holiday", "yes", {"test": 2})
    assert "holiday (yours)" in data("list").stdout


def test_a_changed_file_is_found(cli: Cli, photos: Path) -> None:
    assert data("add", "holiday", "photos").returncode == 0
    save(photos / "first.png", photograph(48, 60, 9))
    remedy = "put it back, or take the change over with `srbench data add holiday … --replace`"
    refused(data("verify", "holiday"), 4, "holiday:test/first.png (wrong hash)", remedy)
    refused(cli(*RUN, "--datasets", "holiday"), 4, "first.png does not have the pixels", remedy)
    refused(data("add", "holiday", "photos"), 2, "is there already: add --replace")
    assert data("add", "holiday", "photos", "--replace").returncode == 0
    assert cli(*RUN, "--datasets", "holiday").returncode == 0
    (photos / "second.png").unlink()
    refused(data("verify", "holiday"), 4, "second.png (missing)", "put it back")
    known = cli(*RUN, "--datasets", "holiday")
    assert (known.returncode, "1 known before" in known.stderr) == (0, True)  # the figure of what is pinned stays
    refused(cli(*RUN, "--datasets", "holiday", "--force"), 4, "second.png is missing", "put it back")


def test_remove_forgets_the_name_and_no_image(cli: Cli, photos: Path, own: Path) -> None:
    data("add", "holiday", "photos")
    assert data("remove", "holiday").stdout == f"holiday: removed {own / 'holiday.toml'}\n"
    assert sorted(path.name for path in photos.iterdir()) == ["first.png", "second.png"]
    refused(cli(*RUN, "--datasets", "holiday"), 2, "There is no data set or folder 'holiday'")
    refused(data("remove", "holiday"), 2, "There is no data set of your own 'holiday'. Known: none.")
    refused(data("remove", "set5"), 2, "There is no data set of your own 'set5'")


def test_copies_stay_when_the_folder_goes(cli: Cli, photos: Path, own: Path) -> None:
    assert data("add", "holiday", "photos", "--copy").returncode == 0
    shutil.rmtree(photos)
    assert cli(*RUN, "--datasets", "holiday").returncode == 0
    assert sorted(path.name for path in (own / "holiday").iterdir()) == ["first.png", "second.png"]
    removed = data("remove", "holiday").stdout
    assert f"the copies of its images stay in {own / 'holiday'}" in removed


def test_copies_are_replaced_whole(photos: Path, own: Path) -> None:
    data("add", "holiday", "photos", "--copy")
    (photos / "second.png").rename(photos / "third.png")
    assert data("add", "holiday", "photos", "--copy", "--replace").returncode == 0
    assert sorted(path.name for path in (own / "holiday").iterdir()) == ["first.png", "third.png"]
    assert sorted(path.name for path in own.iterdir()) == ["holiday", "holiday.toml"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_copies_stay_when_replacing_them_is_cut_off(
    photos: Path, own: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    data("add", "holiday", "photos", "--copy")
    (photos / "second.png").rename(photos / "third.png")
    rename = Path.rename

    def cut_off(path: Path, target: Path) -> Path:
        if target == own / "holiday" and (path / "third.png").exists():
            raise error
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", cut_off)
    with pytest.raises((KeyboardInterrupt, DataError)):
        add("holiday", "photos", About(title="Ours"), copy=True, replaced=True)
    assert sorted(path.name for path in own.iterdir()) == ["holiday", "holiday.toml"]
    assert sorted(path.name for path in (own / "holiday").iterdir()) == ["first.png", "second.png"]
    assert data("verify", "holiday").returncode == 0


def test_splits_by_globs(cli: Cli, tree: Path) -> None:
    told = cli(
        "data", "add", "tree", "tree", "--split", "train=train/*/*", "--split", "val=val/*", "--split", "test=*/te*"
    )
    assert told.stdout.startswith("tree: hr, train 2, val 1, test 2;"), told.stderr
    assert [item.name for item in resolve("tree:train").items] == ["cat-1", "dog-1"]
    assert [resolve(f"tree:{split}").role for split in ("train", "val", "test")] == ["train", "validation", "test"]
    assert (resolve("tree").split, resolve("tree:train").name) == ("test", "tree-train")
    refuse_test_images(resolve("tree:train"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 4, "give one of its folders (test, train, val), or say what they are by --split"),
        (("--split", "train"), 2, "--split is a name and a glob"),
        (("--split", "=*"), 2, "--split is a name and a glob"),
        (("--split", "train=nothing/*"), 4, "is called 'nothing/*', as split train asks"),
        (("--split", "train=/*"), 2, "is no glob below a folder"),
        (("--split", "test=test/*", "--split", "test=val/*"), 2, "--split test is given twice"),
        (("--split", "test=test/*", "--split", "train=*/*"), 4, "is the same image as test/te_"),
        (
            ("--copy", "--url-base", "https://example.org/", "--split", "test=test/*"),
            2,
            "--copy goes without --url-base",
        ),
        (("--url-base", "example.org", "--split", "test=test/*"), 2, "--url-base is the http(s):// address"),
    ],
)
def test_splits_that_will_not_do(tree: Path, own: Path, words: tuple[str, ...], code: int, message: str) -> None:
    refused(data("add", "tree", "tree", *words), code, message)
    assert not own.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("set5", "taken by the data set set5"),
        ("SET5", "taken by the data set set5"),
        ("embedded-train", "taken by the data set embedded"),
        ("psnr", "taken by the metric psnr"),
        ("vgg16", "taken by the network vgg16"),
        ("a/b", "cannot be a data set's name"),
        ("a:b", "cannot be a data set's name"),
        ("a.toml", "cannot be a data set's name"),
        ("hr", "cannot be a data set's name"),
    ],
)
def test_names_that_mean_something_else(photos: Path, name: str, message: str) -> None:
    refused(data("add", name, "photos"), 2, message)
    refused(data("add", name, "photos", "--replace"), 2, message)


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("set5", 2, "'set5' is described already"),
        ("nowhere", 2, "There is no data set or folder 'nowhere'"),
        ("./nowhere", 4, "There is no folder 'nowhere'"),
        ("photos/first.png", 4, "is a file and not a folder: give the folder that holds it"),
        ("hr=photos", 2, "write hr=DIR,lr=DIR"),
    ],
)
def test_sources_that_will_not_do(photos: Path, source: str, code: int, message: str) -> None:
    refused(data("add", "mine", source), code, message)


def test_an_image_that_cannot_be_read_is_named(photos: Path, own: Path) -> None:
    (photos / "notes.png").write_text("not a picture")
    refused(data("add", "mine", "photos"), 4, "notes.png is not an image")
    assert not own.exists()


def test_pairs_get_a_name(cli: Cli, photos: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        save(tmp_path / "lr" / f"{name}x2.png", read_image(photos / f"{name}.png")[: 48 // 2 * 2 : 2, :40:2].copy())
        save(tmp_path / "hr" / f"{name}.png", read_image(photos / f"{name}.png")[:48, :40].copy())
    told = data("add", "twins", "hr=hr,lr=lr")
    assert told.stdout.startswith("twins: pairs, test 2;"), told.stderr
    assert (resolve("twins").scale, resolve("twins").kind) == (2, "pairs")
    assert cli(*RUN, "--datasets", "twins", "--protocol", "paired").returncode == 0
    save(tmp_path / "lr" / "secondx2.png", photograph(16, 10))
    save(tmp_path / "hr" / "second.png", photograph(48, 30))
    mixed = "first is a pair for x2 and second is one for x3: make a data set of each factor"
    refused(data("add", "twins", "hr=hr,lr=lr", "--replace"), 4, mixed)
    refused(cli(*RUN, "--datasets", "hr=hr,lr=lr", "--protocol", "paired"), 4, mixed)
    named = data("add", "three", "hr=hr,lr=lr", "--split", "test=sec*")
    assert named.stdout.startswith("three: pairs, test 1;"), named.stderr
    assert resolve("three").scale == 3


def test_a_manifest_for_others(
    cli: Cli, photos: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --url-base the author needs no download, and others get the files from a mirror or that address."""
    told = data("add", "shared", "photos", "--url-base", "http://127.0.0.1:9/photos")
    assert told.returncode == 0, told.stderr
    assert cli(*RUN, "--datasets", "shared").returncode == 0
    text = (own / "shared.toml").read_text()
    assert 'base_url = "http://127.0.0.1:9/photos/"' in text
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(own / "shared.toml", tmp_path / "elsewhere")
    monkeypatch.setenv("SRBENCH_DATA", str(tmp_path / "elsewhere" / "data"))
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror"))
    shutil.copytree(photos, tmp_path / "mirror" / "shared")
    theirs = resolve(str(tmp_path / "elsewhere" / "shared.toml"))
    assert fetch(theirs, progress=False) == 2
    assert theirs.content_hash == resolve("shared").content_hash


def test_test_images_of_ones_own_are_never_trained_on(photos: Path, tmp_path: Path) -> None:
    data("add", "holiday", "photos")
    with pytest.raises(DataError, match="'holiday' is a test set"):
        refuse_test_images(resolve("holiday"))
    save(tmp_path / "train" / "other.png", photograph(48, 60, 7))
    shutil.copy(photos / "first.png", tmp_path / "train" / "renamed.png")
    with pytest.raises(DataError, match="holds 1 images of test sets, holiday:test for one"):
        refuse_test_images(resolve(str(tmp_path / "train")))
    told = data("add", "mine", "train", "--split", "train=*")
    assert "note: 1 test images of holiday:test are in mine:train, which cannot be trained on" in told.stderr
    data("remove", "holiday")
    refuse_test_images(resolve("mine:train"))


def test_a_broken_manifest_harms_itself_alone(cli: Cli, photos: Path, own: Path) -> None:
    """But nothing is trained while nobody can tell what it protects."""
    data("add", "holiday", "photos")
    (own / "holiday.toml").write_text("title = ")
    assert cli(*RUN, "--datasets", "./photos").returncode == 0
    listed = data("list")
    assert listed.returncode == 0
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("holiday (yours)")]
    assert "holiday.toml is not valid TOML" in line  # in one piece, below the table
    refused(cli(*RUN, "--datasets", "holiday"), 4, "holiday.toml is not valid TOML")
    with pytest.raises(DataError, match=r"holiday\.toml is not valid TOML"):
        protected_pixels()
    assert data("remove", "holiday").returncode == 0
    protected_pixels()


def test_training_by_name_and_the_note_of_what_it_is_scored_on(cli: Cli, tree: Path, tmp_path: Path) -> None:
    data("add", "tree", "tree", "--split", "train=train/*/*", "--split", "val=val/*", "--split", "test=test/*")
    recipe = 'train = ["tree:train"]\nvalidation = ["tree:val"]\npatch = 24\nstride = 24\nbatch = 2\nsteps = 2\n'
    (tmp_path / "mine.toml").write_text(recipe + "validate_every = 2\n")
    words = ("run", "--methods", "srcnn-y:mine.toml", "--scales", "2", "--no-report", "--no-speed", "--metrics", "psnr")
    result = cli(*words, "--datasets", "tree,tree:train")
    assert result.returncode == 0, result.stderr
    assert "trained on these very images, so worthless as test figures: srcnn-y:mine on tree:train\n" in result.stderr
    (tmp_path / "mine.toml").write_text(recipe.replace("tree:val", "tree"))
    refused(cli(*words, "--datasets", "tree:val"), 4, "'tree' is a test set")


def test_a_folder_that_grows_between_plan_and_training(photos: Path) -> None:
    """Its weights would be filed under images that they were not trained on."""
    from srbench.plugins.registry import Registry
    from srbench.training.job import plan_training

    recipe = Recipe(train=(str(photos),), validation=("embedded:validation",))
    training = plan_training(Registry().card("srcnn-y"), recipe, 2, 0)
    training.check_data()
    save(photos / "third.png", photograph(48, 60, 3))
    with pytest.raises(DataError, match="has changed since this training was planned: run the same command again"):
        training.check_data()


def test_a_folder_with_a_comma_in_its_name(cli: Cli, photos: Path, tmp_path: Path) -> None:
    photos.rename(tmp_path / "Oslo, May")
    save(tmp_path / "one" / "a.png", photograph(48, 60, 4))
    assert "Oslo--May (2 images)" in cli(*RUN, "--datasets", "./Oslo, May").stdout
    told = cli(*RUN, "--datasets", r"./Oslo\, May,./one")
    assert told.returncode == 0, told.stderr
    (record,) = [json.loads(path.read_text()) for path in tmp_path.glob("results/runs/*one*/run.json")]
    assert r"--datasets './Oslo\, May,./one'" in record["command"]


def test_many_names_are_no_name_that_is_too_long(cli: Cli) -> None:
    told = cli(*RUN, "--datasets", ",".join(["embedded", "set14"] * 40), "--dry-run")
    assert (told.returncode, "2 cells" in told.stderr + told.stdout) == (0, True), told.stderr


def test_a_run_says_what_of_a_folder_it_leaves_out(cli: Cli, photos: Path) -> None:
    save(photos / "more" / "third.png", photograph(48, 60, 4))
    told = cli(*RUN, "--datasets", "./photos", "--dry-run")
    assert (told.returncode, "note: left out of photos: folders: more" in told.stderr) == (0, True), told.stderr
