"""Every Python example of the documentation runs, in the order of its page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, needed

PAGES = [ROOT / "docs" / "python.md", ROOT / "README.md", Path(__file__).parents[2] / "README.md"]
BLOCK = re.compile(r"(<!-- not run: [^\n]*-->\n)?```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(page: Path, tmp_path: Any, monkeypatch: Any) -> None:
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert blocks, f"{page} has no example"
    for library in ("pandas", "networkx", "polars"):
        needed(library)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    for skipped, code in blocks:
        compiled = compile(code, str(page), "exec")
        if not skipped:
            exec(compiled, names)
