"`scorecam-denoise lab`: the notebooks in a folder of the user's, and JupyterLab in it, from the wheel and from the clone."
import errno
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import nbformat
import pytest
from builds import built
from labs import running
from nbclient import NotebookClient
from notebooks import NOTEBOOKS, ROOT

from scorecam_denoise import cli
from scorecam_denoise.core import ScorecamError


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    "A folder for PYTHONPATH that holds the package as the wheel has it."
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(built("bdist_wheel")) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def copied(installed, tmp_path_factory) -> Path:
    "A folder of the user's with the wheel's notebooks."
    folder = tmp_path_factory.mktemp("user")
    program = f"from pathlib import Path; from scorecam_denoise.cli import copy_notebooks; assert copy_notebooks(Path({str(folder)!r})) == []"
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=os.environ | {"PYTHONPATH": str(installed)}, check=True)
    return folder


def ask(address: str, token: str, path: str) -> dict:
    "The server's answer."
    with urlopen(f"{address}/api/{path}?token={token}", timeout=30) as answer:
        return json.load(answer)


def ended(process, home: Path) -> None:
    "Ctrl-C, after which the command has ended well and without a traceback."
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert "Traceback" not in (home / "err").read_text() and "error" not in (home / "err").read_text()


def test_what_was_installed_opens_its_notebooks_with_its_own_kernel(installed, tmp_path):
    "Also where another Python has left a kernel of the same name, and another jupyter is the first on the PATH."
    other = tmp_path / "other"
    (other / "kernels" / "python3").mkdir(parents=True)
    (other / "kernels" / "python3" / "kernel.json").write_text(json.dumps(dict(argv=["/nowhere/python"], display_name="another", language="python")))
    (other / "jupyter").write_text("#!/bin/sh\nexit 1\n")
    (other / "jupyter").chmod(0o755)
    environment = dict(PYTHONPATH=str(installed), JUPYTER_PATH=str(other), PATH=f"{other}:{os.environ['PATH']}")
    terminal, user = pty.openpty()
    with running("books", home=tmp_path, stdin=user, **environment) as (process, address, token):
        index = ask(address, token, "contents/nbs/index.ipynb")
        assert index["type"] == "notebook" and index["writable"]
        kernels = ask(address, token, "kernelspecs")
        command = kernels["kernelspecs"][kernels["default"]]["spec"]["argv"]
        assert command[1:3] == ["-m", "ipykernel_launcher"] and Path(command[0]).samefile(sys.executable)
        ended(process, tmp_path)
    os.close(terminal)
    found = {path.relative_to(tmp_path / "books") for path in (tmp_path / "books" / "nbs").rglob("*.ipynb")}
    assert {path.relative_to(ROOT) for path in NOTEBOOKS} == found


def test_in_the_clone_it_opens_the_clone_itself_on_the_next_free_port(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(ROOT, "--port", port, home=tmp_path) as (process, address, token):
            assert urlsplit(address).port != port
            assert ask(address, token, "contents/Makefile")["type"] == "file"
            ended(process, tmp_path)
    assert "differ" not in (tmp_path / "out").read_text()


def test_make_lab_opens_the_clone():
    said = subprocess.run(["make", "--dry-run", "--no-print-directory", "--old-file=.venv/installed", "lab"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ".venv/bin/scorecam-denoise lab ."


def test_links_and_data_are_found_from_a_copied_notebook(copied):
    for path in (copied / "nbs").rglob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
        links = re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", prose) + re.findall(r"[\"'](\.\./\.\./data/[^\"']+)", code)
        assert not [link for link in links if not (path.parent / link).exists()], path.name


def test_the_index_runs_where_it_was_copied(copied):
    path = copied / "nbs" / "index.ipynb"
    NotebookClient(nbformat.read(path, as_version=4), timeout=120, kernel_name="python3", resources={"metadata": {"path": path.parent}}).execute()


def lab(folder, *options):
    "The command without the server: its exit status."
    return cli.main(["lab", str(folder), *options])


@pytest.fixture()
def served(monkeypatch) -> list:
    "What the server was started with, instead of it."
    calls = []
    monkeypatch.setattr(cli, "serve", lambda *given: calls.append(given))
    return calls


def test_options_reach_jupyter(served, tmp_path):
    assert lab(tmp_path) == 0 and lab(tmp_path, "--port", "9000", "--no-browser") == 0
    assert served == [(tmp_path, []), (tmp_path, ["--port=9000", "--no-browser"])]


def test_the_folder_has_a_name_of_its_own(served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab"]) == 0 and (tmp_path / "scorecam-notebooks" / "nbs" / "index.ipynb").is_file()


def test_a_changed_notebook_stays_and_a_missing_one_comes_back(served, tmp_path, capsys):
    assert lab(tmp_path) == 0 and "kept" not in capsys.readouterr().out
    (tmp_path / "nbs" / "00_core.ipynb").write_text("mine")
    (tmp_path / "nbs" / "index.ipynb").unlink()
    assert lab(tmp_path) == 0
    assert "kept as they are, though this version's differ: nbs/00_core.ipynb; for this version's name another folder" in capsys.readouterr().out
    assert (tmp_path / "nbs" / "00_core.ipynb").read_text() == "mine" and (tmp_path / "nbs" / "index.ipynb").is_file()


def test_many_changed_notebooks_are_counted(served, tmp_path, capsys):
    assert lab(tmp_path) == 0
    for path in sorted((tmp_path / "nbs" / "experiments").iterdir())[:5]:
        path.write_text("mine")
    assert lab(tmp_path) == 0 and "03_explainers_for_denoising.ipynb and 2 more;" in capsys.readouterr().out


def test_a_file_in_the_folders_place_is_one_clear_line(served, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("")
    for folder in (tmp_path / "notes.txt", tmp_path / "notes.txt" / "below"):
        assert lab(folder) == 2
        assert re.fullmatch(r"error: cannot write to \S+: (File exists|Not a directory): choose another folder\n", capsys.readouterr().err)
    assert not served


def test_a_folder_in_a_notebooks_place_is_one_clear_line(served, tmp_path, capsys):
    (tmp_path / "nbs" / "index.ipynb").mkdir(parents=True)
    assert lab(tmp_path) == 2 and not served
    assert re.fullmatch(r"error: \S+index.ipynb: Is a directory: .*\n", capsys.readouterr().err)


def test_a_folder_that_cannot_be_written_is_one_clear_line(served, tmp_path, capsys, monkeypatch):
    def refuse(dir):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert lab(tmp_path) == 2 and not served and not list(tmp_path.iterdir())
    assert re.fullmatch(r"error: cannot write to \S+: Read-only file system: choose another folder\n", capsys.readouterr().err)


@pytest.mark.parametrize("port", ["0", "70000", "near"])
def test_a_wrong_port_is_one_clear_line(port, served, tmp_path, capsys):
    assert lab(tmp_path / "books", "--port", port) == 2 and not served and not list(tmp_path.iterdir())
    assert re.fullmatch(r"error: .*--port.*\n", capsys.readouterr().err)


def test_without_jupyterlab_it_says_what_to_install(served, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    assert lab(tmp_path) == 2 and not served and not list(tmp_path.iterdir())
    assert capsys.readouterr().err == "error: JupyterLab is not installed: pip install 'scorecam_denoise[notebooks]'\n"


def test_a_package_without_notebooks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "files_of", lambda package: tmp_path / package)
    with pytest.raises(ScorecamError, match="no notebooks lie in .*scorecam_denoise or beside it"):
        cli.notebook_files()
