"The simulator: what it says of its sound is what its sound shows."
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import xarray as xr

from scorecam_denoise import scene as sc
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import grouped_split, load_folder
from scorecam_denoise.spectrogram import SpectrogramConfig, stft


@pytest.fixture(scope="module")
def scene():
    "Four classes, three ships each, one recording of each."
    return sc.simulate_scene("default", ships=3, recordings=1, seed=5)


def test_a_seed_makes_a_scene(scene):
    again = sc.simulate_scene("default", ships=3, recordings=1, seed=5, parts=False)
    assert scene.windows.identical(again.windows) and not again.audio
    other = sc.simulate_scene("default", ships=3, recordings=1, seed=6, parts=False)
    assert not np.array_equal(scene.windows.image, other.windows.image)


def test_a_longer_scene_begins_like_a_shorter_one(scene):
    short = sc.simulate_scene("default", ships=1, recordings=1, seed=5, parts=False).windows
    np.testing.assert_array_equal(short.image, scene.windows.image[:4])


def test_some_ships_are_made_without_the_others(scene):
    few = sc.simulate_scene("default", ships=3, recordings=1, seed=5, parts=False, groups={"tug/ship001", "cargo/ship002"}).windows
    assert set(few.group.values) == {"tug/ship001", "cargo/ship002"}
    for name in few.recording.values:
        np.testing.assert_array_equal(few.image[few.recording == name], scene.windows.image[scene.windows.recording == name])


def test_a_level_changes_nothing_but_the_level(scene):
    louder = sc.simulate_scene("default", ships=3, recordings=1, seed=5, parts=False, snr_db=(20.0, 20.0)).windows
    assert louder.recording.values.tolist() == scene.windows.recording.values.tolist()
    assert not (scene.windows.tonal_mask.values & (louder.owner.values == 0)).any()


def test_windows_carry_their_truth(scene):
    w = scene.windows
    assert w.sizes["sample"] == 12 and w.image.dtype == np.float32
    assert sorted(set(w.label.values)) == ["cargo", "passenger", "tanker", "tug"]
    assert (w.tonal_mask.values == (w.owner.values == 1)).all()
    assert ((w.line.values >= 0) == (w.owner.values > 1)).all()
    assert w.owner.values.min() == -1 and 0.005 < w.tonal_mask.values.mean() < 0.2
    assert (w.snr.values >= 7).all() and (w.snr.values <= 15).all()


def test_ships_are_groups_that_no_split_cuts():
    w = sc.simulate_scene("default", ships=3, recordings=2, seed=0, parts=False).windows
    assert len(set(w.group.values)) == 12 and len(set(w.recording.values)) == 24
    parts = [set(w.group.values[i]) for i in grouped_split(w.label.values, w.group.values, seed=0)]
    assert sum(map(len, parts)) == 12 and len(set.union(*parts)) == 12


def test_stems_add_up_to_the_recording(scene):
    for name, waveform in scene.audio.items():
        np.testing.assert_array_equal(sum(scene.stems[name].values()), waveform)
        assert waveform.dtype == np.float32 and len(waveform) == 64000


def measured_snr(stems: dict, hz: float, others: np.ndarray, config: SpectrogramConfig) -> float:
    "Per-bin SNR of a steady line of the target, from the spectra of its stems, against bins without a line."
    power = {name: (np.abs(stft(x, config)) ** 2).mean(axis=1) for name, x in stems.items()}
    middle = round(hz / config.bin_hz)
    around = np.r_[middle - 14 : middle - 4, middle + 5 : middle + 15]
    around = around[np.abs(around[:, None] * config.bin_hz - others).min(axis=1) > 3 * config.bin_hz]
    if len(around) < 6:
        return np.nan
    line = power["target"][middle - 2 : middle + 3].sum() - 5 * np.median(power["target"][around])
    noise = sum(np.median(p[around]) for p in power.values())
    return 10 * np.log10(max(line / 1.5, 1e-3 * noise) / noise)  # a Hann window spreads a line over 1.5 bins


