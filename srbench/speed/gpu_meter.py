"""Driver, clocks and energy of an NVIDIA GPU, read by nvidia-ml-py."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

METER_SECONDS = 1.0
"""The energy counter is updated every few hundredths of a second, so runs of this length are measured."""


class GpuMeter:
    """The sensors of a GPU.

    Args:
        device: a CUDA device.

    Raises:
        OSError: nvidia-ml-py is not installed, or does not find the GPU.
    """

    def __init__(self, device: torch.device) -> None:
        try:
            import pynvml

            pynvml.nvmlInit()
            uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
            self._nvml: Any = pynvml
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        except Exception as error:  # whatever is missing, the measurement goes on without it
            raise OSError(str(error)) from None
        self._device = device

    def describe(self) -> dict[str, str]:
        """Driver, current and maximal clocks, and the power limit."""
        nvml, handle = self._nvml, self._handle
        sm, memory = (nvml.nvmlDeviceGetClockInfo(handle, kind) for kind in (nvml.NVML_CLOCK_SM, nvml.NVML_CLOCK_MEM))
        most = nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM)
        return {
            "driver": str(nvml.nvmlSystemGetDriverVersion()),
            "clock_mhz": f"{sm} of {most}",
            "memory_clock_mhz": str(memory),
            "power_limit_w": f"{nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1e3:.0f}",
        }

    def joules(self, run: Callable[[], object]) -> float:
        """Energy of one run in joules, the mean over one second of runs."""
        torch.cuda.synchronize(self._device)
        before, began, runs = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle), time.monotonic(), 0
        while time.monotonic() - began < METER_SECONDS:
            run()
            torch.cuda.synchronize(self._device)
            runs += 1
        after = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        return float(after - before) / 1e3 / runs
