"""Data sets of Hugging Face, by the library itself: from folders, and from a server that answers as the hub does."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import photograph, save

from srbench.data.catalog import protected_pixels, resolve
from srbench.data.fetch.integrity import faults
from srbench.data.images import pixel_hashes, read_samples
from srbench.errors import DataError, UsageError
from srbench.training.guard import refuse_test_images

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "--methods", "bicubic", "--scales", "2", "--no-report", "--no-speed", "--metrics", "psnr")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Hugging Face's ``datasets``, with a cache of its own."""
    spec = find_spec("datasets")
    if spec is None or spec.origin is None:  # a folder of that name is a package without an origin
        pytest.skip("Hugging Face's data sets are tested where pip install '.[hf]' has brought datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        import datasets

        datasets.disable_progress_bars()
        yield datasets


@pytest.fixture
def table(library: Any, tmp_path: Path) -> Any:
    """Three pairs at x2."""
    hr = [save(tmp_path / "made" / f"b{n}.png", photograph(40, 48, n)) for n in range(3)]
    lr = [save(tmp_path / "made" / f"b{n}x2.png", photograph(40, 48, n)[::2, ::2].copy()) for n in range(3)]
    columns = {"hr": list(map(str, hr)), "lr": list(map(str, lr)), "label": [0, 1, 0]}
    made = library.Dataset.from_dict(columns)
    return made.cast_column("hr", library.Image()).cast_column("lr", library.Image())


@pytest.fixture
def parquet(table: Any, tmp_path: Path) -> Path:
    (tmp_path / "set").mkdir()
    table.to_parquet(tmp_path / "set" / "test-00000-of-00001.parquet")
    table.select([0]).to_parquet(tmp_path / "set" / "train-00000-of-00001.parquet")
    return tmp_path / "set"


def test_pairs_of_a_folder(parquet: Path, tmp_path: Path) -> None:
    dataset = resolve("hf:./set", cwd=tmp_path)
    assert (dataset.name, dataset.kind, dataset.scale, dataset.role) == ("set-test", "pairs", 2, "test")
    samples = list(read_samples(dataset))
    assert [sample.name for sample in samples] == ["b0", "b1", "b2"]
    for number, sample in enumerate(samples):
        np.testing.assert_array_equal(sample.hr, photograph(40, 48, number))
        np.testing.assert_array_equal(sample.lr, photograph(40, 48, number)[::2, ::2])
    assert not faults(dataset)
    one = resolve("hf:./set:test?column=lr", cwd=tmp_path)
    assert (one.kind, next(read_samples(one)).hr.shape) == ("hr", (20, 24, 3))
    assert [item.name for item in resolve("hf:./set:test[1:]", cwd=tmp_path).items] == ["b1", "b2"]


def test_it_is_written_once_and_anew_when_the_folder_changes(parquet: Path, table: Any, tmp_path: Path) -> None:
    first = resolve("hf:./set", cwd=tmp_path)
    written = first.items[0].hr.path.stat().st_mtime_ns
    again = resolve("hf:./set", cwd=tmp_path)
    assert (again.content_hash, again.items[0].hr.path.stat().st_mtime_ns) == (first.content_hash, written)
    table.select([0, 2]).to_parquet(parquet / "test-00000-of-00001.parquet")
    assert len(resolve("hf:./set", cwd=tmp_path).items) == 2
    assert not list(first.folder.parent.glob(".*"))  # nothing is left half-written


def test_what_was_saved_to_disk_and_folders_of_images(library: Any, table: Any, tmp_path: Path) -> None:
    library.DatasetDict({"train": table.select([0]), "validation": table.select([1])}).save_to_disk(tmp_path / "both")
    table.save_to_disk(tmp_path / "one")
    assert resolve("hf:./one", cwd=tmp_path).name == "one-test"
    assert [item.name for item in resolve("hf:./both:validation", cwd=tmp_path).items] == ["b1"]
    assert resolve("hf:./both:train", cwd=tmp_path).role == "train"
    with pytest.raises(UsageError, match=r"has the splits train, validation: name one, as in hf:…:train"):
        resolve("hf:./both", cwd=tmp_path)
    for path in ("train/cat/a.png", "train/dog/a.png", "test/cat/c.png"):
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "made" / "b0.png", tmp_path / "tree" / path)
    tree = resolve("hf:./tree:train", cwd=tmp_path)
    assert (tree.kind, [item.name for item in tree.items]) == ("hr", ["000000", "000001"])  # two are called a


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hf:./set:val", "has no split 'val'; it has "),
        ("hf:./set?hr=x", "has no column 'x' of images; it has hr, lr"),
        ("hf:./set?hr=label", "has no column 'label' of images"),
        ("hf:./set?config=x", r"cannot be loaded \(ValueError"),
    ],
)
def test_what_it_does_not_have(parquet: Path, spec: str, message: str, tmp_path: Path) -> None:
    with pytest.raises((UsageError, DataError), match=message):
        resolve(spec, cwd=tmp_path)


