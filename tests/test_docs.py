"README.md, the pages beside the notebooks, the settings for Quarto and the notebook filter, checked without Quarto."
import ast
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from notebooks import EXPERIMENTS, LIBRARY, NOTEBOOKS, ROOT, name

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.docs import THUMBNAILS, card, filter_notebook, make_readme, pictures_of, resolve, sections, write_pages

KNOWN_KEYS = {
    "": {"project", "website", "format", "execute", "ipynb-filters"},
    "project": {"type", "output-dir", "pre-render", "render"},
    "website": {"title", "sidebar", "navbar", "description", "repo-url", "search"},
    "execute": {"enabled"},
}
MODULES = [path.stem.partition("_")[2] for path in LIBRARY]


@pytest.fixture(scope="module")
def quarto():
    return yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    "Path below nbs/ → text, of the pages that `python -m scorecam_denoise.docs` writes in a copy of the project."
    root = tmp_path_factory.mktemp("pages")
    shutil.copy(ROOT / "_quarto.yml", root)
    shutil.copytree(ROOT / "nbs", root / "nbs", ignore=shutil.ignore_patterns("api", "gallery*"))
    (root / "nbs" / "api").mkdir()
    (root / "nbs" / "api" / "gone.md").touch()
    subprocess.run([sys.executable, "-m", "scorecam_denoise.docs"], cwd=root, check=True)
    return {path.relative_to(root / "nbs").as_posix(): path.read_text("utf-8") for path in (root / "nbs").rglob("*.md")} | {
        path.relative_to(root / "nbs").as_posix(): "" for path in (root / "nbs" / "gallery").glob("*.png")
    }


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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_knows_the_targets_that_a_page_names(page):
    targets = set(re.findall(r"^([.a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"(?:`|^)make ([.a-z]+)", (ROOT / page).read_text(encoding="utf-8"), re.M))
    assert {"test", "lab"} <= named <= targets


def test_the_website_is_there_while_it_is_made_anew():
    recipe = re.search(r"^docs:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1].splitlines()
    (build,), (removal,) = ([i for i, line in enumerate(recipe) if part in line] for part in ("-m sphinx", "rm -rf _docs"))
    assert build < removal


def test_the_website_has_settings_that_quarto_knows(quarto):
    for section, keys in KNOWN_KEYS.items():
        assert set(quarto[section] if section else quarto) <= keys
    assert quarto["execute"] == {"enabled": False}
    assert quarto["ipynb-filters"] == ["scorecam-denoise-filter"]
    assert set(quarto["website"]["sidebar"]) <= {"style", "contents", "collapse-level"}
    assert set(quarto["format"]["html"]) <= {"toc", "code-overflow", "html-math-method", "css"}
    assert (ROOT / quarto["format"]["html"]["css"]).is_file()


def test_the_website_lists_every_notebook_and_page_once(quarto, pages):
    made = {f"nbs/{path}" for path in pages if path.endswith(".md")}
    expected = sorted({path.relative_to(ROOT).as_posix() for path in NOTEBOOKS} | made)
    assert sorted(quarto["project"]["render"]) == expected
    assert sorted(path for _, paths in sections(quarto["website"]["sidebar"]["contents"]) for path in paths) == expected


def test_the_sidebar_keeps_the_order_of_numbers(quarto):
    listed = [path for _, paths in sections(quarto["website"]["sidebar"]["contents"]) for path in paths]
    assert [path for path in listed if re.match(r"nbs/\d", path)] == [f"nbs/{path.name}" for path in LIBRARY]
    assert [Path(path).stem for path in listed if path.startswith("nbs/api/")] == ["index", *MODULES]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_a_filtered_notebook_is_valid_and_free_of_directives(path):
    shown = resolve(json.loads(path.read_text(encoding="utf-8")))
    nbformat.validate(nbformat.from_dict(shown))
    for cell in shown["cells"]:
        assert not re.search(r"^#\|\s*(export|hide|default_exp)", cell["source"], re.M)


def test_the_filter_is_a_program_and_tells_quarto_what_pictures_show():
    notebook = (ROOT / "nbs" / "12_scene.ipynb").read_text(encoding="utf-8")
    program = Path(sys.executable).parent / "scorecam-denoise-filter"
    done = subprocess.run([program], input=notebook, capture_output=True, text=True, encoding="utf-8", check=True)
    filtered, shown = json.loads(done.stdout), resolve(json.loads(notebook))
    texts = [yaml.safe_load(re.match(r"#\| (fig-alt: .+)\n", cell["source"])[1]) for cell in filtered["cells"] if "mystnb" in cell["metadata"]]
    assert [text["fig-alt"] for text in texts] == [text for _, text in pictures_of(shown)] != []
    assert [re.sub(r"^#\| fig-alt.*\n", "", cell["source"]) for cell in filtered["cells"]] == [cell["source"] for cell in shown["cells"]]


def pictured(*alts: str | None) -> list[dict]:
    "Outputs that are pictures, each with the text that it brings."
    metadata = [{"image/png": {"alt": alt}} if alt else {} for alt in alts]
    return [nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="}, metadata=each) for each in metadata]


def texts_of(*cells: dict) -> list[str]:
    "What a reader is told of the pictures of a notebook."
    return [text for _, text in pictures_of(resolve({"cells": cells}))]


def test_each_picture_of_a_cell_has_a_text_of_its_own():
    heading, code = nbformat.v4.new_markdown_cell("## Ships\n\nTwo of them:"), nbformat.v4.new_code_cell("show()", outputs=pictured(None, None))
    assert texts_of(heading, code) == ["Ships. Two of them (1 of 2).", "Ships. Two of them (2 of 2)."]
    first, second = resolve({"cells": [code]})["cells"]
    assert (first["source"], second["source"], second["metadata"]["tags"]) == ("show()", "", ["remove-input"]) and first["id"] != second["id"]


def test_equal_texts_are_numbered_through_a_notebook_and_others_are_not():
    heading = nbformat.v4.new_markdown_cell("## Ships\n\nTwo of them:")
    one, other = (nbformat.v4.new_code_cell("show()", outputs=pictured(None)) for _ in range(2))
    assert texts_of(heading, one, nbformat.v4.new_markdown_cell("## A tug"), one, heading, other) == [
        "Ships. Two of them (1 of 2).", "A tug. Ships.", "Ships. Two of them (2 of 2).",
    ]  # fmt: skip


def test_a_picture_s_own_text_comes_before_that_of_the_prose():
    code = nbformat.v4.new_code_cell("show()", outputs=pictured("The mask of a tug", None))
    assert texts_of(nbformat.v4.new_markdown_cell("## Ships"), code) == ["The mask of a tug", "Ships. Ships."]


def test_a_long_text_is_cut_between_words():
    prose = "A line-by-line view, " * 40
    (text,) = texts_of(nbformat.v4.new_markdown_cell(f"## Ships\n\n{prose}"), nbformat.v4.new_code_cell("show()", outputs=pictured(None)))
    assert 270 < len(text) <= 300 and re.fullmatch(r"Ships\. (A line-by-line view, )+(A|A line-by-line|A line-by-line view) …", text)


def test_without_code_quarto_is_told_so(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps({"cells": [nbformat.v4.new_code_cell("#| echo: false\n1", outputs=pictured("One"))]}).encode())))
    monkeypatch.setattr(sys, "stdout", written := io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    filter_notebook()
    written.seek(0)
    assert json.load(written)["cells"][0]["source"] == '#| echo: false\n#| fig-alt: "One"\n'


def shown_without_code(outputs: list) -> list[dict]:
    "What becomes of a cell with the directive `echo: false`."
    cell = nbformat.v4.new_code_cell("#| echo: false\nfigures()", outputs=outputs)
    return resolve({"cells": [cell]})["cells"]


def test_markdown_that_a_cell_shows_becomes_text():
    (cell,) = shown_without_code([nbformat.v4.new_output("display_data", {"text/markdown": text, "text/plain": "…"}) for text in ("one", "two")])
    assert (cell["cell_type"], cell["source"]) == ("markdown", "one\n\ntwo") and "outputs" not in cell


def test_other_outputs_are_shown_without_their_code():
    (cell,) = shown_without_code([nbformat.v4.new_output("stream", text="done\n")])
    assert (cell["cell_type"], cell["source"], cell["metadata"]["tags"]) == ("code", "", ["remove-input"])
    assert shown_without_code([]) == []


def test_a_readme_shows_outputs_of_hidden_code_and_links_images(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell("![noise](images/noise.png)"),
        nbformat.v4.new_code_cell("#| echo: false\nprint(1)", outputs=[nbformat.v4.new_output("stream", text="0.96\n")]),
    ]
    (tmp_path / "nbs").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "nbs" / "index.ipynb")
    make_readme(tmp_path / "nbs" / "index.ipynb", tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text("utf-8").split() == ["![noise](nbs/images/noise.png)", "0.96"]


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


def test_pages_are_made_where_the_project_is(tmp_path):
    with pytest.raises(ScorecamError, match="pages are made in the project's folder"):
        write_pages(tmp_path)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_s_page_has_its_public_names(module, pages):
    source = (ROOT / "scorecam_denoise" / f"{module}.py").read_text(encoding="utf-8")
    (names,) = (ast.literal_eval(node.value) for node in ast.parse(source).body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    parts = pages[f"api/{module}.md"].split("```")
    assert sorted(", ".join(re.findall(r"^## (.+)$", "".join(parts[::2]), re.M)).split(", ")) == sorted(names)


def test_a_page_says_what_comments_say(pages):
    page = pages["api/denoiser.md"]
    assert "explain(denoiser, images, targets, *, method=None, layer=None)" in page
    assert "| `method` | `str or None` | `None` | a key of ATTRIBUTIONS; None: the denoiser's |" in page
    assert "\n### ScoreCAMDenoiser.fit\n" in page and "\n@classmethod\n" in page
    assert "| `sample_rate` | `int` | `4000` | Hz; recordings" in pages["api/spectrogram.md"]


def test_the_list_of_modules_says_what_each_is_for(pages):
    rows = re.findall(r"^\| \[(\w+)\]\(\w+\.md\) \| (.+) \|$", pages["api/index.md"], re.M)
    assert [module for module, text in rows if len(text) > 10] == MODULES


def test_no_argument_stands_in_a_table_of_other_width(pages):
    rows = [line for path, page in pages.items() if path.startswith("api/") for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 500 and {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


def test_names_that_other_notebooks_import_stand_before_their_parts(pages):
    names = re.findall(r"^## (.+)$", "".join(pages["api/results.md"].split("```")[::2]), re.M)
    assert names.index("quoted") < names.index("typeset") and names.index("stored_picture") < names.index("describe")
    assert "What other notebooks import comes first." in pages["api/results.md"]


def test_pages_of_modules_that_are_gone_go(pages):
    assert {path for path in pages if path.startswith("api/")} == {f"api/{name}.md" for name in ["index", *MODULES]}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=name)
def test_the_gallery_has_every_experiment_with_its_question_and_a_picture(path, pages):
    (card,) = (part for part in pages["gallery.md"].split('<div class="experiment">') if f"(experiments/{path.name})" in part)
    assert re.search(r"^\*\*\[.+\]\(experiments/\d\d_\w+\.ipynb\)\*\*\n\n[A-Z].+\?$", card, re.M)
    assert f"](gallery/{path.stem}.png)]" in card and f"gallery/{path.stem}.png" in pages


@pytest.mark.parametrize("text", ["# A title", "# A title\n\nIt says something.\n\nWho asks?"])
def test_an_experiment_that_asks_nothing_has_no_card(tmp_path, text):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)]), tmp_path / "23_mute.ipynb")
    with pytest.raises(ScorecamError, match="23_mute.ipynb begins with .*, which asks nothing: let its first paragraph begin with the question"):
        card(tmp_path / "23_mute.ipynb", tmp_path)


@pytest.mark.parametrize("experiment", THUMBNAILS)
def test_the_gallery_knows_the_figures_that_it_names(experiment):
    notebook = resolve(json.loads((ROOT / "nbs" / "experiments" / f"{experiment}.ipynb").read_text(encoding="utf-8")))
    assert any(text.startswith(THUMBNAILS[experiment]) for _, text in pictures_of(notebook))
