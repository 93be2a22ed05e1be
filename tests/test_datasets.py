"Folders to windows and clips, splits that cut no group, annotations there and back."
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import xarray as xr

from scorecam_denoise import datasets as ds
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.spectrogram import SONG_CONFIGS, MelConfig, SongConfig, SpectrogramConfig, any_config, clip_image, level_db, mel_image, spectrogram_image, stft

CONFIG = SpectrogramConfig(n_fft=400, hop_length=200, n_frequency=32, n_time=16)
SONG = SongConfig(seconds=1.0, n_frequency=24, n_time=50)


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


@pytest.mark.parametrize("config, kind", [(MelConfig(), "mel spectrograms"), (SONG_CONFIGS["song-small"], "song spectrograms")])
def test_windows_of_clips_are_named_where_they_do_not_fit(config, kind):
    about = {"recording": ["a"], "group": ["a"], "start": [0]}
    windows = ds.make_windows(np.zeros((1, config.n_frequency, config.n_time)), ["x"], config=config, **about)
    assert any_config(windows.attrs["config"]) == config
    with pytest.raises(ScorecamError, match=f"windows of {kind}.*expected windows of a SpectrogramConfig"):
        ds.config_of(windows)


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


# clips

def write(path: Path, wave: np.ndarray, rate: int = 16_000):
    "A sound file in a folder that need not exist."
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype="FLOAT")


def noise(seconds: float, seed: int, rate: int = 16_000) -> np.ndarray:
    "White noise."
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate)).astype(np.float32)


def clips(folder, labels=None, **options):
    "The folder's clips, and what was warned of; without a progress bar."
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        windows = ds.read_clips(folder, labels, show_progress=False, **options)
    return windows, [str(warning.message) for warning in said]


@pytest.fixture
def recordings(tmp_path):
    "Coughs, one of them with a pause, one too short, and speech at two rates."
    paused = noise(4, 0)
    paused[16_000:40_000] *= 1e-4
    write(tmp_path / "cough" / "paused.wav", paused)
    write(tmp_path / "cough" / "short.wav", noise(0.8, 1))
    write(tmp_path / "speech" / "a.wav", noise(2.2, 2, 44_100), 44_100)
    write(tmp_path / "speech" / "narrow.wav", noise(2, 3, 8000), 8000)
    write(tmp_path / "speech" / "copy.wav", paused)
    write(tmp_path / "sneeze" / "a.wav", noise(1, 4))
    return tmp_path


@pytest.fixture
def songs(tmp_path):
    "Two dialects at 24 kHz, clips of 1 s: recordings that fit, are short, and end in a shorter and in a longer rest."
    for name, seconds in {"north/ada 1": 1, "north/ada 2": 0.5, "north/bo 1": 2.4, "south/cy 1": 2.6, "south/cy 2": 3}.items():
        write(tmp_path / f"{name}.wav", noise(seconds, sum(map(ord, name)), 24_000), 24_000)
    return tmp_path


def test_recordings_become_clips_of_one_second(recordings):
    windows, said = clips(recordings, {"cough": "positive", "speech": "negative"}, step=0.5)
    assert windows.image.dtype == np.float32 and windows.image.shape[1:] == (32, 32)
    of_cough = windows.isel(sample=windows.kind.values == "cough")
    assert of_cough.start.values.tolist() == [0, 0.5, 2, 2.5, 3] and set(of_cough.label.values) == {"positive"}
    of_speech = windows.isel(sample=windows.kind.values == "speech")
    assert of_speech.start.values.tolist() == [0, 0.5, 1] and set(of_speech.recording.values) == {"speech/a"} == set(of_speech.group.values)
    skipped = "\n".join(json.loads(windows.attrs["skipped"]))
    assert "short.wav: lasts 0.80 s" in skipped and "narrow.wav" in skipped and skipped.count("\n") == 2
    assert len(said) == 1 and said[0].startswith("3 of 5 files are not used") and windows.attrs["padded"] == "[]"
    expected = mel_image(soundfile.read(recordings / "cough" / "paused.wav", dtype="float32")[0][:16_000], MelConfig())
    np.testing.assert_array_equal(of_cough.image.values[0], expected)


