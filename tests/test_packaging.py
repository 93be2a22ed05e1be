"What `pip install .` gives: the library and the command, without notebook tools, and a light import."
import ast
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from importlib.metadata import packages_distributions

import pytest
from builds import built, source
from notebooks import LIBRARY, NOTEBOOKS, ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scorecam_denoise.cli import notebook_files

NOTEBOOK_TOOLS = set("nbdev fastcore execnb ghapi jupytext papermill jupyterlab ipywidgets nbconvert pytest".split())
INSIDE = "scorecam_denoise/notebooks/"  # where the wheel has them
MODULES = [path.stem.partition("_")[2] for path in LIBRARY]


@pytest.fixture(scope="module")
def settings():
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


@pytest.fixture(scope="module")
def wheel() -> dict[str, bytes]:
    "What the project's wheel holds."
    with zipfile.ZipFile(built("bdist_wheel")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel):
    (text,) = (text for name, text in wheel.items() if name.endswith("dist-info/METADATA"))
    return Parser().parsestr(text.decode())


@pytest.fixture(scope="module")
def requirements(metadata):
    "The wheel's requirements by extra; None stands for those of everybody."
    by_extra = {None: []}
    for requirement in map(Requirement, metadata.get_all("Requires-Dist")):
        extra = re.search(r'extra == "(\w+)"', str(requirement.marker))
        by_extra.setdefault(extra and extra[1], []).append(requirement)
    return by_extra


def names(given) -> set[str]:
    "Distributions' names in the form that compares."
    return {canonicalize_name(requirement.name) for requirement in given}


def test_the_wheel_says_what_settings_ini_says(settings, metadata, requirements):
    assert metadata["Name"].replace("-", "_") == settings["lib_name"]
    assert metadata["Version"] == settings["version"]
    assert metadata["Requires-Python"] == f">={settings['min_python']}"
    for extra, key in {None: "requirements", "notebooks": "notebooks_requirements", "dev": "dev_requirements"}.items():
        assert names(requirements[extra]) == names(map(Requirement, settings[key].split()))


def test_the_version_is_the_same_everywhere(settings):
    text = (ROOT / "scorecam_denoise" / "__init__.py").read_text(encoding="utf-8")
    assert re.findall(r'^__version__ = "(.+)"$', text, re.M) == [settings["version"]]


def test_users_get_no_notebook_tools(requirements):
    assert not names(requirements[None]) & NOTEBOOK_TOOLS


def test_the_wheel_holds_the_package_alone_and_both_commands(wheel):
    (entry_points,) = (text.decode() for name, text in wheel.items() if name.endswith("entry_points.txt"))
    assert "scorecam-denoise = scorecam_denoise.cli:main" in entry_points
    assert "scorecam-denoise-filter = scorecam_denoise.docs:filter_notebook" in entry_points
    files = [name for name in wheel if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in files} == {"scorecam_denoise"}
    assert {f"scorecam_denoise/{module}.py" for module in MODULES} <= set(files)


def test_the_wheel_holds_every_notebook_with_what_it_reads(wheel):
    there = {name.removeprefix(INSIDE): data for name, data in wheel.items() if name.startswith(INSIDE)}
    assert there == {name.as_posix(): (source() / name).read_bytes() for name in notebook_files()}
    assert {path.relative_to(ROOT).as_posix() for path in [*NOTEBOOKS, *(ROOT / "data").iterdir()]} <= set(there)


def test_the_wheel_stays_small():
    assert built("bdist_wheel").stat().st_size < 5_000_000


def test_the_source_distribution_holds_the_notebooks_too(wheel):
    with tarfile.open(built("sdist")) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.removeprefix(INSIDE) for name in wheel if name.startswith(INSIDE)} <= there


def test_in_editable_mode_no_notebook_is_copied():
    with zipfile.ZipFile(built("editable_wheel")) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".ipynb")]
    assert not (source() / "scorecam_denoise" / "notebooks").exists()


def imported(body: list[ast.stmt]) -> set[str]:
    "The packages that a module's own level imports."
    found = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in body if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names) - {"scorecam_denoise"}


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_imports_is_required(module, requirements):
    body = ast.parse((ROOT / "scorecam_denoise" / f"{module}.py").read_text(encoding="utf-8")).body
    base, owners = names(requirements[None]), packages_distributions()
    for package in imported(body):
        assert {canonicalize_name(owner) for owner in owners[package]} & base, f"{package} is not in requirements"


def test_constraints_are_exact_and_cover_every_requirement(requirements):
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if line and not line.startswith("#"))
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins.values())
    versions = {canonicalize_name(name): version for name, version in pins.items()}
    for requirement in (requirement for extra in requirements.values() for requirement in extra):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_the_import_is_light_and_names_come_when_used():
    program = (
        "import sys, scorecam_denoise\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
        "print(*dir(scorecam_denoise), scorecam_denoise.__version__)"
    )
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert {"ScoreCAMDenoiser", "score_cam", "simulate_scene", "load_folder"} <= set(done.stdout.split())
    assert min(seconds) < 1


@pytest.mark.parametrize("module", [module for module in MODULES if module in {"core", "results", "viz", "widgets", "cli", "docs"}])
def test_light_modules_leave_tensorflow_alone(module):
    program = f"import sys, scorecam_denoise.{module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
