"""Finds metrics: of installed packages, of plugin files, and of other libraries."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

from srbench.errors import UsageError
from srbench.isolation.hosts import Hosts, Origin
from srbench.metrics import bridge
from srbench.metrics.hosted import hosted_metric
from srbench.metrics.metric import LEFT_OUT, Metric
from srbench.plugins.hosted import ask, claim, is_foreign, reading
from srbench.plugins.loading import load_entry, module_file, package_of, take
from srbench.system.names import unknown
from srbench.system.source import source_hash

METRIC_GROUP = "srbench.metrics"


class Metrics:
    """The available metrics.

    Args:
        hosts: where third-party code runs; None if it is imported into this process.
    """

    def __init__(self, hosts: Hosts | None) -> None:
        self._hosts = hosts
        self._entries: dict[str, EntryPoint | Metric] = {}
        self._plugin_of: dict[str, Path] = {}
        self.refused = tuple(take("metric", METRIC_GROUP, self._entries))

    @property
    def names(self) -> list[str]:
        """All names."""
        return list(self._entries)

    def get(self, name: str) -> Metric:
        """A metric by name, or of another library as ``library:function``.

        Raises:
            UsageError: there is none of that name, or it cannot be imported.
        """
        entry = self._entries.get(name)
        if entry is None and ":" in name:
            return bridge.bridged(name)
        if entry is None and name in LEFT_OUT:
            raise UsageError(LEFT_OUT[name])
        if entry is None:
            raise unknown("metric", name, self._entries)
        if isinstance(entry, EntryPoint) and self._hosts is not None and is_foreign(entry):
            origin, place = Origin(package_of(entry)), module_file(entry)
            plain = ask(self._hosts, origin, f"'{name}' ({entry.value})", "metric", name)
            with reading(f"'{name}' of {origin.name}"):
                entry = self._entries[name] = hosted_metric(self._hosts, origin, plain["metric"])
                self._plugin_of[name] = place
        found = entry if isinstance(entry, Metric) else load_entry(entry)
        if not isinstance(found, Metric) or found.name != name:
            raise UsageError(f"The entry point of metric '{name}' does not lead to a Metric of that name.")
        return found

    def hash(self, name: str) -> str:
        """Hash of a metric's version and source."""
        metric = self.get(name)
        entry = self._entries.get(name)
        if entry is None:
            path = Path(bridge.__file__)
        else:
            path = self._plugin_of[name] if isinstance(entry, Metric) else module_file(entry)
        return f"{metric.version}-{source_hash(path)[:16]}"

    def is_foreign(self, name: str) -> bool:
        """Whether a metric's code is third-party, other than of a known library."""
        entry = self._entries.get(name)
        return entry is not None and is_foreign(entry)

    def add(self, metric: Metric, plugin: Path) -> None:
        """Add a plugin file's metric.

        Raises:
            UsageError: its name is taken.
        """
        claim(metric.name, self._entries, "metric", plugin)
        self._entries[metric.name] = metric
        self._plugin_of[metric.name] = plugin.resolve()

    def has_installed(self, metric: Metric) -> bool:
        """Whether a metric is one of an installed package: a plugin may have imported it."""
        entry = self._entries.get(metric.name)
        return isinstance(entry, EntryPoint) and load_entry(entry) is metric

    def of_plugin(self, path: Path) -> list[str]:
        """The names of a plugin file's metrics."""
        return [name for name, plugin in self._plugin_of.items() if plugin == path.resolve()]
