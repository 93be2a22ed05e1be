"The first page: its figures are those of the notebooks, its links lead somewhere, its examples fit the package."
import ast
import inspect
import re
import shlex

import nbformat
import pytest
import typer
from nbclient import NotebookClient
from notebooks import ROOT
from PIL import Image

from scorecam_denoise import ScoreCAMDenoiser, simulate_scene
from scorecam_denoise.cli import app
from scorecam_denoise.docs import make_readme
from scorecam_denoise.results import quoted, recorded
from scorecam_denoise.scene import Scene
from scorecam_denoise.viz import plot_result

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
        figures = [ours, *(part.rpartition(": ")[2] for part in beside.split("; "))]
        assert not [figure for figure in figures if figure not in known]


@pytest.mark.parametrize("heading", ["In Python", "On your own recordings"])
def test_an_example_has_ten_lines_at_most(heading):
    assert 5 <= len([line for line in section(heading) if line.strip()]) <= 10


def test_the_python_example_names_what_is_there():
    for node in ast.parse("\n".join(section("In Python"))).body:
        if isinstance(node, ast.ImportFrom):
            module = __import__(node.module, fromlist=[alias.name for alias in node.names])
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_python_example_calls_with_arguments_that_are_taken():
    known = {
        "simulate_scene": simulate_scene, "scene.save": Scene.save, "ScoreCAMDenoiser": ScoreCAMDenoiser,
        "ScoreCAMDenoiser(random_state=0).fit": ScoreCAMDenoiser.fit, "denoiser.save": ScoreCAMDenoiser.save,
        "ScoreCAMDenoiser.load": ScoreCAMDenoiser.load, "ScoreCAMDenoiser.load('model').denoise": ScoreCAMDenoiser.denoise,
        "plot_result": plot_result,
    }  # fmt: skip
    calls = {ast.unparse(call.func): call for call in ast.walk(ast.parse("\n".join(section("In Python")))) if isinstance(call, ast.Call)}
    assert set(known) <= set(calls)
    for text, function in known.items():
        instance = [None] if "self" in inspect.signature(function).parameters else []
        given = {keyword.arg: None for keyword in calls[text].keywords}
        inspect.signature(function).bind(*instance, *calls[text].args, **given)


def test_the_command_line_example_uses_commands_and_options_that_are_there():
    commands = typer.main.get_command(app).commands
    for line in section("On your own recordings"):
        program, command, *words = shlex.split(line, comments=True)
        assert program == "scorecam-denoise" and command in commands, line
        taken = {option for parameter in commands[command].params for option in [*parameter.opts, *parameter.secondary_opts]}
        assert {word for word in words if word.startswith("--")} <= taken, line