def test_the_expected_snr_is_found_in_the_sound():
    scene = sc.simulate_scene("default", ships=3, recordings=1, seed=2, intermittent=0.0, fading_db=0.0)
    t, config, differences = scene.tracks, scene.config, []
    for row in t[(t.owner == 1) & (t.snr > 3) & (t.low > 60) & (t.high < 500) & (t.high - t.low < 2)].itertuples():
        near = t[(t.recording == row.recording) & (t.high > row.low - 8) & (t.low < row.high + 8)]
        if len(near) == 1:
            others = t[t.recording == row.recording][["low", "high"]].mean(axis=1).to_numpy()
            differences.append(measured_snr(scene.stems[row.recording], (row.low + row.high) / 2, others, config) - row.snr)
    differences = np.array(differences)[~np.isnan(differences)]
    assert len(differences) >= 10
    assert abs(np.mean(differences)) < 1.5 and np.std(differences) < 3


def test_interferers_of_labelled_classes_stay_3_db_below_the_target():
    rng = np.random.default_rng(0)
    designs = {kind: sc.draw_design(rng, kind) for kind in ("cargo", "tug", "tanker")}
    settings = sc.SceneSettings(interferers=(4, 4), stranger_db=(1.0, 2.0))
    known = {tuple(tuple(f.harmonic.tolist()) for f in d.families): label for label, d in designs.items()}
    labelled = 0
    for _ in range(20):
        for ship, db in sc.draw_others(rng, designs, "tug", settings):
            label = known.get(tuple(tuple(f.harmonic.tolist()) for f in ship.families))
            assert label != "tug" and (db <= -3 if label else db >= 1)
            labelled += label is not None
    assert 20 < labelled < 60


def test_named_scenes_say_how_hard_they_are():
    assert {"easy", "default", "hard", "crowded"} <= set(sc.SCENES)
    crowd = sc.simulate_scene("crowded", ships=1, recordings=1, seed=0)
    assert all(4 <= len(parts) - 1 <= 5 for parts in crowd.stems.values())  # target and 3–4 others


def test_a_real_recording_can_be_the_background(tmp_path):
    noise = 0.01 * np.random.default_rng(0).standard_normal(8000 * 40)
    soundfile.write(tmp_path / "sea.wav", noise, 8000)
    scene = sc.simulate_scene("default", ships=1, recordings=1, seed=0, background=tmp_path / "sea.wav")
    stretches = sc.background_stretches(tmp_path, scene.config, 16.0)
    assert stretches.shape == (2, 64000)
    for parts in scene.stems.values():
        assert any(np.array_equal(parts["ambient"], stretch) for stretch in stretches)
    image, owner = scene.windows.image.values, scene.windows.owner.values
    assert image[owner == 1].mean() > image[owner == 0].mean() + 0.15


def test_the_north_sea_can_be_the_background(shared_data):
    folder = shared_data / "north_sea_hydrophone"
    scene = sc.simulate_scene("default", ships=1, recordings=1, seed=0, background=folder, parts=False)
    image, owner = scene.windows.image.values, scene.windows.owner.values
    assert image[owner == 1].mean() > image[owner == 0].mean() + 0.1


def test_a_scene_is_saved_as_train_and_evaluate_read_it(scene, tmp_path):
    folder = scene.save(tmp_path / "scene")
    truth = xr.load_dataset(folder / "truth.nc", engine="h5netcdf")
    for name in ("image", "owner", "line", "tonal_mask", "snr", "recording"):
        np.testing.assert_array_equal(truth[name].values, scene.windows[name].values)
    assert SpectrogramConfig.from_json(truth.attrs["config"]) == scene.config and truth.attrs["seed"] == 5
    scale = 10 ** (truth.attrs["sensitivity_db"] / 20)
    for name, waveform in scene.audio.items():
        stored, rate = soundfile.read(folder / "audio" / f"{name}.wav")
        parts = [soundfile.read(path)[0] for path in sorted((folder / "stems" / name).iterdir())]
        assert rate == scene.rate and len(parts) == len(scene.stems[name])
        np.testing.assert_allclose(stored, scale * waveform, atol=1e-6)
        np.testing.assert_allclose(sum(parts), stored, atol=1e-6)
    tracks = pd.read_csv(folder / "tracks.csv")
    assert len(tracks) == len(scene.tracks) and list(tracks) == list(scene.tracks)