def test_columns_that_could_be_either(table: Any, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    table.rename_columns({"hr": "one", "lr": "two"}).to_parquet(tmp_path / "odd" / "test.parquet")
    with pytest.raises(UsageError, match=r"has the columns one, two: add \?column=HR, or \?hr=HR&lr=LR for pairs"):
        resolve("hf:./odd", cwd=tmp_path)
    assert resolve("hf:./odd?hr=one&lr=two", cwd=tmp_path).scale == 2
    with pytest.raises(DataError, match=r"is not .* downsampled by a whole factor"):
        resolve("hf:./odd?hr=two&lr=one", cwd=tmp_path)
    (tmp_path / "none").mkdir()
    table.select_columns(["label"]).to_parquet(tmp_path / "none" / "test.parquet")
    with pytest.raises(DataError, match=r"has no column of images \(label\)"):
        resolve("hf:./none", cwd=tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "test.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=r"'hf:./broken' cannot be loaded"):
        resolve("hf:./broken", cwd=tmp_path)


def test_a_row_without_an_image(library: Any, table: Any, tmp_path: Path) -> None:
    rows = library.Dataset.from_dict({"image": [str(tmp_path / "made" / "b0.png"), None]})
    (tmp_path / "gap").mkdir()
    rows.cast_column("image", library.Image()).to_parquet(tmp_path / "gap" / "test.parquet")
    with pytest.raises(DataError, match=r"hf:./gap: row 1, column image has no image"):
        resolve("hf:./gap", cwd=tmp_path)


def test_its_test_images_are_protected(parquet: Path, tmp_path: Path) -> None:
    dataset = resolve("hf:./set", cwd=tmp_path)
    with pytest.raises(DataError, match="is a test set"):
        refuse_test_images(dataset)
    assert pixel_hashes(dataset) <= protected_pixels().keys()
    with pytest.raises(DataError, match="holds 1 images of test sets, set-test:test for one"):
        refuse_test_images(resolve("hf:./set:train", cwd=tmp_path))  # its one image is a test image as well


@pytest.mark.long
def test_runs_resume_and_workers(cli: Cli, parquet: Path, tmp_path: Path) -> None:
    """From a folder that has one called datasets, as the repository has: the library is found all the same."""
    (tmp_path / "datasets").mkdir()
    words = (*RUN, "--protocol", "paired", "--datasets", "hf:./set")
    first = cli(*words, "--jobs", "1", "--json")
    assert first.returncode == 0, first.stderr
    (result,) = json.loads(first.stdout)["results"]
    assert (result["dataset"], result["n"]) == ("set-test", 3)
    assert "1 known before" in cli(*words).stderr
    folder = resolve("hf:./set", cwd=tmp_path).folder
    save(folder / "hr" / "000001.png", photograph(40, 48, 8))
    changed = cli("data", "verify", "hf:./set")
    assert changed.returncode == 4
    assert "run `srbench data remove 'hf:./set'` and `srbench data fetch 'hf:./set'`" in changed.stderr
    assert cli("data", "remove", "hf:./set").stdout == f"hf:./set: removed {folder}\n"
    assert cli("data", "fetch", "hf:./set").returncode == 0
    assert "3 files are whole" in cli("data", "verify", "hf:./set?column=hr").stdout


class Hub(BaseHTTPRequestHandler):
    """What the library asks of the hub for a data set of one file."""

    commit = "c0ffee" + "0" * 34
    file = "test-00000-of-00001.parquet"
    content = b""
    asked: list[str]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append(path)
        api, oid = "/api/datasets/org/name", hashlib.sha1(self.content).hexdigest()
        if path in (api, f"{api}/revision/main", f"{api}/revision/{self.commit}"):
            about = {"id": "org/name", "_id": "1", "sha": self.commit, "private": False, "gated": False, "tags": []}
            self.answer(
                json.dumps(about | {"downloads": 0, "likes": 0, "siblings": [{"rfilename": self.file}]}).encode()
            )
        elif path == f"{api}/tree/{self.commit}":
            tree = [{"type": "file", "path": self.file, "size": len(self.content), "oid": oid}]
            self.answer(json.dumps(tree).encode())
        elif path == f"/datasets/org/name/resolve/{self.commit}/{self.file}":
            self.answer(self.content)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if "org/name" in path else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_HEAD = do_GET

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json" if body[:1] in b"{[" else "application/octet-stream")
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(parquet: Path) -> Iterator[tuple[str, list[str]]]:
    """A hub's address, and what has been asked of it."""
    asked: list[str] = []
    kind = type("OwnHub", (Hub,), {"content": (parquet / Hub.file).read_bytes(), "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def test_the_hub_is_asked_once_and_the_commit_is_noted(cli: Cli, hub: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = hub
    where = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    words = (*RUN, "--protocol", "paired", "--datasets", "hf:org/name")
    first = cli(*words, "--json", **where)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["results"][0]["n"] == 3
    (manifest,) = Path(os.environ["SRBENCH_DATA"]).glob("hf/name-*/name-test.toml")
    assert f'notes = "columns hr, lr at revision {Hub.commit}"' in manifest.read_text()
    asked.clear()
    assert "1 known before" in cli(*words, **where).stderr
    assert cli("data", "verify", "hf:org/name", **where).returncode == 0
    assert asked == []


def test_what_the_hub_does_not_have_and_a_hub_that_is_not_there(
    cli: Cli, hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    where = {"HF_ENDPOINT": hub[0], "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    gone = cli("data", "fetch", "hf:org/nothing", **where)
    assert (gone.returncode, gone.stderr.count("\n")) == (4, 2), gone.stderr
    assert "'hf:org/nothing' is not on Hugging Face, or not open to you: check the name, or log in" in gone.stderr
    for change in ({"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}):
        silent = cli("data", "fetch", "hf:org/name", **(where | change))
        assert (silent.returncode, silent.stderr.count("\n")) == (4, 2), silent.stderr
        assert "'hf:org/name' cannot be had, since Hugging Face does not answer: check the network" in silent.stderr
