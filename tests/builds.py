"The project's distributions, built in a copy of what the build needs."
import atexit
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from notebooks import ROOT

IGNORED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "api", "gallery*", "results")  # the website is made in nbs/ at the same time


@cache
def source() -> Path:
    "A copy of the files that setup.py reads, until the tests end."
    folder = Path(mkdtemp(prefix="build-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for file in ["setup.py", "settings.ini", "MANIFEST.in", "README.md", "LICENSE", "constraints.txt"]:
        shutil.copy(ROOT / file, folder)
    for part in ["scorecam_denoise", "nbs", "data"]:
        shutil.copytree(ROOT / part, folder / part, ignore=IGNORED)
    return folder


@cache
def built(
    kind: str,  # a command of setup.py: bdist_wheel, sdist, editable_wheel
) -> Path:
    "The distribution that a command of setup.py makes."
    made = source() / f"made-{kind}"
    done = subprocess.run([sys.executable, "setup.py", "-q", kind, "--dist-dir", made], cwd=source(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = (path for path in made.iterdir() if path.suffix in (".whl", ".gz"))
    return path
