"Folders to windows, splits that cut no group, annotations there and back."
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import xarray as xr

from scorecam_denoise import datasets as ds
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.spectrogram import SpectrogramConfig, level_db, spectrogram_image, stft

CONFIG = SpectrogramConfig(n_fft=400, hop_length=200, n_frequency=32, n_time=16)


def sound(path: Path, seconds: float = 2, seed: int | None = None, rate: int = 4000) -> Path:
    "A file of noise; another one for each name, unless a seed is given."
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(map(ord, str(path))) if seed is None else seed
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate)), rate)
    return path


@pytest.fixture
def folder(tmp_path):
    "Two classes with three recordings each."
    for label in ("fan", "pump"):
        for take in "abc":
            sound(tmp_path / "data" / label / f"{take}.wav")
    return tmp_path / "data"


def load(folder, **options):
    "The folder's windows, without a progress bar."
    return ds.load_folder(folder, config=CONFIG, show_progress=False, **options)


# windows

def test_windows_are_tiles_with_their_origin(folder):
    windows = load(folder)
    assert windows.image.dims == ("sample", "frequency", "time") and windows.image.dtype == np.float32
    assert set(windows.recording.values) == {f"{label}/{take}" for label in ("fan", "pump") for take in "abc"}
    assert list(windows.label.values) == [name.split("/")[0] for name in windows.recording.values]
    assert ds.config_of(windows) == CONFIG
    np.testing.assert_allclose(windows.frequency, CONFIG.frequencies)
    wave, _ = soundfile.read(folder / "fan" / "a.wav", dtype="float32")
    image = spectrogram_image(stft(wave, CONFIG), CONFIG)
    own = windows.isel(sample=windows.recording.values == "fan/a")
    np.testing.assert_allclose(own.start.values, [0, 0.4, 0.8, 1.2])  # 41 frames, tiles of 16 every 8
    np.testing.assert_allclose(own.image[3], image[:, 24:40], atol=1e-5)
    np.testing.assert_allclose(own.level[3], level_db(stft(wave, CONFIG), CONFIG)[:, 24:40], atol=1e-4)


def test_settings_that_are_none_are_refused(tmp_path):
    with pytest.raises(ScorecamError, match="from_json"):
        ds.load_folder(tmp_path, config="settings.json")


def test_a_tail_that_adds_little_is_no_window(tmp_path):
    path = sound(tmp_path / "a.wav", seconds=1.25)  # 26 frames: tiles at 0, 8 and, for 2 frames more, at 10
    assert list(ds.recording_windows(path, CONFIG)["start"]) == [0, 0.4]
    assert list(ds.recording_windows(sound(tmp_path / "b.wav", seconds=0.3), CONFIG)["start"]) == [0]


def test_windows_survive_netcdf(tmp_path, folder):
    windows = load(folder)
    mask = windows.image.values > 0.5
    config, columns = ds.config_of(windows), {name: windows[name].values for name in ("recording", "group", "start")}
    truth = {"tonal_mask": mask, "owner": mask.astype(np.int8), "snr": np.arange(float(len(mask)))}
    made = ds.make_windows(windows.image.values[..., None], windows.label.values, config=config, **columns, **truth)
    made.attrs |= windows.attrs
    made.to_netcdf(tmp_path / "w.nc", engine="h5netcdf")
    back = xr.load_dataset(tmp_path / "w.nc", engine="h5netcdf")
    xr.testing.assert_equal(back, made)
    assert ds.config_of(back) == config and back.tonal_mask.dtype == bool and back.owner.dtype == np.int8
    assert json.loads(back.attrs["skipped"]) == [] and back.snr.dims == ("sample",)


def test_windows_of_the_wrong_shape_are_refused():
    known = {"recording": ["a"], "group": ["a"], "start": [0], "config": CONFIG}
    with pytest.raises(ScorecamError, match=r"expected \(n, 32, 16\)"):
        ds.make_windows(np.zeros((1, 16, 32)), ["x"], **known)
    with pytest.raises(ScorecamError, match="labels|label"):
        ds.make_windows(np.zeros((1, 32, 16)), ["x", "y"], **known)
    with pytest.raises(ScorecamError, match="settings"):
        ds.config_of(xr.Dataset())


# folders as they are