def test_the_step_between_clips_is_chosen(recordings):
    assert clips(recordings, {"sneeze": "negative", "cough": "positive"}, step=1.0)[0].start.values.tolist() == [0, 0, 2, 3]
    assert clips(recordings, {"cough": "x"})[0].start.values.tolist() == [0, 2, 3]  # a clip's length


def test_a_folder_is_a_class_where_no_labels_are_given(songs):
    windows, _ = clips(songs, config=SONG)
    assert windows.label.values.tolist() == windows.kind.values.tolist() == ["north"] * 4 + ["south"] * 6
    assert any_config(windows.attrs["config"]) == SONG and windows.image.shape == (10, 24, 50)
    named, _ = clips(songs, {"south": "dialect 2"}, config=SONG)
    assert set(named.label.values) == {"dialect 2"} and set(named.kind.values) == {"south"}


def test_songs_that_are_short_or_end_in_half_a_clip_are_padded_and_it_is_said(songs):
    windows, said = clips(songs, config=SONG)
    starts = {name: windows.start.values[windows.recording.values == name].tolist() for name in dict.fromkeys(windows.recording.values)}
    assert starts == {"north/ada 1": [0], "north/ada 2": [0], "north/bo 1": [0, 1], "south/cy 1": [0, 1, 2], "south/cy 2": [0, 1, 2]}
    assert json.loads(windows.attrs["padded"]) == ["north/ada 2", "south/cy 1"] and windows.attrs["skipped"] == "[]"
    assert len(said) == 1 and "2 of 5 recordings" in said[0] and "clips shorter than 1 s" in said[0] and "north/ada 2" in said[0]
    wave, _ = soundfile.read(songs / "south" / "cy 1.wav", dtype="float32")
    last = windows.image.values[(windows.recording.values == "south/cy 1") & (windows.start.values == 2)][0]
    np.testing.assert_array_equal(last, clip_image(wave[48_000:], SONG))
    assert len(np.unique(last[:, 30:])) == 1 < len(np.unique(last[:, 29]))  # 0.6 s are 30 columns, the rest is silence


def test_nothing_is_said_where_nothing_is_padded(songs):
    (songs / "north" / "ada 2.wav").unlink()
    (songs / "south" / "cy 1.wav").unlink()
    write(songs / "north" / "nearly.wav", noise(0.9999, 7, 24_000), 24_000)  # less than a pixel is missing
    windows, said = clips(songs, config=SONG)
    assert not said and windows.attrs["padded"] == "[]" and "north/nearly" in windows.recording


@pytest.mark.parametrize("samples, step, expected", [
    (24_000, 24_000, [0]), (100, 24_000, [0]), (35_999, 24_000, [0]), (36_000, 24_000, [0, 24_000]), (60_000, 48_000, [0, 48_000]),
    (59_999, 48_000, [0]), (40_000, 6000, [0, 6000, 12_000]), (35_999, 18_000, [0]), (41_000, 18_000, [0, 18_000]), (59_999, 20_000, [0, 20_000, 40_000]),
])
def test_a_last_clip_holds_half_a_clip_that_no_other_holds(samples, step, expected):
    assert ds.clip_starts(samples, SONG, step).tolist() == expected


def test_groups_of_clips_come_from_names_and_functions(songs):
    assert set(clips(songs, config=SONG)[0].group.values) == {"north/ada 1", "north/ada 2", "north/bo 1", "south/cy 1", "south/cy 2"}
    assert set(clips(songs, config=SONG, group=r"^(\w+)")[0].group.values) == {"ada", "bo", "cy"}
    windows, _ = clips(songs, config=SONG, group=lambda path: path.stem[-1])
    assert dict(zip(windows.recording.values, windows.group.values))["south/cy 2"] == "2"
    with pytest.raises(ScorecamError, match="does not match 'ada 1'"):
        clips(songs, config=SONG, group="(z)")


