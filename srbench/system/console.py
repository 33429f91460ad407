"""Where everything is printed, so that no text from outside steers a terminal or GitHub's log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderHook
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from srbench.system.text import printable

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, ConsoleRenderable, RenderResult
    from rich.progress import Progress, ProgressColumn, Task


def make_console(*, stderr: bool = False, **options: Any) -> Console:
    """A console of rich's whose text is printable; colours and bars are rich's own and stay."""
    made = Console(stderr=stderr, **options)
    made.push_render_hook(_Hook())
    return made


def make_table() -> Table:
    """A table without vertical lines, for terminals of 80 columns."""
    return Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)


def make_bars(console: Console, *columns: ProgressColumn) -> Progress:
    """Bars, each headed by its task's description, that vanish at the end."""
    from rich.progress import Progress, TextColumn

    class Description(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(printable(task.description))

    return Progress(Description(""), *columns, console=console, transient=True)


def counting_bars(console: Console, width: int = 40, time_left: bool = True) -> Progress:
    """Bars with how many of how many things are done, of a task's ``unit`` if it has one, and the time left."""
    from rich.progress import BarColumn, ProgressColumn, TimeRemainingColumn
    from rich.table import Column

    class Count(ProgressColumn):
        def render(self, task: Task) -> Text:
            total = "?" if task.total is None else int(task.total)
            return Text(f"{int(task.completed)}/{total} {task.fields.get('unit', '')}".rstrip(), "progress.download")

    count = Count(Column(no_wrap=True))
    return make_bars(console, BarColumn(width), count, *([TimeRemainingColumn()] if time_left else []))


class _Hook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Printable(renderable) for renderable in renderables]


class _Printable:
    """What is printed, piece by piece as rich has laid it out."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self.inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _safe(console.render(self.inner, options))


def _safe(segments: Iterable[Segment]) -> Iterator[Segment]:
    starts_line = True
    for segment in segments:
        if segment.control or not segment.text:
            yield segment
            continue
        # a colon that stands at the start of a piece stands at the start of a line only if the piece does
        text = printable(segment.text) if starts_line else printable(f".{segment.text}")[1:]
        starts_line = not (segment.text if starts_line else f".{segment.text}").rpartition("\n")[2].strip()
        yield Segment(text, segment.style)
