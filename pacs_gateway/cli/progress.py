"""How far a long command is: a bar with rate and time left, on one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Step = Callable[[int, int], None]
"""Told how many are done, and how many there are as far as is known."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.0f}/s" if speed else "")


@contextmanager
def counted(console: Console) -> Iterator[Callable[[str], Step]]:
    """Yield what makes a bar of a name; calling that moves the bar on."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )

    def bar(name: str) -> Step:
        task = bars.add_task(name, total=None)

        def step(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        return step

    with bars:
        yield bar
