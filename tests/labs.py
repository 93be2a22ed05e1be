"`scorecam-denoise lab` while it runs, for the tests that need a server."
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

CALL = "from scorecam_denoise.cli import main; raise SystemExit(main())"


@contextmanager
def running(*arguments, home: Path, stdin=subprocess.DEVNULL, **environment):
    "The command while it runs, its address and its token; `home` is for Jupyter's own files."
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    options = dict(env=os.environ | own | environment, cwd=home, stdin=stdin, stderr=(home / "err").open("w"), stdout=(home / "out").open("w"))
    process = subprocess.Popen([sys.executable, "-c", CALL, "lab", *map(str, arguments), "--no-browser"], **options)
    try:
        yield process, *address_of(process, home)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def address_of(process, home: Path) -> tuple[str, str]:
    "What the command has printed: where the server is, and its token."
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"^JupyterLab: (\S+)$", (home / "out").read_text(), re.M):
            parts = urlsplit(found[1])
            assert parts.path == "/lab/tree/nbs/index.ipynb"
            return f"{parts.scheme}://{parts.netloc}", parse_qs(parts.query)["token"][0]
        time.sleep(0.1)
    pytest.fail(f"no address: {(home / 'out').read_text()}{(home / 'err').read_text()}")
