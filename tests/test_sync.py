"Modules and notebooks agree: exported from nothing and cleaned, they are the tree's, byte for byte."
import shutil
import subprocess
import sys
from pathlib import Path

from notebooks import NOTEBOOKS, ROOT


def run(tool: str, cwd: Path) -> None:
    "Runs one of nbdev's console scripts in a folder."
    done = subprocess.run([Path(sys.executable).parent / tool], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_exported_from_nothing_and_cleaned_the_tree_stays_the_same(tmp_path):
    shutil.copy(ROOT / "settings.ini", tmp_path)
    (tmp_path / "scorecam_denoise").mkdir()
    shutil.copy(ROOT / "scorecam_denoise" / "__init__.py", tmp_path / "scorecam_denoise")
    for path in [*NOTEBOOKS, ROOT / "nbs" / "experiments" / ".notest"]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    run("nbdev_export", tmp_path)
    run("nbdev_clean", tmp_path)
    modules = {path.name for path in (ROOT / "scorecam_denoise").glob("*.py")}
    assert {path.name for path in (tmp_path / "scorecam_denoise").glob("*.py")} == modules
    files = [*(ROOT / "scorecam_denoise" / module for module in modules), *NOTEBOOKS]
    different = [path.name for path in files if path.read_bytes() != (tmp_path / path.relative_to(ROOT)).read_bytes()]
    assert not different, f"{different}: run `make export` and commit what changes"
