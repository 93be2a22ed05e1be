"The house rules that can be counted."
import ast
import base64
import json
import re
import statistics
import subprocess

import pytest
from notebooks import (
    EXPERIMENTS, LIBRARY, NOTEBOOKS, ROOT, cells, code_cells, directives, exported, lines, name, tree,
)

LIMIT = 400_000  # bytes of a notebook, and of any tracked file
PNG_LIMIT = 60 * 1024  # bytes
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work|opt|var)/\w|\b[A-Z]:\\\w")
DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
each_library_notebook = pytest.mark.parametrize("path", LIBRARY, ids=name)
each_experiment = pytest.mark.parametrize("path", EXPERIMENTS, ids=name)


def first_line(cell: dict) -> str:
    "A cell's first line of code, to name it in a message."
    return next((line for line in cell["source"].splitlines() if line.strip() and not line.startswith("#|")), "")


def is_estimator(node: ast.stmt) -> bool:
    "Whether a class derives from scikit-learn's BaseEstimator."
    return isinstance(node, ast.ClassDef) and any("BaseEstimator" in ast.unparse(base) for base in node.bases)


@each_notebook
def test_a_notebook_begins_with_its_title_and_names_its_kernel(path):
    first = cells(path)[0]
    assert first["cell_type"] == "markdown" and first["source"].startswith("# ")
    metadata = json.loads(path.read_text("utf-8"))["metadata"]
    assert metadata["kernelspec"]["name"] == "python3" and set(metadata) == {"kernelspec"}, "run it with `make run`"


@each_library_notebook
def test_a_notebook_exports_the_module_of_its_name(path):
    module = re.findall(r"^#\|\s*default_exp\s+(\S+)", "\n".join(cell["source"] for cell in code_cells(path)), re.M)
    assert module == [path.stem.partition("_")[2]]


@each_library_notebook
def test_exported_cells_are_short(path):
    for cell in filter(exported, cells(path)):
        limit = 90 if any(map(is_estimator, tree(cell).body)) else 40
        assert lines(cell) <= limit, f"{lines(cell)} lines: {first_line(cell)}"


@each_library_notebook
def test_an_exported_cell_holds_one_definition(path):
    for cell in filter(exported, cells(path)):
        names = [node.name for node in tree(cell).body if isinstance(node, DEFINITION)]
        assert len(names) <= 1, names


@each_library_notebook
def test_prose_or_an_example_stands_between_exported_cells(path):
    shown = [cell for cell in cells(path) if not {"hide", "default_exp"} & directives(cell)]
    for before, after in zip(shown, shown[1:]):
        assert not (exported(before) and exported(after)), f"{first_line(before)} / {first_line(after)}"


def test_the_median_cell_is_short():
    assert statistics.median(lines(cell) for path in LIBRARY for cell in code_cells(path)) <= 8


@each_notebook
def test_few_cells_are_hidden_and_only_for_imports(path):
    hidden = [cell for cell in code_cells(path) if "hide" in directives(cell)]
    assert len(hidden) <= 3
    for cell in hidden:
        assert all(isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr)) for node in tree(cell).body), cell["source"]


@each_notebook
def test_imports_are_named(path):
    for cell in code_cells(path):
        stars = [node for node in ast.walk(tree(cell)) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
        assert not stars, cell["source"]


@each_library_notebook
def test_a_notebook_imports_from_smaller_numbers_only(path):
    numbers = {other.stem.partition("_")[2]: int(other.stem[:2]) for other in LIBRARY}
    modules = set()
    for node in (node for cell in code_cells(path) for node in ast.walk(tree(cell))):
        if isinstance(node, ast.ImportFrom) and node.module == "scorecam_denoise":
            modules |= {alias.name for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module.removeprefix("scorecam_denoise.")} if "scorecam_denoise." in node.module else set()
        elif isinstance(node, ast.Import):
            dotted = [alias.name.split(".") for alias in node.names]
            modules |= {parts[1] for parts in dotted if parts[0] == "scorecam_denoise" and len(parts) > 1}
    assert modules <= set(numbers), f"not modules of ours: {modules - set(numbers)}"
    assert not [module for module in modules if numbers[module] >= int(path.stem[:2])]


@each_notebook
def test_no_directive_that_corrupts_the_export(path):
    for cell in code_cells(path):
        assert not re.search(r"^#\|\s*(export\w*|hide|default_exp)\s*:", cell["source"], re.M), cell["source"]
        assert "nbdev_export()" not in cell["source"]


@each_experiment
def test_an_experiment_exports_nothing_and_takes_parameters(path):
    assert not any(map(exported, cells(path)))
    given = [cell for cell in code_cells(path) if "parameters" in cell["metadata"].get("tags", [])]
    assert len(given) == 1
    assert {"profile", "seed"} <= {target.id for node in tree(given[0]).body for target in node.targets}


@each_notebook
def test_a_notebook_is_small(path):
    assert path.stat().st_size <= LIMIT


@each_notebook
def test_stored_outputs_are_small_and_clean(path):
    for output in (output for cell in code_cells(path) for output in cell["outputs"]):
        assert output["output_type"] != "error", output
        assert output.get("name") != "stderr", output
        data = output.get("data", {})
        assert "application/vnd.jupyter.widget-view+json" not in data, "run it with TQDM_DISABLE=1"
        pictures = {mime: data.pop(mime) for mime in list(data) if mime.startswith("image/")}
        assert len(base64.b64decode(pictures.get("image/png", ""))) <= PNG_LIMIT
        assert not MACHINE_PATH.search(json.dumps(output)), output


def test_tracked_files_are_small():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git repository")
    files = [ROOT / file for file in listed.stdout.split("\0") if file]
    assert not [file.name for file in files if file.is_file() and file.stat().st_size > LIMIT]


@each_library_notebook
def test_public_names_have_docstrings_of_one_line(path):
    for node in (node for cell in filter(exported, cells(path)) for node in tree(cell).body):
        if isinstance(node, DEFINITION) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"
            inner = node.body if isinstance(node, ast.ClassDef) else []
            for described in [node, *(item for item in inner if isinstance(item, DEFINITION))]:
                assert "\n" not in (ast.get_docstring(described) or ""), described.name
