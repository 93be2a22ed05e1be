"The files for several hosts: they load, our commands and Dask's understand them, and the page shows them as they are."
import importlib.util
import re
import shlex
import warnings

import click
import dask
import pytest
import typer
import yaml
from archives import recordings
from dask_jobqueue import SLURMCluster
from distributed import LocalCluster
from distributed.cli import dask_scheduler, dask_worker
from machines import trained
from notebooks import ROOT

from scorecam_denoise.cli import app

FOLDER = ROOT / "docs" / "clusters"
PAGE = ROOT / "nbs" / "clusters.md"


@pytest.fixture(scope="module")
def slurm():
    "slurm.py as a module."
    spec = importlib.util.spec_from_file_location("slurm_example", FOLDER / "slurm.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def services():
    "The services of compose.yaml."
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]


def understood(words):
    "The command that is named by the first words, and its options, where it knows them all."
    if words[0] == "dask":
        command = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}[words[1]]
        return command, command.make_context(words[1], list(words[2:]), ignore_unknown_options=False).params
    assert words[0] == "scorecam-denoise"
    command = typer.main.get_command(app).commands[words[1]]
    context = click.Context(command)
    return command, command.make_parser(context).parse_args(list(words[2:]))[0]


def script_of(**options):
    "The script that SLURM would be given, without the addresses and names that differ each time."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the dashboard has another port
        with SLURMCluster(**options, scheduler_options={"dashboard_address": ":0", "host": "127.0.0.1"}) as cluster:
            return re.sub(r"tcp://\S+", "ADDRESS", cluster.job_script())


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    "A folder for the logs of jobs."
    monkeypatch.chdir(tmp_path)


# ---------------------------------------------------------------- Docker


def test_compose_has_a_scheduler_workers_and_a_client_on_the_same_folders(services):
    assert list(services) == ["scheduler", "worker", "client"]
    folders = [[re.fullmatch(r"\$\{\w+:\?[^}]+\}(:.+)", volume)[1] for volume in service["volumes"]] for service in services.values()]
    assert folders == [[":/sounds:ro", ":/model:ro", ":/results"]] * 3


@pytest.mark.parametrize("name", ["scheduler", "worker", "client"])
def test_commands_of_compose_are_understood(services, name):
    assert understood(shlex.split(services[name]["command"]))


def test_a_worker_of_compose_has_one_thread_and_knows_the_scheduler(services):
    options = understood(shlex.split(services["worker"]["command"]))[1]
    port = understood(shlex.split(services["scheduler"]["command"]))[1]["port"]
    address = f"tcp://scheduler:{port}"
    assert options["nthreads"] == 1 and options["scheduler"] == address
    assert f"--scheduler {address}" in services["client"]["command"]


def test_workers_everywhere_keep_the_memory_that_they_need_again(services, slurm):
    wanted = {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": str(2**26), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
    assert wanted.items() <= services["worker"]["environment"].items()
    by_hand = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("export OMP"))
    for line in (by_hand, *slurm.WORKER["job_script_prologue"]):
        assert wanted.items() <= dict(word.split("=") for word in line.split()[1:]).items()


def test_the_image_is_made_of_what_the_project_has(services):
    build = services["worker"]["build"]
    copied = [path for line in build["dockerfile_inline"].splitlines() if line.startswith("COPY") for path in line.split()[1:-1]]
    assert len(copied) >= 6 and all(((FOLDER / build["context"]) / path).exists() for path in copied)


# ---------------------------------------------------------------- SLURM


def test_a_job_is_a_process_with_one_thread(slurm):
    script = script_of(**slurm.WORKER)
    command = shlex.split(next(line for line in script.splitlines() if "dask_worker" in line))
    options = dask_worker.main.make_context("worker", command[command.index("distributed.cli.dask_worker") + 1 :]).params
    assert (options["nthreads"], options["n_workers"]) == (1, None) and "#SBATCH --cpus-per-task=1" in script
    assert all(line in script for line in ("#SBATCH --mem=3G", "#SBATCH -t 24:00:00", "#SBATCH --requeue", "export OMP_NUM_THREADS=1"))


def test_the_configuration_says_the_same_as_the_script(slurm):
    settings = yaml.safe_load((FOLDER / "jobqueue.yaml").read_text(encoding="utf-8"))
    with dask.config.set(dask.config.merge(dask.config.config, dask.config.collect([str(FOLDER / "jobqueue.yaml")], env={}))):
        assert dask.config.get("jobqueue.slurm.processes") == 1
        assert script_of() == script_of(**slurm.WORKER)
    assert set(settings["jobqueue"]["slurm"]) <= set(dask.config.get("jobqueue.slurm"))


class Here(LocalCluster):
    "Processes of this machine where SLURM's jobs would be."

    def __init__(self, *, cores, processes, **_):
        super().__init__(n_workers=0, threads_per_worker=cores // processes, memory_limit=0, dashboard_address="localhost:0")

    def scale(self, jobs):
        super().scale(min(jobs, 1))


def test_the_script_does_an_archive(slurm, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(slurm, "SLURMCluster", Here)
    slurm.main(str(trained() / "model"), str(recordings()), str(tmp_path / "out"))
    assert re.search(r"done +4", capsys.readouterr().out) and (tmp_path / "out" / "overview.png").exists()


# ---------------------------------------------------------------- the page


@pytest.mark.parametrize("name", ["compose.yaml", "slurm.py", "jobqueue.yaml"])
def test_the_page_shows_the_files_as_they_are(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    kind = {"yaml": "yaml", "py": "python"}[name.rpartition(".")[2]]
    assert f"```{kind}\n{text}```\n" in PAGE.read_text(encoding="utf-8")


def test_commands_of_the_page_are_understood():
    shell = "".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S))
    commands = [shlex.split(line, comments=True) for line in shell.splitlines() if line.startswith(("dask", "scorecam"))]
    assert len(commands) == 4 and all(map(understood, commands))
