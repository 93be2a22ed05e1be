"An archive of a few short recordings, runs of it in processes of their own, and what they leave."
import json
import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import soundfile
from machines import sound, trained

SETTINGS = dict(unit_seconds=4, average_seconds=3, masks=True)
RUN = """
import json, resource, sys
from scorecam_denoise.archive import connect, denoise_archive
from scorecam_denoise.core import ScorecamError
if __name__ == "__main__":
    model, source, out, options, size = sys.argv[1:]
    if int(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
    options = json.loads(options)
    try:
        client = connect(options.pop("scheduler")) if "scheduler" in options else None
        denoise_archive(model, source, out, client=client, show_progress=False, **options)
    except ScorecamError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
"""


@cache
def recordings():
    "A folder of four recordings of two machines, with clocks in their names; model beside it in machines.trained()."
    place = Path(mkdtemp(prefix="archive-")) / "sounds"
    place.mkdir()
    contents = {"20240101_235000": ["pump", "fan"], "20240101_235500": ["fan"], "20240101_235945": ["pump", "pump"], "20240102_000500": ["fan", "pump"]}
    for number, (clock, labels) in enumerate(contents.items()):
        samples = np.concatenate([sound(label, 50 + 2 * number + i, seconds=20) for i, label in enumerate(labels)])
        soundfile.write(place / f"hall_{clock}.wav", samples, 2000)
    return place


def start(out, size=0, source=None, **options):
    "A run in a process of its own; `size` (bytes): no file may grow beyond it."
    script = Path(mkdtemp(prefix="run-")) / "run.py"
    script.write_text(RUN)
    given = [trained() / "model", source or recordings(), out, json.dumps(SETTINGS | options), size]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, script, *map(str, given)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)


def finish(process, seconds=240):
    "Its exit status, and its last line of standard error."
    _, error = process.communicate(timeout=seconds)
    return process.returncode, (error.strip().splitlines() or [""])[-1]


def content(out):
    "The bytes of every file of an archive's results."
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@cache
def undisturbed():
    "The bytes of a run in a process of its own that nothing disturbed."
    out = Path(mkdtemp(prefix="undisturbed-")) / "out"
    assert finish(start(out, workers=0)) == (0, "")
    return content(out)


def units_done(out):
    "How many units and recordings are written down."
    return len(list(Path(out).glob("parts/*/*.npz"))) + len(list(Path(out).glob("parts/*/*.units/*.npz")))


def wait_for(out, count, process, seconds=120):
    "Waits until so many units are done, or the run has ended."
    end = time.monotonic() + seconds
    while units_done(out) < count and process.poll() is None:
        assert time.monotonic() < end, f"{units_done(out)} of {count} units after {seconds} s"
        time.sleep(0.01)
