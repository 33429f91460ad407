"""Metrics whose code runs in a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from srbench.errors import MethodError
from srbench.isolation.host import HostError, RemoteError
from srbench.isolation.hosts import Hosts, Origin
from srbench.isolation.watch import Reads
from srbench.metrics.metric import Metric, Pair

MOST_PART = 2**24
"""Most numbers that a metric of sets may keep of an image."""


@dataclass(frozen=True, slots=True)
class HostedFunction:
    """A metric's functions in a host.

    Args:
        hosts: the hosts.
        origin: of the code.
        name: of the metric.
        of_set: whether it is one of a set.
        read: what it has read besides its source since the last :func:`read_by`.
    """

    hosts: Hosts
    origin: Origin
    name: str
    of_set: bool = False
    read: Reads = field(default_factory=Reads, compare=False)

    def __call__(self, pair: Pair) -> float | NDArray[Any]:
        """The metric of a pair, or what a metric of sets needs of it."""
        arguments = (pair.sr, pair.target, pair.protocol, pair.device, dict(pair.weights))
        value, arrays = self._ask("score", *arguments, most=MOST_PART if self.of_set else 0)
        if self.of_set and len(arrays) != 1:
            raise MethodError(f"metric {self.name} gave no array")
        return arrays[0] if self.of_set else value

    def pool(self, values: Sequence[float]) -> float:
        """The metric of the pooled pixels."""
        return self._ask("pool", tuple(values))[0]

    def combine(self, parts: Sequence[NDArray[Any]]) -> float:
        """The metric of a set."""
        return self._ask("combine", list(parts))[0]

    def _ask(self, command: str, *arguments: Any, most: int = 0) -> tuple[float, Sequence[NDArray[Any]]]:
        """Send a command that returns a number, and arrays of at most so many elements.

        Raises:
            ValueError: the image is too small for the metric.
            MethodError: the metric raised, or its process ended.
        """
        try:
            reply = self.hosts.of(self.origin).ask(command, self.name, *arguments, most=most)
            self.read.add(Reads.from_json(reply.head["reads"]))
            return float(reply.head["value"]), reply.arrays
        except RemoteError as error:
            if error.kind == "ValueError":
                raise ValueError(str(error)) from error
            raise MethodError(f"metric {self.name} raised {error.kind}: {error}") from error
        except HostError as error:
            raise MethodError(f"metric {self.name}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MethodError(f"metric {self.name} gave no number") from error


def hosted_metric(hosts: Hosts, origin: Origin, plain: Mapping[str, Any]) -> Metric:
    """A metric from its host's description.

    Raises:
        ValueError, KeyError, TypeError: the description is invalid.
    """
    function = HostedFunction(hosts, origin, str(plain["name"]), bool(plain["combine"]))
    fields = dict(plain)  # the description may be used again
    fields["pool"] = function.pool if fields.pop("pool") else None
    fields["combine"] = function.combine if fields.pop("combine") else None
    for name in ("weights", "packages"):
        fields[name] = tuple(str(item) for item in fields[name])
    if type(fields["digits"]) is not int or not all(
        isinstance(fields[name], bool) for name in ("higher_is_better", "needs_hr")
    ):
        raise ValueError("its digits, its direction or its kind")
    return Metric(function=function, **fields)


def read_by(metrics: Sequence[Metric]) -> Reads:
    """What metrics in hosts have read for a cell. Hosts that read something are ended, so that they read it again."""
    found = Reads()
    for metric in metrics:
        function = metric.function
        if isinstance(function, HostedFunction) and function.read:
            found.add(function.read)
            function.read.clear()
            function.hosts.of(function.origin).close()
    return found
