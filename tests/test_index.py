"The first page: its figures are those of the notebooks, its links lead somewhere, its examples fit the package."
import re
import shlex

import nbformat
import pytest
import typer
from nbclient import NotebookClient
from notebooks import ROOT
from PIL import Image

from scorecam_denoise.cli import app
from scorecam_denoise.docs import make_readme
from scorecam_denoise.results import quoted, recorded

README = (ROOT / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\|(?! \[)(.*)\| \[[^]]+\]\((nbs/experiments/[^)]+\.ipynb)\) \|$", re.MULTILINE)
PICTURE = re.compile(r"!\[([^]]*)\]\(([^)]+)\)")


def section(heading):
    "The lines of the first fence below a heading."
    return re.search(rf"^## {heading}$.*?^```\w+\n(.*?)^```", README, re.M | re.S).group(1).splitlines()


@pytest.fixture(scope="module")
def made_again(tmp_path_factory):
    "A folder in which the index was run and README.md made of it."
    folder = tmp_path_factory.mktemp("index")
    (folder / "nbs").mkdir()
    (folder / "nbs" / "experiments").symlink_to(ROOT / "nbs" / "experiments", target_is_directory=True)
    notebook = nbformat.read(ROOT / "nbs" / "index.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder / "nbs"}}).execute()
    nbformat.write(notebook, folder / "nbs" / "index.ipynb")
    make_readme(folder / "nbs" / "index.ipynb", folder / "README.md")
    return folder


def test_run_anew_the_index_says_what_the_readme_says(made_again):
    assert (made_again / "README.md").read_text(encoding="utf-8") == README, "run `make run NOTEBOOKS=nbs/index.ipynb`"


def test_run_anew_the_index_makes_the_same_picture(made_again):
    for _, path in PICTURE.findall(README):
        assert (made_again / path).read_bytes() == (ROOT / path).read_bytes(), "run `make run NOTEBOOKS=nbs/index.ipynb`"


def test_the_page_begins_with_one_small_picture_that_is_described():
    [(description, path)] = PICTURE.findall(README)
    assert README.index("![") < README.index("## ") and len(description.split()) >= 10
    assert (ROOT / path).stat().st_size <= 120 * 1024
    with Image.open(ROOT / path) as picture:
        assert picture.format == "PNG" and picture.width >= 600


def as_text(path):
    "Every way in which a notebook's figures can be quoted."
    every = [(name, digits, signed) for name in recorded(path) for digits in range(4) for signed in (False, True)]
    return {quoted(path, name, digits=digits, signed=signed) for name, digits, signed in every}


def test_there_are_some_thirty_rows_of_figures():
    assert 25 <= len(ROW.findall(README)) <= 35


@pytest.mark.parametrize("notebook", sorted({notebook for _, notebook in ROW.findall(README)}))
def test_every_figure_in_a_row_is_one_that_its_notebook_recorded(notebook):
    known = as_text(ROOT / notebook)
    for row in (row for row, found in ROW.findall(README) if found == notebook):
        _, ours, beside, _ = (cell.strip() for cell in row.split("|")[:4])
        figures = [ours, *(part.rpartition(": ")[2] for part in beside.split("; ") if beside)]
        assert not [figure for figure in figures if figure not in known]


def test_a_row_that_goes_on_stands_below_the_row_that_it_continues():
    whole, notebook_of = "", {}
    for row, notebook in ROW.findall(README):
        what = row.split("|")[0].strip()
        notebook_of[what] = notebook
        if not what.startswith("…"):
            whole = what
        elif what.startswith("… the same"):  # other notebooks measure it on these scenes
            assert "scenes `default`" in whole, what
        else:
            assert notebook == notebook_of[whole], what
    assert any(what.startswith("…") for what in notebook_of)


def test_the_nearest_rival_is_the_nearest_that_was_recorded():
    count, rival = re.search(r"ahead of the nearest of (\d+) rivals that see no truth, (.+), by \|", README).groups()
    found = recorded(ROOT / "nbs" / "experiments" / "07_table_one.ipynb").items()
    lead = {name: figure["value"] for name, figure in found if name.startswith("ours minus ") and "supervised" not in name}
    assert int(count) == len(lead) > 5 and lead[f"ours minus {rival}: removed_at_8"] == min(lead.values())


def test_every_claim_of_where_ours_is_not_ahead_rests_on_a_figure():
    claims = re.split(r"^- ", re.search(r"^## Where ours is not ahead\n(.*?)^## ", README, re.M | re.S)[1], flags=re.M)[1:]
    assert len(claims) > 5 and not [claim for claim in claims if not re.search(r"\d(\u00a0\S+)? \([−\d]", claim)]


@pytest.mark.parametrize("heading", ["In Python", "On your own recordings"])
def test_an_example_has_ten_lines_at_most(heading):
    assert 5 <= len([line for line in section(heading) if line.strip()]) <= 10


def test_the_python_example_runs_as_it_stands(tmp_path, monkeypatch):
    code = "\n".join(section("In Python"))
    small = {
        "ships=40": "ships=4", "ships=41": "ships=5", "ship040": "ship004",
        "random_state=0": "random_state=0, training=dict(epochs=2), n_representatives=4, separate=False",
    }  # fmt: skip
    for text, smaller in small.items():
        assert text in code
        code = code.replace(text, smaller)
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(code, made)
    assert {"ships", "unheard", "model", "signature.png", "signature.nc"} == {path.name for path in tmp_path.iterdir()}
    assert {"spectrogram", "mask", "sound_mask", "signature"} <= set(made["result"]) and made["result"].recording == "ship004-1.wav"
    assert not [group for group in made["scene"].windows["group"].values if group.endswith("ship004")]


def test_the_command_line_example_uses_commands_and_options_that_are_there():
    commands = typer.main.get_command(app).commands
    for line in section("On your own recordings"):
        program, command, *words = shlex.split(line, comments=True)
        assert program == "scorecam-denoise" and command in commands, line
        taken = {option for parameter in commands[command].params for option in [*parameter.opts, *parameter.secondary_opts]}
        assert {word for word in words if word.startswith("--")} <= taken, line