def test_what_lies_about_is_told_apart(folder):
    sound(folder / "fan" / "monday" / "a.wav")
    sound(folder / "fan" / "a.flac")
    sound(folder / "fan" / ".hidden.wav")
    sound(folder / "fan" / "._a.wav")
    sound(folder / "loose.wav")
    (folder / ".git").mkdir()
    (folder / "fan" / "notes.txt").write_text("x")
    (folder / "fan" / "text.wav").write_text("no sound")
    (folder / "fan" / "empty.WAV").touch()
    (folder / "fan" / "copy.wav").write_bytes((folder / "fan" / "b.wav").read_bytes())
    sound(folder / "pump" / "short.wav", seconds=0.05)
    windows = load(folder)
    skipped = json.loads(windows.attrs["skipped"])
    reasons = {Path(entry.split(": ")[0]).name: entry for entry in skipped}
    assert set(reasons) == {"text.wav", "empty.WAV", "copy.wav", "short.wav"}
    assert "the same sound as" in reasons["copy.wav"] and "window" in reasons["short.wav"]
    assert {Path(name).name for name in json.loads(windows.attrs["ignored"])} == {"loose.wav", "notes.txt"}
    fans = set(windows.recording.values[windows.label.values == "fan"])
    assert fans == {"fan/a.flac", "fan/a.wav", "fan/b", "fan/c", "fan/monday/a"}
    groups = dict(zip(windows.recording.values, windows.group.values))
    assert groups["fan/a.flac"] == groups["fan/a.wav"] == "fan/a" != groups["fan/monday/a"]


@pytest.mark.parametrize("make, expected", [
    (lambda f: None, "no such folder"),
    (lambda f: f.mkdir(), "no folders with recordings"),
    (lambda f: sound(f / "a.wav"), "no folders with recordings"),
    (lambda f: [sound(f / "fan" / f"{n}.wav") for n in range(3)], "one class, fan"),
    (lambda f: [sound(f / "fan" / "a.wav"), (f / "pump").mkdir()], "pump: holds no recordings"),
    (lambda f: [sound(f / c / f"{n}.wav") for c, k in (("fan", 2), ("pump", 1)) for n in range(k)], "pump: one recording"),
    (lambda f: [sound(f / "fan" / "a.wav"), sound(f / "fan" / "b.wav"), sound(f / "pump" / "a.wav"),
                (f / "pump" / "b.wav").touch()], r"pump: one recording or group, pump/a \(1 cannot be used.*empty"),
    (lambda f: [sound(f / c / "a.wav", seconds=0.05) for c in ("fan", "pump")], "none of its 2 recordings"),
])
def test_a_folder_that_cannot_be_learnt_from_is_named(tmp_path, make, expected):
    make(tmp_path / "data")
    with pytest.raises(ScorecamError, match=expected) as caught:
        load(tmp_path / "data")
    assert str(tmp_path / "data") in str(caught.value) and "\n" not in str(caught.value)


def test_one_recording_is_enough_to_test_on(tmp_path):
    sound(tmp_path / "fan" / "a.wav")
    assert set(load(tmp_path, minimum=1).label.values) == {"fan"}


def test_groups_come_from_names(folder):
    windows = load(folder, group=lambda path: f"{path.parent.name}-{path.stem > 'a'}")
    assert set(windows.group.values) == {"fan-True", "fan-False", "pump-True", "pump-False"}
    assert set(load(folder, group="^([abc])").group.values) == {"a", "b", "c"}
    for pattern, reason in (("(x)", "does not match 'a'"), ("a", "0 groups"), ("(", "no regular expression")):
        with pytest.raises(ScorecamError, match=reason):
            load(folder, group=pattern)


def test_a_channel_is_chosen(folder):
    both = np.random.default_rng(0).standard_normal((8000, 2))
    soundfile.write(folder / "fan" / "two.wav", 0.1 * both, 4000)
    assert "2 channels" in load(folder).attrs["skipped"]
    assert "two.wav" not in load(folder, channel=0).attrs["skipped"]


@pytest.mark.skipif("SCORECAM_DATA" not in os.environ, reason="SCORECAM_DATA names no folder with real recordings")
def test_real_recordings_are_read(tmp_path):
    for label in ("007_Helicopter", "008_Chainsaw"):
        (tmp_path / label).mkdir()
        for path in sorted(Path(os.environ["SCORECAM_DATA"], "esc10", label).glob("*.ogg"))[::7]:
            (tmp_path / label / path.name).write_bytes(path.read_bytes())
    windows = ds.load_folder(tmp_path, group=r"^\d-(\d+)-", show_progress=False)
    assert windows.attrs["skipped"] == "[]" and len(set(windows.recording.values)) == 12
    assert 0.1 < float(windows.image.mean()) < 0.4


# splits

