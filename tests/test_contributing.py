"CONTRIBUTING.md: what it names is there, and its examples work as they stand."
import json
import re
import shutil
import sys
from pathlib import Path

import jupytext
import numpy as np
import papermill
import pytest
import test_attribution
from notebooks import ROOT, exported, lines
from test_scorecam import trained  # noqa: F401  (a fixture)

from scorecam_denoise.attribution import ATTRIBUTIONS
from scorecam_denoise.results import recorded
from scorecam_denoise.spectrogram import write_audio

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```(\w+)\n(.*?)^ *```$", TEXT, re.S | re.M)
LOOP, PAPERMILL = (code for kind, code in BLOCKS if kind == "sh")
EXPLAINER, RECORDINGS, SIMULATOR, EXPERIMENT = (code for kind, code in BLOCKS if kind == "python")
MADE = {  # by whoever follows it
    "nbs/50_masks.py", "nbs/15_clicks.py", "nbs/15_clicks.ipynb", "nbs/api/clicks.md", "tests/test_clicks.py",
    "nbs/experiments/23_loudness.py", "nbs/experiments/23_loudness.ipynb",
}  # fmt: skip


def test_the_loop_has_twenty_lines_at_most():
    assert len(LOOP.splitlines()) <= 20 and TEXT.index("## The edit loop") < TEXT.index(LOOP) < TEXT.index("## An explainer")


def test_its_programs_are_in_the_environment():
    programs = {line.split()[0] for line in (LOOP + PAPERMILL).splitlines() if line.strip()} - {'"${EDITOR:-vi}"'}
    programs |= set(re.findall(r"`(jupytext|papermill|python)\b", TEXT))
    assert {"jupytext", "papermill", "python", "make"} <= programs
    assert not [name for name in programs if not (Path(sys.executable).parent / name).exists() and not shutil.which(name)]


def test_its_files_are_there_or_are_made_by_it():
    named = set(re.findall(r"(?:nbs|tests|data|scorecam_denoise)/[\w/]+\.(?:ipynb|py|json|md)|_quarto\.yml", TEXT))
    assert len(named) > 15 and not [name for name in named - MADE if not (ROOT / name).exists()]
    assert MADE <= named and not [name for name in MADE if (ROOT / name).exists() and name.endswith("ipynb")]


@pytest.mark.filterwarnings("ignore:.*maps are flat")
def test_its_explainer_has_the_call_shape_of_the_others(trained):  # noqa: F811
    try:
        exec(EXPLAINER, {})
        test_attribution.test_every_explainer_has_one_call_shape(trained, "gradient-times-input")
    finally:
        ATTRIBUTIONS.pop("gradient-times-input", None)


def test_its_lines_read_recordings_by_their_groups(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name in ("north/bird1_take1", "north/bird1_take2", "north/bird2_take1", "south/bird3_take1", "south/bird4_take1"):
        write_audio(tmp_path / "recordings" / f"{name}.wav", [0.1 * rng.standard_normal(24_000 * 5).astype("float32")], 24_000)
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(RECORDINGS, made)
    for windows in (made["windows"], made["clips"]):
        assert set(windows.group.values) == {"bird1", "bird2", "bird3", "bird4"} and windows.attrs["skipped"] == "[]"


def test_its_simulator_is_a_notebook_that_holds_what_it_claims():
    exec(SIMULATOR, {})
    cells = jupytext.reads(SIMULATOR, "py:percent").cells
    assert cells[0].source.startswith("# clicks") and max(lines(cell) for cell in cells if exported(cell)) <= 40


def test_its_experiment_finds_in_its_smoke_profile_what_the_text_expects(tmp_path):
    notebook = jupytext.reads(EXPERIMENT, "py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "python3"}
    jupytext.write(notebook, tmp_path / "text.ipynb")
    options = dict(cwd=tmp_path, kernel_name="python3", progress_bar=False, execution_timeout=300)
    papermill.execute_notebook(tmp_path / "text.ipynb", tmp_path / "done.ipynb", {"profile": "smoke", "seed": 0}, **options)
    expected = json.loads("{" + re.search(r"`(\"23_loudness\": .*)`", TEXT)[1] + "}")["23_loudness"]
    found = recorded(tmp_path / "done.ipynb")
    assert found.keys() == expected.keys()
    assert all(low <= found[name]["value"] <= high for name, (low, high) in expected.items())
