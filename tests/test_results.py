"Figures that go into a notebook and come out again."
import json
import math

import nbformat
import pytest
from nbclient import NotebookClient
from nbdev.clean import clean_nb

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.results import MEDIA_TYPE, record, recorded


def notebook_that_runs(*sources):
    "A notebook of code cells, run."
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, kernel_name="python3").execute()
    return notebook


def test_a_figure_survives_running_storing_and_cleaning(tmp_path):
    path = tmp_path / "one.ipynb"
    notebook = notebook_that_runs(
        "import numpy; from scorecam_denoise.results import record",
        "record('removed', numpy.float32(97.25), unit='%', n=numpy.int64(4), seeds=range(2), low=96, high=98)",
    )
    nbformat.write(notebook, path)
    figure = {"value": 97.25, "unit": "%", "n": 4, "seeds": [0, 1], "low": 96.0, "high": 98.0}
    assert recorded(path) == {"removed": figure}
    clean_nb(cleaned := nbformat.read(path, as_version=4))
    nbformat.write(cleaned, path)
    assert recorded(path) == {"removed": figure}
    line = cleaned.cells[1].outputs[0].data["text/plain"]
    assert line == "removed: 97.25 % (95 % interval 96 to 98, n = 4, seeds 0, 1)"


def test_outside_a_notebook_the_line_is_printed(capsys):
    record("threshold", 9.4, unit="dB", seeds=[3])
    assert capsys.readouterr().out == "threshold: 9.4 dB (seed 3)\n"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ScorecamError, match="give finite numbers"):
        record("removed", value)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}"])
def test_what_is_no_notebook_is_named(tmp_path, text):
    (tmp_path / "broken.ipynb").write_text(text)
    with pytest.raises(ScorecamError, match="broken.ipynb is not a notebook"):
        recorded(tmp_path / "broken.ipynb")


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(ScorecamError, match="missing.ipynb"):
        recorded(tmp_path / "missing.ipynb")


def test_a_name_that_occurs_twice_is_an_error(tmp_path):
    output = {"data": {MEDIA_TYPE: {"name": "removed", "value": 1}}}
    (tmp_path / "twice.ipynb").write_text(json.dumps({"cells": [{"outputs": [output, output]}]}))
    with pytest.raises(ScorecamError, match="more than once"):
        recorded(tmp_path / "twice.ipynb")
