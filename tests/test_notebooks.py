"Every notebook runs from top to bottom, and experiments still find what they say."
import json
import os
import re

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from notebooks import EXPERIMENTS, LIBRARY, ROOT, name

from scorecam_denoise.results import recorded

EXPECTED = json.loads((ROOT / "data" / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_a_notebook_runs(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if re.search(r"^#\|\s*(slow\s*$|eval:\s*false)", cell.source, re.M):
            cell.metadata.tags = ["skip-execution"]
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()


def compare(figures: dict[str, dict], ranges: dict[str, list[float]]) -> list[str]:
    "What is missing, what is outside its range, and what has none, a line each."
    wrong = [f"{figure}: expected, but not recorded" for figure in ranges if figure not in figures]
    for figure, result in figures.items():
        low, high = ranges.get(figure, [float("nan")] * 2)
        if not low <= result["value"] <= high:
            wrong.append(f"{figure}: {result['value']:.4g}, expected {low} to {high}")
    return wrong


def test_the_comparison_finds_what_is_wrong():
    figures = {name: {"value": value} for name, value in {"inside": 1.0, "outside": 5.0, "new": 0.0}.items()}
    wrong = compare(figures, {"inside": [0, 2], "outside": [0, 2], "gone": [0, 1]})
    assert [line.partition(":")[0] for line in wrong] == ["gone", "outside", "new"]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=name)
def test_an_experiment_finds_in_its_smoke_profile_what_is_expected(path, tmp_path):
    parameters = {"profile": "smoke", "seed": 0}
    assert set(parameters) <= set(papermill.inspect_notebook(path)), "papermill would ignore a misspelt parameter"
    done = tmp_path / path.name
    papermill.execute_notebook(
        path, done, parameters, cwd=path.parent, kernel_name="python3", progress_bar=False, execution_timeout=600
    )
    asks_for_data = "SCORECAM_DATA" in path.read_text(encoding="utf-8")
    found, ranges = recorded(done), EXPECTED.get(path.stem, {})
    if asks_for_data and not os.environ.get("SCORECAM_DATA"):
        if not found:
            pytest.skip("it runs through, but SCORECAM_DATA names no recordings to find anything in")
        ranges = {name: limits for name, limits in ranges.items() if name in found}  # what it finds without them
    wrong = compare(found, ranges)
    assert not wrong, "data/expected.json: " + "; ".join(wrong)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=name)
def test_an_experiment_is_stored_with_its_figures(path):
    assert recorded(path).keys() >= EXPECTED.get(path.stem, {}).keys()


def test_expected_figures_belong_to_experiments():
    assert set(EXPECTED) <= {path.stem for path in EXPERIMENTS}
