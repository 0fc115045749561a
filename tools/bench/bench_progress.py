"""Progress on standard error: one changing line on a terminal, one line per row elsewhere."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Progress:
    """Tells which row is measured and how it went."""

    def __init__(self) -> None:
        """Finds out whether a person is watching."""
        self._live = sys.stderr.isatty()
        self._row = ""

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves a clean line behind."""
        self._show("")

    def begin(self, number: int, count: int, row: str) -> None:
        """A row begins."""
        self._row = f"[{number}/{count}] {row}"
        self._show(self._row)

    def say(self, text: str) -> None:
        """What is going on within a row; passing news, for terminals only unless it takes long."""
        if self._live:
            self._show(f"{self._row}  {text}".strip())
        elif text.startswith("making"):
            self.note(text)

    def end(self, verdict: str) -> None:
        """A row is done."""
        self.note(f"{self._row}  {verdict}")

    def note(self, text: str) -> None:
        """A line that stays."""
        self._show("")
        print(text, file=sys.stderr, flush=True)

    def _show(self, text: str) -> None:
        """Replaces the changing line."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)
