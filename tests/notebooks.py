"The project's notebooks, as the tests look at them."
import ast
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = sorted((ROOT / "nbs").glob("[0-9][0-9]_*.ipynb"))
EXPERIMENTS = sorted((ROOT / "nbs" / "experiments").glob("*.ipynb"))
NOTEBOOKS = [*LIBRARY, *EXPERIMENTS, ROOT / "nbs" / "index.ipynb", ROOT / "nbs" / "explore.ipynb"]


def name(path: Path) -> str:
    "The notebook's path below nbs/, for test ids."
    return path.relative_to(ROOT / "nbs").with_suffix("").as_posix()


def cells(path: Path) -> list[dict]:
    "A notebook's cells, each source as one string."
    return [{**cell, "source": "".join(cell["source"])} for cell in json.loads(path.read_text("utf-8"))["cells"]]


def code_cells(path: Path) -> list[dict]:
    "The cells that hold code."
    return [cell for cell in cells(path) if cell["cell_type"] == "code"]


def directives(cell: dict) -> set[str]:
    "The words after `#|`, such as export, hide, default_exp, eval: false."
    return set(re.findall(r"^#\|\s*(\w+(?::\s*\w+)?)", cell["source"], flags=re.MULTILINE))


def exported(cell: dict) -> bool:
    "Whether nbdev writes the cell into the module."
    return cell["cell_type"] == "code" and bool({"export", "exporti", "exports"} & directives(cell))


def lines(cell: dict) -> int:
    "How long a cell is, without its directives and empty lines."
    return len([line for line in cell["source"].splitlines() if line.strip() and not line.startswith("#|")])


def tree(cell: dict) -> ast.Module:
    "A cell's code; lines for the shell or for IPython count as empty."
    return ast.parse(re.sub(r"^\s*[%!].*$", "pass", cell["source"], flags=re.MULTILINE))