@pytest.mark.parametrize("seed", range(5))
def test_a_split_cuts_no_group_and_holds_every_class(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"{label}{n}" for label in "xyz" for n in range(8)], rng.integers(1, 9, 24))
    order = rng.permutation(len(groups))
    groups, labels = groups[order], np.array([name[0] for name in groups[order]])
    parts = ds.grouped_split(labels, groups, seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    members = [set(groups[part]) for part in parts]
    assert not members[0] & members[1] and not members[0] & members[2] and not members[1] & members[2]
    assert [len(m) for m in members] == [15, 3, 6] and all(set(labels[part]) == set("xyz") for part in parts)
    again = ds.grouped_split(labels[::-1], groups[::-1], seed=seed)
    assert [set(groups[::-1][part]) for part in again] == members
    assert any(set(groups[a]) != set(groups[b]) for a, b in zip(parts, ds.grouped_split(labels, groups, seed=seed + 10)))


def test_a_group_of_two_classes_stays_whole():
    labels, groups = np.array([0, 0, 1, 0, 1, 1, 0, 1]), np.array(["s", "s", "s", "a", "b", "c", "d", "b"])
    train, test = ds.grouped_split(labels, groups, fractions=0.5, seed=1)
    assert not set(groups[train]) & set(groups[test])


def test_groups_that_hold_several_classes_are_shared_out_too():
    labels, groups = np.tile(["a", "b"], 40), np.repeat(np.arange(20), 4)
    parts = ds.grouped_split(labels, groups, seed=0)
    assert sorted(np.concatenate(parts)) == list(range(80)) and [len(set(groups[part])) for part in parts] == [12, 3, 5]
    assert all(set(labels[part]) == {"a", "b"} for part in parts) and not set(groups[parts[0]]) & set(groups[parts[2]])
    few = ds.grouped_split([*labels, "a"], [*groups, 99], seed=0)  # one group of "a" alone: too few to share out
    assert 80 in few[0] and len(few[2]) == len(parts[2])



def test_a_split_that_cannot_be_is_refused():
    with pytest.raises(ScorecamError, match="class b has 1"):
        ds.grouped_split(["a", "a", "b"], [1, 2, 3], fractions=0.5)
    with pytest.raises(ScorecamError, match="add up to 1"):
        ds.grouped_split(["a", "a"], [1, 2], fractions=(0.5, 0.6))
    with pytest.raises(ScorecamError, match="one of each"):
        ds.grouped_split(["a", "a"], [1, 2, 3])


# annotations

TABLE = pd.DataFrame({
    "start": [0.5, 3.0], "end": [2.25, 3.0], "low": [118.0, np.nan], "high": [122.5, np.nan], "label": ["fän", "a knock"],
})  # fmt: skip


@pytest.mark.parametrize("write, read", [(ds.write_raven, ds.read_raven), (ds.write_audacity, ds.read_audacity)])
def test_annotations_there_and_back(tmp_path, write, read):
    write(tmp_path / "t.txt", TABLE)
    pd.testing.assert_frame_equal(read(tmp_path / "t.txt"), TABLE)
    write(tmp_path / "none.txt", TABLE[:0])
    assert len(read(tmp_path / "none.txt")) == 0
    with pytest.raises(ScorecamError, match="without low"):
        write(tmp_path / "t.txt", TABLE.drop(columns="low"))
    pd.testing.assert_frame_equal(read(tmp_path / "t.txt"), TABLE)
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    for bad in ("missing.txt", "binary"):
        with pytest.raises(ScorecamError, match=bad):
            read(tmp_path / bad)


def test_a_table_as_raven_writes_it(tmp_path):
    header = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)", "Species", "Score"]
    rows = [[1, "Waveform 1", 1, 1.5, 2.5, 100, 200, "whale", 7], [1, "Spectrogram 1", 1, 1.5, 2.5, 100, 200, "whale", 7],
            [2, "Spectrogram 1", 1, 4, 5, 300, 400, "", 8]]
    (tmp_path / "t.txt").write_text("\n".join("\t".join(map(str, row)) for row in [header, *rows]) + "\n")
    table = ds.read_raven(tmp_path / "t.txt")
    assert list(table.columns) == ["start", "end", "low", "high", "label", "Score"]
    assert list(table.label) == ["whale", ""] and list(table.start) == [1.5, 4]
    assert list(ds.read_raven(tmp_path / "t.txt", label="Score").label) == ["7", "8"]
    with pytest.raises(ScorecamError, match="no column 'Kind'"):
        ds.read_raven(tmp_path / "t.txt", label="Kind")


def test_a_raven_table_has_ravens_columns(tmp_path):
    ds.write_raven(tmp_path / "t.txt", TABLE.assign(snr_db=[7.0, 8.0]), channel=1)
    lines = (tmp_path / "t.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t") == ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)",
                                    "High Freq (Hz)", "SNR (dB)", "Label"]
    assert lines[1].split("\t") == ["1", "Spectrogram 1", "2", "0.500000", "2.250000", "118.000000", "122.500000", "7.000000", "fän"]
    assert list(ds.read_raven(tmp_path / "t.txt").snr_db) == [7, 8]


def test_a_track_as_audacity_writes_it(tmp_path):
    (tmp_path / "t.txt").write_bytes("\ufeff1,5\t2,5\tone\r\n\\\t100,0\t200,0\r\n\r\n3\t3\t\r\n\\\t-1.0\t-1.0\r\n4\t5\ttwo\twords\r\n".encode())
    table = ds.read_audacity(tmp_path / "t.txt")
    assert list(table.start) == [1.5, 3, 4] and list(table.label) == ["one", "", "two\twords"]
    assert table.low[0] == 100 and table.high[0] == 200 and table.low[1:].isna().all()