def test_a_channel_of_clips_is_chosen(songs):
    both = np.stack([noise(1, 8, 24_000), noise(1, 9, 24_000)], axis=1)
    write(songs / "north" / "two.wav", both, 24_000)
    windows, said = clips(songs, config=SONG)
    assert "2 channels" in windows.attrs["skipped"] and len(said) == 2 and "north/two" not in windows.recording
    for channel, skipped in ((0, 0), (1, 5)):  # the others have one channel
        windows, _ = clips(songs, config=SONG, channel=channel)
        assert len(json.loads(windows.attrs["skipped"])) == skipped
        np.testing.assert_array_equal(windows.image.values[windows.recording.values == "north/two"][0], clip_image(both[:, channel], SONG))


def test_clips_that_cannot_be_made_are_listed_with_their_file(songs):
    (songs / "north" / "text.wav").write_text("no sound")
    write(songs / "north" / "silent.wav", np.zeros(24_000), 24_000)
    write(songs / "north" / "blink.wav", noise(0.01, 5, 24_000), 24_000)
    write(songs / "south" / "narrow.wav", noise(1, 6, 16_000), 16_000)
    windows, said = clips(songs, config=SONG)
    skipped = json.loads(windows.attrs["skipped"])
    assert [Path(reason.split(": ")[0]).name for reason in skipped] == ["blink.wav", "silent.wav", "text.wav", "narrow.wav"]
    assert "window" in skipped[0] and "nothing but zeros" in skipped[1] and said[0].startswith("4 of 9 files are not used")
    assert windows.sizes["sample"] == 10


def test_a_pause_at_the_end_of_a_song_is_no_clip(songs):
    wave = noise(1.6, 3, 24_000)
    wave[24_000:] *= 1e-4
    write(songs / "north" / "pause.wav", wave, 24_000)
    windows, _ = clips(songs, config=SONG)
    assert windows.start.values[windows.recording.values == "north/pause"].tolist() == [0]
    assert "north/pause" not in json.loads(windows.attrs["padded"])


@pytest.mark.parametrize("down_db, loud", [(0, True), (39.9, True), (40.1, False), (200, False)])
def test_clips_are_loud_down_to_40_db_below_the_loudest(down_db, loud):
    clip = noise(1, 4, 24_000)
    assert ds.loud_clips([clip, clip[:9000] * 0, clip * 10 ** (-down_db / 20)]).tolist() == [True, False, loud]


@pytest.mark.parametrize("labels, options, reason", [
    ({"cough": "positive", "laughter": "negative"}, {}, "no folder laughter: expected some of cough, sneeze, speech"),
    ({}, {}, "labels name no folder"), ({"cough": "positive"}, {"step": 0}, "step=0"), (None, {"step": "fast"}, "step='fast'"),
    ({"cough": 1}, {}, "expected a dictionary"), ({"cough": ""}, {}, "expected a dictionary"), ("cough", {}, "expected a dictionary"),
    (None, {"config": CONFIG}, "expected a MelConfig or a SongConfig"), (None, {"config": "song"}, "expected a MelConfig or a SongConfig"),
])
def test_wrong_questions_are_refused(recordings, labels, options, reason):
    with pytest.raises(ScorecamError, match=reason) as error:
        ds.read_clips(recordings, labels, show_progress=False, **options)
    assert "\n" not in str(error.value)


def test_missing_and_useless_folders_are_refused(tmp_path):
    with pytest.raises(ScorecamError, match="no such folder"):
        ds.read_clips(tmp_path / "nowhere", {"cough": "positive"})
    write(tmp_path / "cough" / "short.wav", noise(0.5, 0))
    with pytest.raises(ScorecamError, match="none of its 1 recordings can be used, first .*short.wav: lasts 0.50 s"):
        ds.read_clips(tmp_path, {"cough": "positive"}, show_progress=False)


def test_clips_of_real_recordings_are_read(shared_data):
    labels = {"Cough": "positive", "Breathing": "positive", "Speech": "negative"}
    windows, _ = clips(shared_data / "noise_of_life", labels, step=1.0)
    assert set(windows.kind.values) == set(labels) and windows.sizes["sample"] > 100
    assert any_config(windows.attrs["config"]) == MelConfig() and float(windows.image.max()) == 1


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
