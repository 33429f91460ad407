"""A scoring program for Codabench: scores submitted SR images as srbench does, under one protocol.

Codabench unpacks the program into ``program/``, the reference data into ``input/ref/`` and a submission into
``input/res/``, runs the command of ``metadata.yaml``, and reads ``output/scores.json``. Its image needs srbench.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from srbench.bench.availability import scoring_of
from srbench.bench.folder_scores import score_folder
from srbench.data.dataset import Dataset
from srbench.data.images import read_samples
from srbench.data.own.folders import folder_dataset, pairs_dataset
from srbench.data.sr_images import match_by_name
from srbench.errors import DataError, UsageError
from srbench.imaging.files import encode_png
from srbench.plugins.registry import Registry
from srbench.protocols.content import protocol_of
from srbench.protocols.protocol import Protocol
from srbench.system.hashes import digest, parse_json

SCHEMA_VERSION: Final = 1
PROGRAM: Final = "scoring_program.zip"
REFERENCE: Final = "reference_data.zip"
SETTINGS: Final = "challenge.json"
_METADATA = "command: python3 /app/program/score.py /app/input /app/output\n"
_SCORE = '''"""Scores a submission: SR images named as their HR images."""

import sys
from pathlib import Path

from srbench.export.challenge import main

sys.exit(main(Path(__file__).parent, Path(sys.argv[1]), Path(sys.argv[2])))
'''
_DATE = (1980, 1, 1, 0, 0, 0)


def challenge_files(
    dataset: Dataset, scale: int, protocol: Protocol, metrics: tuple[str, ...], registry: Registry
) -> dict[str, bytes]:
    """The two zips, by name: the same bytes for the same challenge.

    Args:
        dataset: the HR images, with LR in a set of pairs.
        scale: the factor.
        protocol: by which SR is scored.
        metrics: what is scored.
        registry: where metrics come from.

    Raises:
        UsageError: the protocol is not for the scale, or a metric is not known.
        DataError: a metric cannot be computed here, or an image cannot be had.
    """
    if refusal := protocol.refusal(scale):
        raise UsageError(f"{refusal[0].upper()}{refusal[1:]}.")
    if (dataset.kind == "pairs") != (protocol.degraded == "none"):
        raise UsageError(f"Either protocol '{protocol.name}' makes LR or '{dataset.spec}' supplies it: choose another.")
    _, lacking = scoring_of(protocol, [registry.metric(name) for name in metrics], registry)
    for name, reason in lacking.items():
        raise DataError(f"{name} cannot be computed: {reason}")
    settings = {
        "schema_version": SCHEMA_VERSION,
        "protocol": protocol.name,
        "protocol_hash": protocol.hash,
        "protocol_content": protocol.content(),
        "scale": scale,
        "metrics": list(metrics),
        "images": [item.name for item in dataset.items],
    }
    program = {"metadata.yaml": _METADATA, "score.py": _SCORE, SETTINGS: json.dumps(settings, indent=1) + "\n"}
    reference: dict[str, bytes] = {}
    for sample in read_samples(dataset):
        reference[f"hr/{sample.name}.png"] = encode_png(sample.hr)
        if sample.lr is not None:
            reference[f"lr/{sample.name}.png"] = encode_png(sample.lr)
    return {PROGRAM: _zipped({name: text.encode() for name, text in program.items()}), REFERENCE: _zipped(reference)}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
    return content.getvalue()


def main(program: Path, given: Path, output: Path) -> int:
    """The scoring program: writes ``scores.json``, or says on stderr why there is none.

    Args:
        program: the folder with the settings.
        given: with ``ref/`` and ``res/``.
        output: where the scores go.
    """
    from srbench.errors import SrbenchError
    from srbench.system.text import echo

    try:
        scores = score_submission(program / SETTINGS, given / "ref", given / "res")
    except SrbenchError as error:
        echo(f"not scored: {error}", err=True)
        return 1
    output.mkdir(parents=True, exist_ok=True)
    (output / "scores.json").write_text(json.dumps(scores, allow_nan=False) + "\n", encoding="utf-8")
    return 0


def score_submission(settings: Path, reference: Path, submission: Path) -> dict[str, float]:
    """The scores of a submission, by metric.

    Raises:
        DataError: an image is missing, of another size or broken; or equals HR, for which PSNR is infinite.
    """
    plain = _settings(settings)
    protocol = protocol_of(plain["protocol"], plain["protocol_content"])
    registry = Registry()
    scoring, lacking = scoring_of(protocol, [registry.metric(name) for name in plain["metrics"]], registry)
    for name, reason in lacking.items():
        raise DataError(f"{name} cannot be computed: {reason}")
    hr = reference / "hr"
    dataset = pairs_dataset(hr, reference / "lr", "ref") if (reference / "lr").is_dir() else folder_dataset(hr, "ref")
    if sorted(item.name for item in dataset.items) != sorted(plain["images"]):
        raise DataError("the reference data are not those that the program was made for")
    folder = _images_in(submission)
    match_by_name(folder, dataset, plain["scale"])  # a score must not rest on a guess
    found = score_folder(scoring, folder, dataset, plain["scale"])
    for name, error in found.failed:
        raise DataError(f"{name}: {error}")
    for reason in found.whole.reasons.values():
        raise DataError(reason)
    values = found.whole.values
    for name, value in values.items():
        if not math.isfinite(value):
            raise DataError(f"{name} is {value}: an SR image equals its HR image")
    return values


def _images_in(submission: Path) -> Path:
    """The folder with the images: people zip a folder as often as its content."""
    inner = [path for path in submission.iterdir() if not path.name.startswith((".", "__"))]
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else submission


def _settings(path: Path) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None
    if plain.get("schema_version") != SCHEMA_VERSION:
        raise DataError(f"{path} is of another version: use the srbench that wrote it")
    if digest(plain["protocol_content"])[:8] != plain["protocol_hash"]:
        raise DataError("the protocol was altered")
    return plain
