"""Runs: :func:`run` for Python, and the two steps that it and the command line consist of."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from srbench.api.arguments import OneOrMore, factors, files, numbers, several, whole_number
from srbench.api.progress import Silent, StatusLine, is_watched
from srbench.api.results import Run
from srbench.api.wrapping import MethodLike, as_methods, one_or_more
from srbench.bench.interfaces import Watcher
from srbench.bench.options import EngineName, Options, Request, Train
from srbench.bench.run import execute, prepare
from srbench.method import Method
from srbench.recipe import MOST_SEED
from srbench.system.places import RUNS


def run(
    methods: OneOrMore[MethodLike] = "*",
    datasets: OneOrMore[str | Path] = "embedded",
    *,
    scales: OneOrMore[float] = (2, 3, 4),
    protocol: str | Path = "vdsr",
    metrics: OneOrMore[str] = ("psnr", "ssim", "mse", "haarpsi"),
    seeds: OneOrMore[int] = 0,
    limit: int = 0,
    train: Train = "missing",
    device: str = "auto",
    threads: int = 0,
    jobs: int | None = None,
    cell_timeout: float = 0.0,
    cell_memory: float = 0.0,
    engine: EngineName = "local",
    address: str = "",
    gpu_share: float = 1.0,
    ship: OneOrMore[str | Path] = (),
    ship_env: OneOrMore[str] = (),
    keep_images: int = 20,
    out: str | Path = RUNS,
    force: bool = False,
    speed: bool = False,
    plugins: OneOrMore[str | Path] = (),
    progress: bool | Watcher | None = None,
) -> Run:
    """Run methods over data sets: ``srbench run``, whose options the arguments are.

    What is finished is never computed again, in this run's folder or another's: the same call goes on where an
    interruption left it. A method that fails has no figures, and the others do: see :attr:`Run.failed`.

    Examples:
        >>> run = srbench.run(["nearest", "bicubic"], scales=2, metrics="psnr")
        >>> run.table().round(2)["embedded", 2].to_dict()
        {'nearest': 29.42, 'bicubic': 30.91}

    Args:
        methods: names, ``name:recipe``, globs, or classes of your own: subclasses of :class:`srbench.method.Method`
            from a notebook or a script. Or networks, ``torch.nn.Module`` and any function of (N, C, h, w) tensors:
            :func:`srbench.wrap` says what is assumed of them, and takes what is not.
        datasets: names, ``name:split``, folders of images, ``hr=DIR,lr=DIR``, or ``NAME=DIR``.
        scales: factors by which HR is larger than LR, as 2 or 1.5.
        protocol: a name, or a TOML file.
        metrics: names of metrics.
        seeds: of trainings.
        limit: only the first so many images of each data set; 0 is all.
        train: weights that are ``"missing"``, ``"always"``, or ``"never"``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` (all GPUs), ``"cuda:1"``, …
        threads: CPU threads of torch; 0 is one for figures, all for timings.
        jobs: worker processes, each a cell or a part of one at a time; by default as many as there are cores or GPUs,
            and none where there is little to do: srbench's own code then runs in this process, and each plugin's and
            model's in one of its own. 0 runs all in this one, for debuggers.
        cell_timeout: seconds after which a cell is given up, in a worker; 0 never.
        cell_memory: GiB beyond which a cell's worker is killed; 0 never.
        engine: ``"local"`` or ``"ray"``.
        address: of the Ray cluster.
        gpu_share: the part of a GPU that a cell takes on a Ray cluster.
        ship: files and folders beside plugins that its nodes need.
        ship_env: variables of the environment that they need.
        keep_images: SR images kept for each cell.
        out: the folder that holds runs.
        force: compute again what is finished.
        speed: time each method as well, which the command line does unless told otherwise.
        plugins: Python files with methods or metrics; they are executed.
        progress: a line on stderr that tells how far it is; by default where somebody is watching. Or a watcher of
            your own.

    Returns:
        The run, cells that failed included.

    Raises:
        UsageError: an unknown name or value, or nothing to run.
        DataError: a folder is missing or holds no image.
        SrbenchError: results cannot be written, or the device is not here.
    """
    wanted = as_methods(one_or_more(methods))
    classes = tuple(dict.fromkeys(method for method in wanted if isinstance(method, type)))
    request = Request(
        methods=tuple(name_of(method) for method in wanted),
        datasets=tuple(str(spec) for spec in several("datasets", datasets, str, Path)),
        scales=factors("scales", scales),
        protocol=str(protocol),
        metrics=several("metrics", metrics, str),
        seeds=numbers("seeds", seeds, 0, MOST_SEED),
        limit=whole_number("limit", limit, 0),
    )
    options = Options(
        train=train,
        device=device,
        threads=threads,
        jobs=jobs,
        cell_timeout=cell_timeout,
        cell_memory=cell_memory,
        keep_images=keep_images,
        out=Path(out),
        engine=engine,
        address=address,
        gpu_share=gpu_share,
        ship=files("ship", ship),
        ship_env=several("ship_env", ship_env, str),
        force=force,
    )
    flags = () if speed else ("--no-speed",)
    own = files("plugins", plugins)
    prepared = prepare(request, options, plugins=own, classes=classes, speed=speed, flags=flags)
    with threads_kept(), _watcher(progress, len(prepared.plan.jobs)) as watcher:
        loaded, trouble = execute(prepared, watcher)
    notes = (*prepared.plan.skipped, *loaded.record.notes, *([trouble] if trouble else []))
    return Run(loaded, notes)


@contextmanager
def _watcher(progress: bool | Watcher | None, cells: int) -> Iterator[Watcher]:
    """Who is told how it goes on."""
    if progress is None:
        progress = is_watched()
    if progress is False:
        yield Silent()
    elif progress is True:
        with StatusLine(cells) as line:
            yield line
    else:
        yield progress


@contextmanager
def threads_kept() -> Iterator[None]:
    """Leave torch as many threads as it had: figures take one, and the caller's own work more."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 0
    try:
        yield
    finally:
        if (torch := sys.modules.get("torch")) is not None:
            from srbench.bench.workbench import default_threads

            torch.set_num_threads(before or default_threads())


def name_of(method: str | type[Method]) -> str:
    """What a method is called in a request; a class that does not say goes by its own name, and is refused later."""
    if isinstance(method, str):
        return method
    info = getattr(method, "info", None)
    return info.name if info is not None else method.__qualname__
