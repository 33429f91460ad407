"""Networks from outside that score worse than plain bicubic: the usual sign of a wrong range or order of channels."""

from __future__ import annotations

from collections.abc import Mapping

from srbench.bench.plan import Plan, PlannedJob
from srbench.system.names import MODEL_KINDS

_BICUBIC = "bicubic"
METRIC = "psnr"
_MARGIN = 0.5
"""dB. What is trained for looks may lie a little below; a wrong range or order of channels costs more."""


def below_bicubic(plan: Plan, psnr: Mapping[int, float]) -> tuple[str, ...]:
    """A sentence for each foreign network that is clearly under bicubic in the same run.

    Args:
        plan: of the run.
        psnr: in dB, by the place of a job in the plan.
    """
    places = {index: (job.id.dataset, job.id.scale) for index, job in enumerate(plan.jobs)}
    base = {places[index]: value for index, value in psnr.items() if plan.jobs[index].id.method_label == _BICUBIC}
    found: dict[str, dict[str, float]] = {}
    asks: dict[str, str] = {}
    for index, value in sorted(psnr.items()):  # in the plan's order, whichever cell was done first
        job = plan.jobs[index]
        short = base.get(places[index], value) - value
        if short >= _MARGIN and _is_foreign_network(job):
            on = f"{job.id.dataset} x{job.id.scale}"
            label = job.id.method_label
            found.setdefault(label, {})[on] = max(short, found.get(label, {}).get(on, short))
            asks[label] = _question(plan, job)
    return tuple(
        f"{label} is {', '.join(f'{short:.1f} dB under {_BICUBIC} on {on}' for on, short in where.items())}: "
        f"{asks[label]}"
        for label, where in found.items()
    )


def _is_foreign_network(job: PlannedJob) -> bool:
    card = job.card
    if card.supplied:
        return False
    return _is_model(job) or (card.origin != "srbench" and (card.learned or card.info.family == "prediction"))


def _is_model(job: PlannedJob) -> bool:
    return job.id.method.partition(":")[0] in MODEL_KINDS


def _question(plan: Plan, job: PlannedJob) -> str:
    kind = job.id.method.partition(":")[0]
    said = any(word.startswith(f"{kind}:") and "range=" in word for word in plan.request.methods)
    white = "is its input 0..255" + (" (?range=255)" if _is_model(job) else "")
    asked = "is its ?range right, or is its input" if said and _is_model(job) else f"{white},"
    return f"{asked} BGR, or of another scale or degradation? Or was it trained for looks and not for PSNR?"
