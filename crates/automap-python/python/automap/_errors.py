"""The one exception of the package."""

from __future__ import annotations

from typing import Optional


class AutomapError(ValueError):
    """Why something was not done: what is wrong, where, and what to try next.

    Attributes:
        what: What is wrong.
        where: The file, table, server or argument; ``None`` where it is the question as a whole.
        hint: What to try next; ``None`` where nothing is known to help.
    """

    def __init__(self, what: str, where: Optional[str] = None, hint: Optional[str] = None) -> None:
        super().__init__(what, where, hint)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.hint}" if self.hint else text


def needs(module: str, extra: str) -> AutomapError:
    """The error for a library that is not installed, with the extra that brings it."""
    return AutomapError(f"{module} is not installed", hint=f"pip install 'automap-rca[{extra}]' brings it")
