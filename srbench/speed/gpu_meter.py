"""What an NVIDIA GPU says of itself: driver, clocks and energy. Without nvidia-ml-py there is nothing to say."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

SECONDS = 1.0
"""The meter moves every few hundredths of a second, so it is read around runs of this length."""


class GpuMeter:
    """A GPU's own instruments.

    Args:
        device: a CUDA device.

    Raises:
        OSError: there is no nvidia-ml-py, or it does not find the GPU.
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
        """Driver, clocks now and at most, and the power limit."""
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
        """Energy of one run, the mean over a second of them."""
        torch.cuda.synchronize(self._device)
        before, began, runs = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle), time.monotonic(), 0
        while time.monotonic() - began < SECONDS:
            run()
            torch.cuda.synchronize(self._device)
            runs += 1
        after = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        return float(after - before) / 1e3 / runs
