"""Measures the peak memory of a run."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.autograd.profiler import profile


def peak_bytes(run: Callable[[], object], device: torch.device) -> int | None:
    """The peak of torch's allocations during one run, without what was allocated before; None if unknown.

    Weights and input are allocated before. On a CPU oneDNN's own buffers are not counted.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    return _profiled(run) if device.type == "cpu" else None


def _profiled(run: Callable[[], object]) -> int:
    # Not torch.profiler's, which imports torch's compiler as it starts: two seconds.
    with profile(use_kineto=True, profile_memory=True) as profiler:
        run()
    assert profiler.kineto_results is not None
    events = [event for event in profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak
