"""Metrics whose code runs in a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from srbench.errors import MethodError
from srbench.isolation.host import HostError, RemoteError
from srbench.isolation.hosts import Hosts, Origin
from srbench.isolation.watch import Reads
from srbench.metrics.metric import Metric, Pair


@dataclass(frozen=True, slots=True)
class HostedFunction:
    """A metric's function and pooling in a host.

    Args:
        hosts: the hosts.
        origin: of the code.
        name: of the metric.
        read: what it has read besides its source since the last :func:`read_by`.
    """

    hosts: Hosts
    origin: Origin
    name: str
    read: Reads = field(default_factory=Reads, compare=False)

    def __call__(self, pair: Pair) -> float:
        """The metric of a pair."""
        return self._value("score", pair.sr, pair.target, pair.protocol, pair.device, dict(pair.weights))

    def pool(self, values: Sequence[float]) -> float:
        """The metric of the pooled pixels."""
        return self._value("pool", tuple(values))

    def _value(self, command: str, *arguments: Any) -> float:
        """Send a command that returns a number.

        Raises:
            ValueError: the image is too small for the metric.
            MethodError: the metric raised, or its process ended.
        """
        try:
            head = self.hosts.of(self.origin).ask(command, self.name, *arguments).head
            self.read.add(Reads.from_json(head["reads"]))
            return float(head["value"])
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
    function = HostedFunction(hosts, origin, str(plain["name"]))
    fields = dict(plain)  # the description may be used again
    fields["pool"] = function.pool if fields.pop("pool") else None
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