def test_a_saved_scene_is_a_folder_of_classes(scene, tmp_path):
    folder = scene.save(tmp_path / "scene")
    windows = load_folder(folder, show_progress=False)
    same = windows.isel(sample=windows.start.values == 0)
    own = scene.windows.sortby("recording").isel(sample=scene.windows.sortby("recording").start.values == 0)
    np.testing.assert_array_equal(same.recording, own.recording)
    np.testing.assert_array_equal(same.group, own.group)
    assert np.abs(same.image.values - own.image.values).mean() < 0.01
    assert set(load_folder(folder, group=r"(ship\d+)", show_progress=False).group.values) == {"ship000", "ship001", "ship002"}
    (folder / "truth.nc").write_text("no truth")
    with pytest.raises(ScorecamError, match="truth.nc is damaged"):
        load_folder(folder, show_progress=False)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((["nowhere"], {}), "nowhere.*choose one of easy, default"),
        ((["default"], {"boats": 3}), "boats: not a setting"),
        ((["default"], {"classes": ("cargo", "canoe")}), "canoe: not a type of vessel"),
        ((["default"], {"ships": 0}), "expected 1 or more"),
        ((["default"], {"seconds": 3.0}), "shorter than one tile of 16 s"),
        ((["default"], {"background": "no_such.wav"}), "no_such.wav"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_said_in_a_line(arguments, words):
    positional, named = arguments
    with pytest.raises(ScorecamError, match=words) as error:
        sc.simulate_scene(*positional, **named)
    assert "\n" not in str(error.value)


def test_a_background_that_is_too_short_is_refused(tmp_path):
    soundfile.write(tmp_path / "short.wav", np.random.default_rng(0).standard_normal(8000) * 0.1, 8000)
    with pytest.raises(ScorecamError, match="at least 16 s"):
        sc.simulate_scene("default", ships=1, background=Path(tmp_path))


def test_a_scene_that_cannot_be_written_is_refused(scene, tmp_path):
    (tmp_path / "file").write_text("taken")
    with pytest.raises(ScorecamError, match="cannot write"):
        scene.save(tmp_path / "file" / "scene")


# sounds in a room

@pytest.mark.parametrize("seconds, db", [(0.2, -10), (0.5, -4)])
def test_a_rooms_tail_has_the_energy_and_the_decay_asked_for(seconds, db):
    rate, flat = 16_000, (np.log([5, 20000]), np.zeros(2))
    transfer = sc.draw_transfer(np.random.default_rng(0), flat, rate, rate, reverb_seconds=(seconds, seconds), reverb_db=(db, db))
    answer = np.fft.irfft(transfer)
    assert transfer.dtype == np.complex64 and answer.size >= 1.5 * rate
    assert answer[0] == pytest.approx(1, abs=1e-4) and 10 * np.log10(np.sum(answer[1 : rate // 2] ** 2)) == pytest.approx(db, abs=0.01)
    level = [10 * np.log10(np.mean(answer[round(at * rate) :][: rate // 50] ** 2)) for at in (0.01, 0.11)]
    assert level[0] - level[1] == pytest.approx(60 * 0.1 / seconds, rel=0.15)


def test_a_recorder_colours_direct_sound_and_tail_alike():
    rng = lambda: np.random.default_rng(1)
    corners, flat = sc.draw_response(rng()), (np.log([5, 20000]), np.zeros(2))
    room = dict(samples=8000, rate=8000, reverb_seconds=(0.3, 0.3), reverb_db=(-6, -6))
    ratio = sc.draw_transfer(rng(), corners, **room) / sc.draw_transfer(rng(), flat, **room)
    hz = np.fft.rfftfreq(2 * (len(ratio) - 1), 1 / 8000)
    np.testing.assert_allclose(20 * np.log10(abs(ratio)), np.interp(np.log(np.maximum(hz, 5)), *corners), atol=1e-3)


def test_own_pixels_of_silence_are_none():
    assert not sc.own_pixels(np.zeros((3, 4))).any()
    assert sc.own_pixels(np.array([[1.0, 0.2, 0.05]]), own_db=10).tolist() == [[True, True, False]]
