"Figures that go into a notebook and come out again."
import base64
import json
import math

import nbformat
import pytest
from nbclient import NotebookClient
from nbdev.clean import clean_nb

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.results import MEDIA_TYPE, basis, quoted, record, recorded, stored_picture


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


def stored(path, **figures):
    "A notebook file that holds figures by name, each with what of them is given, and no other outputs."
    blank = {"value": 1.0, "unit": "", "n": None, "seeds": None, "low": None, "high": None}
    outputs = [{"data": {MEDIA_TYPE: {"name": name, **blank, **figure}}} for name, figure in figures.items()]
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": "", "outputs": outputs}]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("figure, options, text", [
    (dict(value=97.98, unit="%", low=97.51, high=98.42), {}, "98.0\u00a0% (97.5–98.4)"),
    (dict(value=97.98, unit="%", low=97.51, high=98.42), dict(digits=2, interval=False), "97.98\u00a0%"),
    (dict(value=7.18, unit="dB", low=6.3, high=8.1), dict(signed=True), "+7.2\u00a0dB (6.3–8.1)"),
    (dict(value=-8.91, unit="points", low=-9.97, high=-7.84), dict(signed=True), "−8.9\u00a0points (−10.0 to −7.8)"),
    (dict(value=0.5, low=-0.3, high=1.3), {}, "0.5 (−0.3 to 1.3)"),
    (dict(value=-0.004, low=-0.02, high=0.01), {}, "0.0 (0.0–0.0)"),
    (dict(value=3, unit="of 21", low=2), dict(digits=0), "3\u00a0of 21"),
])  # fmt: skip
def test_a_figure_is_quoted_as_text_states_it(tmp_path, figure, options, text):
    assert quoted(stored(tmp_path / "one.ipynb", removed=figure), "removed", **options) == text


@pytest.mark.parametrize("figure, text", [
    (dict(n=800, seeds=list(range(10))), "800 clips, seeds 0–9"),
    (dict(n=24, seeds=[0]), "24 clips, seed 0"),
    (dict(seeds=[4, 100]), "seeds 4, 100"),
    (dict(n=7), "7 clips"),
    ({}, ""),
])  # fmt: skip
def test_what_a_figure_rests_on_is_told_as_far_as_it_was_recorded(tmp_path, figure, text):
    assert basis(stored(tmp_path / "one.ipynb", removed=figure), "removed", "clips") == text


def test_without_a_word_for_it_the_number_stands_as_n(tmp_path):
    assert basis(stored(tmp_path / "one.ipynb", removed=dict(n=7)), "removed") == "n = 7"


@pytest.mark.parametrize("read", [quoted, basis])
def test_a_name_that_is_not_recorded_is_met_by_those_like_it(tmp_path, read):
    path = stored(tmp_path / "one.ipynb", **{"ours: removed": {}, "rival: removed": {}, "seconds": {}})
    with pytest.raises(ScorecamError, match="one.ipynb records no 'our: removed'.*nearest: 'ours: removed', 'rival: removed'"):
        read(path, "our: removed")


def test_a_notebook_without_figures_has_no_name_to_offer(tmp_path):
    with pytest.raises(ScorecamError, match="the nearest: none at all"):
        quoted(stored(tmp_path / "none.ipynb"), "removed")


def pictured(path, *cells):
    "A notebook file of headings (text) and pictures (bytes)."
    picture = lambda content: {"data": {"image/png": base64.b64encode(content).decode(), "text/plain": "figure"}}
    made = [
        {"cell_type": "markdown", "source": cell} if isinstance(cell, str) else {"cell_type": "code", "source": "", "outputs": [picture(cell)]}
        for cell in cells
    ]
    path.write_text(json.dumps({"cells": made}), encoding="utf-8")
    return path


def test_the_first_picture_below_a_heading_is_found(tmp_path):
    path = pictured(tmp_path / "story.ipynb", "# Story", b"way", "## The signature (Figure 9)\n\nText.", b"signature", b"other")
    assert stored_picture(path, "The signature") == b"signature"
    assert stored_picture(path, "Story") == b"way"


def test_a_picture_below_a_lower_heading_is_still_below(tmp_path):
    path = pictured(tmp_path / "story.ipynb", "# Story", "## The signature\n\n```sh\n# no heading\n```", "### Its lines", b"lines")
    assert stored_picture(path, "The signature") == b"lines"


@pytest.mark.parametrize("following", ["## The end", "# Another story", "Text.\n\n## The end"])
def test_what_follows_the_next_heading_is_no_longer_below(tmp_path, following):
    path = pictured(tmp_path / "story.ipynb", "# Story", "## The signature", following, b"other")
    with pytest.raises(ScorecamError, match="no picture below a heading 'The signature'"):
        stored_picture(path, "The signature")


def test_only_headings_are_headings(tmp_path):
    path = pictured(tmp_path / "story.ipynb", "The signature is drawn.", b"other", "Text.\n\n## The signature", b"signature")
    assert stored_picture(path, "The signature") == b"signature"


@pytest.mark.parametrize("heading", ["Signature", "The end"])
def test_a_picture_that_is_not_there_is_named(tmp_path, heading):
    path = pictured(tmp_path / "story.ipynb", b"way", "## The signature", b"signature", "## The end")
    with pytest.raises(ScorecamError, match=f"story.ipynb shows no picture below a heading '{heading}'"):
        stored_picture(path, heading)
