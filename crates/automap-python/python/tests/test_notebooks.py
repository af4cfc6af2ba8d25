"""The notebooks run, from the first cell to the last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import needed

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
#: Largest notebook that is kept, outputs included.
MAX_BYTES = 200_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    """`AUTOMAP_UPDATE_NOTEBOOKS=1` keeps the outputs."""
    nbformat, nbclient = needed("nbformat"), needed("nbclient")
    for library in ("ipykernel", "pandas"):
        needed(library)
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    if os.environ.get("AUTOMAP_UPDATE_NOTEBOOKS"):
        nbformat.write(notebook, path)
    assert path.stat().st_size < MAX_BYTES
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 2 and not [out for cell in code for out in cell.outputs if out.output_type == "error" or out.get("name") == "stderr"]


def test_all_four_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["comparing-methods", "first-diagnosis", "learning", "own-csv"]
