"Archives: the same results however they are cut, whoever does them, and whatever dies meanwhile."
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import soundfile
import typer
import xarray as xr
from archives import SETTINGS, content, finish, recordings, start, undisturbed, units_done, wait_for
from machines import CONFIG, denoiser, sound, trained

from scorecam_denoise.archive import ArchiveSettings, check_threads, connect, crew, denoise_archive, finish_recording, grid_of, plan_archive, read_summary, write_partitions
from scorecam_denoise.cli import archive
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.denoiser import ScoreCAMDenoiser
from scorecam_denoise.overview import open_masks
from scorecam_denoise.spectrogram import audio_info, n_frames, resampled_length, write_audio
from scorecam_denoise.stretches import line_strength, measure_stretch, read_levels, stretch_averages, stretch_points
from scorecam_denoise.tracks import describe, find_tracks, follow, significance


def run(source, out, **options):
    "A run in this process."
    return denoise_archive(trained() / "model", source, out, workers=0, show_progress=False, **SETTINGS | options)


def detections(out):
    "All rows of the dataset."
    return pd.concat([pd.read_parquet(path).assign(place=path.parent.parent.name) for path in sorted(out.glob("detections/*/*/*.parquet"))], ignore_index=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    "An undisturbed run's results."
    out = tmp_path_factory.mktemp("archive") / "out"
    run(recordings(), out)
    return out


# ---------------------------------------------------------------- stretches


@pytest.fixture(scope="module", params=[(2000, "wav"), (3000, "flac"), (44100, "ogg"), (8000, "mp3")], ids=lambda each: f"{each[0]}-{each[1]}")
def recording(request, tmp_path_factory):
    "A recording of 40 s at some rate in some format."
    rate, ending = request.param
    path = tmp_path_factory.mktemp("cuts") / f"both.{ending}"
    samples = np.concatenate([sound("pump", 70, seconds=20.3, rate=rate), sound("fan", 71, seconds=20, rate=rate)])
    soundfile.write(path, 0.3 * samples, rate)
    return audio_info(path)


@pytest.mark.parametrize("cuts", [[0, 1, 400], [0, 16, 32, 33, 400], [0, 395, 400], [0, 100, 200, 300, 400]], ids=str)
def test_masks_do_not_depend_on_the_cut(recording, cuts):
    frames = n_frames(resampled_length(recording.samples, recording.rate, CONFIG.sample_rate), CONFIG)
    whole = measure_stretch(denoiser(), recording, 0, frames)
    bounds = zip(cuts, [*cuts[1:-1], frames])
    parts = [measure_stretch(denoiser(), recording, first, stop) for first, stop in bounds]
    exact = 1e-6 if recording.path.suffix != ".mp3" else 1e-3  # a decoder that starts in the middle
    assert abs(np.concatenate([part.mask[:, part.inside] for part in parts], axis=1) - whole.mask).max() <= exact
    assert abs(np.concatenate([part.level[:, part.inside] for part in parts], axis=1) - whole.level).max() <= 1e3 * exact


def test_a_stretch_is_read_as_the_whole_recording(recording):
    frames = n_frames(resampled_length(recording.samples, recording.rate, CONFIG.sample_rate), CONFIG)
    level = read_levels(recording, CONFIG, 0, frames)[0]
    result = denoiser().denoise(recording.path)
    assert level.shape == result["spectrogram"].shape and abs(level - result["spectrogram"].values).max() < 2e-2


def test_points_of_stretches_give_the_tracks_of_the_whole(recording):
    whole = measure_stretch(denoiser(), recording, 0, 400)
    time = np.arange(400) * CONFIG.seconds_per_frame
    expected = find_tracks(whole.kept[:, :400], whole.level[:, :400], frequency=CONFIG.frequencies, time=time)
    assert len(expected) >= 3
    going, ended = None, []
    for bounds in ((0, 90), (90, 91), (91, 400)):
        tracks = follow(stretch_points(measure_stretch(denoiser(), recording, *bounds), CONFIG), before=going, max_gap=round(1 / CONFIG.seconds_per_frame))
        over = tracks["last"] < bounds[1] - 1 - round(1 / CONFIG.seconds_per_frame)
        ended.append(tracks[over])
        going = tracks[~over]
    tracks = pd.concat([*ended, going])
    lasting = tracks[(tracks["last"] - tracks["first"] + 1 >= 2 / CONFIG.seconds_per_frame) & (significance(tracks) >= 5.5)]
    found = describe(lasting, bin_hz=CONFIG.bin_hz, seconds_per_frame=CONFIG.seconds_per_frame).sort_values(["start", "frequency"], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected.drop(columns="label"), rtol=1e-3, atol=1e-2)


def test_one_class_can_be_asked_for(recording):
    named = measure_stretch(denoiser(), recording, 0, 200, label="fan")
    free = measure_stretch(denoiser(), recording, 0, 200)
    assert abs(named.shares - free.shares).max() < 1e-6 and abs(named.mask - free.mask).max() > 0.1


def test_what_has_no_line_is_not_asked_about(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(2000 * 60)
    path = tmp_path / "noise.wav"
    write_audio(path, [noise.astype("float32")], 2000)
    frames = n_frames(noise.size, CONFIG)
    skipped, asked = (measure_stretch(denoiser(), audio_info(path), 0, frames, first_pass=first) for first in (8.0, None))
    assert skipped.asked == 0 and not skipped.kept.any() and not skipped.mask.any()
    assert asked.asked == asked.tiles and asked.mask.any()


def test_a_short_tone_makes_a_tile_strong():
    level = np.random.default_rng(0).normal(0, 5.6, (1, 64, 32))
    assert line_strength(level, median_bins=31)[0] < 6
    level[0, 30, :8] += 20
    assert line_strength(level, median_bins=31)[0] > 7


def test_averages_are_means_of_power(recording):
    stretch = measure_stretch(denoiser(), recording, 0, 100)
    before, after = stretch_averages(stretch, 30).transpose(1, 0, 2)
    assert before.shape == (4, 64)
    np.testing.assert_allclose(before[1], 10 * np.log10((10 ** (stretch.level[:, 30:60].astype(float) / 10)).mean(axis=1)), rtol=1e-5)
    nothing = ~stretch.kept[:, 30:60].any(axis=1)
    assert np.isneginf(after[1][nothing]).all() and np.isfinite(after[1][~nothing]).all()


# ---------------------------------------------------------------- results


def test_the_results_are_complete(results):
    summary = read_summary(results)
    assert (summary["status"] == "done").all() and sorted(summary["seconds"]) == [20, 40, 40, 40]
    table = detections(results)
    counts = table.groupby(["recording", "place"]).size().unstack(fill_value=0)
    for row in summary.itertuples():
        assert counts.loc[row.recording].get("class=pump", 0) == row.pump and counts.loc[row.recording].get("class=fan", 0) == row.fan
    assert (table["end"] > table["start"]).all() and (table["high"] > table["low"]).all() and table["probability"].between(0, 1).all()
    begin = summary.set_index("recording")["utc"]
    assert ((table["utc"] - table["recording"].map(begin)).dt.total_seconds() - table["start"]).abs().max() < 0.002
    assert {path.parent.name for path in results.glob("detections/*/*/*.parquet")} == {f"day={day:%Y-%m-%d}" for day in table["utc"].dt.date.unique()}


def test_the_machines_tones_are_found_under_their_names(results):
    table = detections(results)
    for label, tones in {"pump": (150, 310, 520), "fan": (220, 410, 600)}.items():
        own = table[table["place"] == f"class={label}"]
        assert all((abs(own["frequency"] - tone) < 6).any() for tone in tones), label


def test_lines_go_on_across_units(results):
    assert (detections(results)["end"] - detections(results)["start"]).max() > 3 * SETTINGS["unit_seconds"]


def test_a_track_has_the_same_frequency_in_any_units(results, tmp_path):
    other = tmp_path / "out"
    run(recordings(), other, unit_seconds=11)
    tables = [detections(each).sort_values(["recording", "start", "frequency"], ignore_index=True) for each in (results, other)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-4, atol=1e-4)


def test_masks_are_read_by_xarray(results):
    name = sorted(recordings().iterdir())[0].name
    stored = open_masks(results, name)
    info = audio_info(recordings() / name)
    frames = n_frames(info.samples, CONFIG)
    assert stored["mask"].dims == ("time", "frequency") and stored["mask"].shape == (frames, 64)
    whole = measure_stretch(ScoreCAMDenoiser.load(trained() / "model"), info, 0, frames)
    assert abs(stored["mask"].values.T - whole.mask).max() <= 0.51 / 255
    raw = xr.open_zarr(results / "masks.zarr", group=name, consolidated=False, mask_and_scale=False)
    assert raw["mask"].dtype == "uint8" and pd.Timestamp(stored["utc"].values[0]) == read_summary(results).set_index("recording")["utc"][name].tz_localize(None)


def test_a_second_run_changes_nothing(results):
    before = content(results)
    run(recordings(), results)
    assert content(results) == before


def test_a_growing_archive_adds_to_its_results(tmp_path):
    source, files = tmp_path / "sounds", sorted(recordings().iterdir())
    source.mkdir()
    for file in files[:2]:
        shutil.copy(file, source)
    run(source, tmp_path / "out")
    (source / files[0].name).unlink()  # moved to tape: its results stay
    for file in files[2:]:
        shutil.copy(file, source)
    summary = run(source, tmp_path / "out")
    assert len(summary) == 4 and (summary["status"] == "done").all()
    assert content(tmp_path / "out") == undisturbed()


def test_partitions_close_with_their_day(tmp_path):
    import pyarrow as pa

    days = ["2024-01-01", "2024-01-02", "unknown"]
    tables = [(day, pd.DataFrame({"value": [n], "class": [label], "day": [later]})) for n, (day, label, later) in enumerate(
        [(days[0], "a", days[1]), (days[0], "a", days[0]), (days[1], "b c", days[1]), (days[1], "a", days[1]), (days[2], "a", days[2])]
    )]
    write_partitions(tmp_path / "set", iter(tables), ["class", "day"], pa.schema({"value": pa.int64()}), rows=1)
    read = {path.relative_to(tmp_path / "set").parent.as_posix(): pd.read_parquet(path)["value"].tolist() for path in (tmp_path / "set").rglob("*.parquet")}
    assert read == {"class=a/day=2024-01-01": [1], "class=a/day=2024-01-02": [0, 3], "class=b c/day=2024-01-02": [2], "class=a/day=unknown": [4]}


def test_units_hold_whole_averages_and_tiles():
    for seconds in (1, 10, 60, 333):
        unit, average = grid_of(ArchiveSettings(unit_seconds=1200, average_seconds=seconds), CONFIG)
        assert unit % average == 0 and average % CONFIG.tile_step == 0


def test_processes_keep_the_memory_that_they_need_again(monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    with crew(workers=1) as client:
        assert list(client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_").values()) == [None]
        assert list(client.run(os.environ.get, "OMP_NUM_THREADS").values()) == ["1"]


# ---------------------------------------------------------------- faults


def rerun_is_whole(out):
    "A rerun completes, and its bytes are those of an undisturbed run."
    assert finish(start(out, workers=2)) == (0, "")
    assert content(out) == undisturbed()


def test_a_killed_worker_is_replaced(tmp_path):
    process = start(tmp_path / "out", workers=2)
    wait_for(tmp_path / "out", 3, process)
    workers = [each for each in psutil.Process(process.pid).children(recursive=True) if "spawn_main" in " ".join(each.cmdline())]
    assert process.poll() is None and len(workers) >= 2
    workers[0].kill()
    assert finish(process)[0] == 0
    assert content(tmp_path / "out") == undisturbed()


def test_a_killed_client_leaves_what_is_done(tmp_path):
    process = start(tmp_path / "out", workers=2)
    wait_for(tmp_path / "out", 4, process)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive and units_done(tmp_path / "out") >= 4
    rerun_is_whole(tmp_path / "out")


def test_a_file_that_may_not_grow_stops_the_run_with_one_line(tmp_path):
    status, line = finish(start(tmp_path / "out", size=3000, workers=0))
    assert status == 2 and line.startswith("error: ") and "what is done is kept" in line
    rerun_is_whole(tmp_path / "out")


def test_what_has_no_unit_missing_is_finished_and_nothing_else(tmp_path):
    "A process that died while it removed units of a recording that is whole leaves that as it is."
    run(recordings(), tmp_path / "out")
    before, name = content(tmp_path / "out"), sorted(recordings().iterdir())[0].name
    config = ScoreCAMDenoiser.load(trained() / "model").config_
    who = json.loads((tmp_path / "out" / "archive.json").read_text())["model"]
    about = dict(out=tmp_path / "out", model=str(trained() / "model"), identity=who, settings=ArchiveSettings(**SETTINGS))
    plan = plan_archive(recordings(), config, retry=False, show_progress=False, **about)
    job = plan.set_index("recording")["job"][name]
    assert finish_recording(job) == "" and content(tmp_path / "out") == before
    job.part.unlink()
    with pytest.raises(ScorecamError, match="units of .* are missing: see that all workers have the same folder there"):
        finish_recording(job)


def test_what_a_user_keeps_there_stays(tmp_path):
    (tmp_path / "out" / ".Trash-1000").mkdir(parents=True)
    (tmp_path / "out" / ".Trash-1000" / "thesis.txt").write_text("mine")
    run(recordings(), tmp_path / "out")
    assert (tmp_path / "out" / ".Trash-1000" / "thesis.txt").read_text() == "mine"


def test_a_script_without_a_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"from scorecam_denoise.archive import denoise_archive\ndenoise_archive({str(trained() / 'model')!r}, {str(recordings())!r}, 'out', workers=1)\n")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.strip().splitlines()[-1].endswith("with workers=0") and "__main__" in done.stderr.strip().splitlines()[-1]


def test_ctrl_c_ends_a_run_with_one_line(tmp_path):
    command = [str(Path(sys.executable).parent / "scorecam-denoise"), "archive", trained() / "model", recordings(), "--out", tmp_path / "out", "--workers", "1"]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (tmp_path / "out" / "recordings.csv").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(6)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode in (0, 2) and error.count("\n") <= 1 and (process.returncode == 0 or error.startswith("error: interrupted"))


@pytest.fixture
def scheduler(tmp_path):
    "A Dask scheduler of one worker: its process and its address."
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    begin = lambda *command: subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process = begin("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(tmp_path / "scheduler.json"))
    while not (tmp_path / "scheduler.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
    worker = begin("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path))
    yield process, address
    for each in (worker, process):
        each.kill()
        each.wait()


def test_a_scheduler_s_workers_do_it_with_the_same_bytes(scheduler, tmp_path):
    assert finish(start(tmp_path / "out", scheduler=scheduler[1])) == (0, "")
    assert content(tmp_path / "out") == undisturbed()


def test_a_scheduler_that_dies_is_told(scheduler, tmp_path):
    process = start(tmp_path / "out", scheduler=scheduler[1])
    wait_for(tmp_path / "out", 2, process)
    scheduler[0].kill()
    status, line = finish(process)
    assert status == 2 and line.startswith("error: the Dask scheduler is gone") and "\n" not in line
    rerun_is_whole(tmp_path / "out")


def test_a_second_run_into_the_same_folder_is_refused(tmp_path):
    first = start(tmp_path / "out", workers=0)
    wait_for(tmp_path / "out", 1, first)
    first.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(ScorecamError, match="another run writes there"):
            run(recordings(), tmp_path / "out")
    finally:
        first.send_signal(signal.SIGCONT)
    assert finish(first)[0] == 0


@pytest.mark.parametrize("change", [dict(label="fan"), dict(threshold=0.3), dict(first_pass=None), dict(unit_seconds=9)], ids=str)
def test_other_settings_are_not_mixed(results, change):
    with pytest.raises(ScorecamError, match=f"was done with {next(iter(change))} .* choose another output folder"):
        run(recordings(), results, **change)


def test_another_model_is_not_mixed(results):
    other = denoiser()
    before = other.thresholds_
    try:
        other.thresholds_ = before + 0.01
        with pytest.raises(ScorecamError, match="was done with model .* choose another output folder"):
            denoise_archive(other, recordings(), results, workers=0, show_progress=False, **SETTINGS)
    finally:
        other.thresholds_ = before


# ---------------------------------------------------------------- bad input


@pytest.fixture
def spoilt(tmp_path):
    "A folder with one good recording and several bad ones."
    place = tmp_path / "sounds"
    place.mkdir()
    soundfile.write(place / "good.wav", sound("pump", 60, seconds=12), 2000)
    soundfile.write(place / "other rate.wav", sound("pump", 61, seconds=12.0004, rate=5000), 5000)
    soundfile.write(place / "slow.wav", sound("pump", 62, seconds=12)[::4], 500)
    soundfile.write(place / "short.wav", sound("pump", 63, seconds=0.05), 2000)
    soundfile.write(place / "silent.wav", np.zeros(24_000), 2000)
    soundfile.write(place / "stereo.wav", np.zeros((24_000, 2)), 2000)
    (place / "empty.wav").touch()
    (place / "text.wav").write_text("no sound")
    whole = (place / "good.wav").read_bytes()
    (place / "cut.wav").write_bytes(whole[:-1000])
    nan = sound("fan", 64, seconds=12)
    nan[20_000] = np.nan
    soundfile.write(place / "nan.wav", nan, 2000, subtype="FLOAT")
    return place


def test_bad_files_are_listed_with_reasons_and_the_others_done(spoilt, tmp_path):
    summary = run(spoilt, tmp_path / "out").set_index("recording")
    assert set(summary.index[summary["status"] == "done"]) == {"good.wav", "other rate.wav"}
    expected = {
        "slow.wav": "holds nothing above 250 Hz", "short.wav": "at least one window", "silent.wav": "nothing but zeros", "stereo.wav": "2 channels",
        "empty.wav": "is empty", "text.wav": "not readable as audio", "cut.wav": "truncated", "nan.wav": "NaN",
    }  # fmt: skip
    for name, words in expected.items():
        assert words in summary.loc[name, "reason"] and "\n" not in summary.loc[name, "reason"] and str(spoilt) not in summary.loc[name, "reason"]
    assert set(detections(tmp_path / "out")["recording"]) <= {"good.wav", "other rate.wav"}


def test_bad_files_are_tried_again_on_demand(spoilt, tmp_path):
    run(spoilt, tmp_path / "out")
    shutil.copy(spoilt / "good.wav", spoilt / "cut.wav")
    assert run(spoilt, tmp_path / "out").set_index("recording").loc["cut.wav", "status"] == "bad"
    assert run(spoilt, tmp_path / "out", retry=True).set_index("recording").loc["cut.wav", "status"] == "done"


def test_a_rerun_leaves_bad_ones_as_they_are_listed(spoilt, tmp_path):
    run(spoilt, tmp_path / "out")
    before = content(tmp_path / "out")
    run(spoilt, tmp_path / "out")
    assert content(tmp_path / "out") == before
    summary = read_summary(tmp_path / "out").set_index("recording")
    assert summary.loc["good.wav", ["fan", "pump"]].sum() == (detections(tmp_path / "out")["recording"] == "good.wav").sum() and summary["pump"].sum() > 0
    assert not (tmp_path / "out" / "masks.zarr" / "silent.wav").exists()


def test_another_sound_of_the_same_length_is_not_taken_for_done(spoilt, tmp_path):
    run(spoilt, tmp_path / "out")
    soundfile.write(spoilt / "good.wav", sound("fan", 66, seconds=12), 2000)
    assert run(spoilt, tmp_path / "out").set_index("recording").loc["good.wav", "status"] == "changed"


def test_another_channel_is_not_taken_for_done(tmp_path):
    both = np.stack([sound("pump", 67, seconds=12), sound("fan", 67, seconds=12)], axis=1)
    soundfile.write(tmp_path / "both.wav", both, 2000)
    for channel, status in ((0, "done"), (1, "changed")):
        (tmp_path / "list.csv").write_text(f"path,channel\nboth.wav,{channel}\n")
        assert run(tmp_path / "list.csv", tmp_path / "out")["status"].tolist() == [status]


def test_recordings_that_go_away_stop_the_run_and_are_not_bad(tmp_path, monkeypatch):
    source = tmp_path / "sounds"
    shutil.copytree(recordings(), source)

    def gone(denoiser, info, *_, **__):
        shutil.rmtree(source, ignore_errors=True)
        raise ScorecamError(f"{info.path}: cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr("scorecam_denoise.archive.measure_stretch", gone)
        with pytest.raises(ScorecamError, match="No such file.*what is done is kept"):
            run(source, tmp_path / "out")
    shutil.copytree(recordings(), source)
    assert (run(source, tmp_path / "out")["status"] == "done").all()


def test_a_file_that_changes_is_pointed_out(spoilt, tmp_path, capsys):
    plain = {name: getattr(ArchiveSettings(), name) for name in SETTINGS}  # those of the command
    run(spoilt, tmp_path / "out", **plain)
    soundfile.write(spoilt / "good.wav", sound("pump", 65, seconds=14), 2000)
    row = run(spoilt, tmp_path / "out", **plain).set_index("recording").loc["good.wav"]
    assert row["status"] == "changed" and "has changed since it was done" in row["reason"] and (detections(tmp_path / "out")["recording"] == "good.wav").any()
    with pytest.raises(typer.Exit):
        archive(str(trained() / "model"), str(spoilt), tmp_path / "out", workers=0)
    said = capsys.readouterr().out
    assert "1 changed since they were done: their earlier results are kept; --retry" in said and re.search(r"^\d+ left out; --retry", said, re.M)
    row = run(spoilt, tmp_path / "out", retry=True, **plain).set_index("recording").loc["good.wav"]
    assert row["status"] == "done" and row["seconds"] == 14


def test_a_file_that_is_cut_while_it_is_read_is_bad_and_done_when_it_is_back(tmp_path, monkeypatch):
    source = tmp_path / "sounds"
    shutil.copytree(recordings(), source)
    victim = sorted(source.iterdir())[-1]
    whole, measure = victim.read_bytes(), measure_stretch

    def cut(denoiser, info, first, stop, **options):
        if info.path == victim and first > 50:
            victim.write_bytes(whole[:60_000])
        return measure(denoiser, info, first, stop, **options)

    with monkeypatch.context() as patch:
        patch.setattr("scorecam_denoise.archive.measure_stretch", cut)
        summary = run(source, tmp_path / "out").set_index("recording")
    assert summary.loc[victim.name, "status"] == "bad" and "truncated" in summary.loc[victim.name, "reason"]
    victim.write_bytes(whole)
    run(source, tmp_path / "out", retry=True)
    assert content(tmp_path / "out") == undisturbed()


def test_a_clock_that_goes_backwards_is_told(tmp_path):
    source = tmp_path / "sounds"
    source.mkdir()
    for name in ("a_20240101_000000.wav", "b_20240101_000005.wav"):
        soundfile.write(source / name, sound("pump", 60, seconds=12), 2000)
    (source / "list.csv").write_text("path,recording,start\na_20240101_000000.wav,x1,2024-01-01T00:01:00Z\nb_20240101_000005.wav,x2,2024-01-01T00:00:05Z\n")
    trained()  # the command that trains it turns warnings off
    with pytest.warns(UserWarning, match="x2: begins at .* the clock goes backwards"):
        assert (run(source / "list.csv", tmp_path / "out")["status"] == "done").all()


def test_names_that_clash_are_refused(tmp_path):
    (tmp_path / "list.csv").write_text("path,recording\na.wav,x\nb.wav,x\n")
    with pytest.raises(ScorecamError, match="x"):
        run(tmp_path / "list.csv", tmp_path / "out")


@pytest.mark.parametrize("change, words", [
    (dict(label="whale"), "whale"), (dict(threshold=2), "outside"), (dict(unit_seconds=0), "unit_seconds"), (dict(colour="red"), "not a setting"), (dict(sensitivity_db=3), "sensitivity_db"),
])  # fmt: skip
def test_settings_are_checked_before_anything_is_written(tmp_path, change, words):
    with pytest.raises(ScorecamError, match=words):
        run(recordings(), tmp_path / "out", **change)
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_told(tmp_path):
    (tmp_path / "sounds").mkdir()
    with pytest.raises(ScorecamError, match="sounds"):
        run(tmp_path / "sounds", tmp_path / "out")


def test_a_run_that_found_nothing_claims_no_folder(tmp_path):
    with pytest.raises(ScorecamError, match="nowhere"):
        run(tmp_path / "nowhere", tmp_path / "out", channel=3)
    assert (run(recordings(), tmp_path / "out")["status"] == "done").all()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ScorecamError, match="thesis.txt"):
        run(recordings(), tmp_path / "out")


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ScorecamError, match="out"):
        run(recordings(), tmp_path / "out")
    with pytest.raises(ScorecamError, match="cannot write|Read-only|Permission|No such"):
        run(recordings(), "/proc/out")


def test_a_scheduler_that_is_not_there_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ScorecamError, match=f"no Dask scheduler answers at {address}"):
            connect(address)


def test_workers_of_several_threads_are_refused():
    check_threads({"tcp://a:1": 1, "tcp://b:1": 1})
    with pytest.raises(ScorecamError, match="tcp://b:1 has 2 threads"):
        check_threads({"tcp://a:1": 1, "tcp://b:1": 2})


def test_a_scheduler_without_workers_is_told():
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, processes=False, dashboard_address=None, protocol="tcp://") as cluster:
        with pytest.raises(ScorecamError, match="has no workers"):
            connect(cluster.scheduler_address, patience=1)
