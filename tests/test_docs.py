"README.md, the website's settings and the notebook filter, as far as they can be checked without Quarto."
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from notebooks import NOTEBOOKS, ROOT, name

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.docs import filter_notebook, make_readme, resolve

KNOWN_KEYS = {
    "": {"project", "website", "format", "execute", "ipynb-filters"},
    "project": {"type", "output-dir", "render"},
    "website": {"title", "sidebar", "navbar", "description", "repo-url"},
    "execute": {"enabled"},
}


@pytest.fixture(scope="module")
def quarto():
    return yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))


def test_readme_is_made_from_the_index(tmp_path):
    make_readme(ROOT / "nbs" / "index.ipynb", tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text("utf-8") == (ROOT / "README.md").read_text("utf-8"), "run `make readme`"


def test_links_of_the_readme_lead_somewhere():
    text = "".join((ROOT / "README.md").read_text(encoding="utf-8").split("```")[::2])
    links = re.findall(r"\]\(([^)#]+)", text)
    assert not [link for link in links if ":" not in link and not (ROOT / link).exists()]


def test_the_python_of_the_readme_is_left_as_it_is_and_compiles():
    fences = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert len(fences) >= 3 and any("ATTRIBUTIONS[name](model, images, targets)" in code for code in fences)
    for code in fences:
        compile(code, "README.md", "exec")


def test_the_readme_lists_every_notebook_once():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[[^]]+\]\((nbs/[^)]+\.ipynb)\)", text, re.M)
    assert sorted(listed) == sorted(path.relative_to(ROOT).as_posix() for path in NOTEBOOKS if path.stem != "index")


def test_make_knows_the_targets_that_the_readme_names():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8"))) <= targets


def test_the_website_has_settings_that_quarto_knows(quarto):
    for section, keys in KNOWN_KEYS.items():
        assert set(quarto[section] if section else quarto) <= keys
    assert quarto["execute"] == {"enabled": False}
    assert quarto["ipynb-filters"] == ["scorecam-denoise-filter"]


def test_the_website_lists_every_notebook_once(quarto):
    assert quarto["project"]["render"] == sorted(set(quarto["project"]["render"]), key=quarto["project"]["render"].index)
    assert set(quarto["project"]["render"]) == {path.relative_to(ROOT).as_posix() for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_a_filtered_notebook_is_valid_and_free_of_directives(path):
    shown = resolve(json.loads(path.read_text(encoding="utf-8")))
    nbformat.validate(nbformat.from_dict(shown))
    for cell in shown["cells"]:
        assert not re.search(r"^#\|\s*(export|hide|default_exp)", cell["source"], re.M)


def test_the_filter_is_a_program():
    notebook = (ROOT / "nbs" / "91_docs.ipynb").read_text(encoding="utf-8")
    program = Path(sys.executable).parent / "scorecam-denoise-filter"
    done = subprocess.run([program], input=notebook, capture_output=True, text=True, encoding="utf-8", check=True)
    assert json.loads(done.stdout) == resolve(json.loads(notebook))


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"cells": 3}'])
def test_the_filter_says_in_one_line_what_it_cannot_read(text, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit, match="^error: standard input is no notebook.*$"):
        filter_notebook()


def test_a_readme_with_a_picture_is_refused(tmp_path):
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("picture", outputs=[picture])])
    nbformat.write(notebook, tmp_path / "index.ipynb")
    with pytest.raises(ScorecamError, match="1 pictures"):
        make_readme(tmp_path / "index.ipynb", tmp_path / "README.md")
    assert not (tmp_path / "README.md").exists()
