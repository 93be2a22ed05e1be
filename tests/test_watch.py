"The long watch: what it says of its sound is what its sound shows, however long it is and however it is cut."
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.ndimage import uniform_filter

from scorecam_denoise import watch as wa
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.scene import SCENES, SceneSettings, draw_design, hann_response
from scorecam_denoise.spectrogram import SpectrogramConfig, level_db, stft

CONFIG = SpectrogramConfig()
STEADY = SceneSettings(fading_db=0.0, intermittent=0.0)


def sound_of(folder) -> np.ndarray:
    "The recordings in a folder, one after another."
    return np.concatenate([soundfile.read(path, dtype="int16")[0] for path in sorted(folder.iterdir())])


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    "Ten busy minutes in one file, and their truth."
    folder = tmp_path_factory.mktemp("watch")
    return folder, wa.simulate_watch(folder, seed=3, seconds=600, file_seconds=600, passages=20, scene=STEADY)


def test_a_seed_makes_the_same_bytes(watch, tmp_path):
    folder, truth = watch
    again = wa.simulate_watch(tmp_path, seed=3, seconds=600, file_seconds=600, passages=20, scene=STEADY)
    pd.testing.assert_frame_equal(again, truth)
    assert next(tmp_path.iterdir()).read_bytes() == next(folder.iterdir()).read_bytes()


def test_another_seed_makes_another_watch(watch, tmp_path):
    wa.simulate_watch(tmp_path, seed=4, seconds=600, file_seconds=600, passages=20, scene=STEADY)
    assert not np.array_equal(sound_of(tmp_path), sound_of(watch[0]))


@pytest.mark.parametrize("file_seconds", [60, 47])
def test_a_watch_cut_into_files_is_the_same_watch(watch, tmp_path, file_seconds):
    folder, truth = watch
    cut = wa.simulate_watch(tmp_path, seed=3, seconds=600, file_seconds=file_seconds, passages=20, scene=STEADY)
    pd.testing.assert_frame_equal(cut, truth)
    np.testing.assert_array_equal(sound_of(tmp_path), sound_of(folder))


def test_recordings_follow_each_other_by_their_names(tmp_path):
    wa.simulate_watch(tmp_path, seconds=130, file_seconds=60, start="2024-06-01T23:59:00+02:00", ending=".wav", passages=0)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"watch.20240601T{clock}00Z.wav" for clock in ("2159", "2200", "2201")]
    assert [soundfile.info(tmp_path / name).frames for name in names] == [240_000, 240_000, 40_000]


def test_nothing_is_clipped_and_little_room_is_wasted(watch):
    loudest = abs(sound_of(watch[0]).astype(int)).max()
    assert 32768 / 30 < loudest < 32767


def test_the_truth_has_the_stated_columns_and_limits(watch):
    truth = watch[1]
    kinds = {"time": "float32", "frequency": "float32", "snr": "float32", "line": "int32", "ship": "int32", "label": "category"}
    assert truth.dtypes.astype(str).to_dict() == kinds
    assert truth.snr.min() >= -10 and truth.frequency.between(CONFIG.frequencies[0], CONFIG.frequencies[-1]).all()
    assert truth.time.between(0, 599).all() and not (truth.time % 1).any() and not truth.duplicated(["time", "line"]).any()
    assert (truth.groupby("line").ship.nunique() == 1).all() and (truth.groupby("ship").label.nunique() == 1).all()
    assert set(truth.label) <= {*STEADY.classes, "stranger"}


@pytest.mark.parametrize("seed", [1, 2])
def test_strong_lines_are_heard_at_the_snr_that_the_truth_states(tmp_path, monkeypatch, seed):
    what = dict(seed=seed, seconds=600, passages=8, scene=STEADY)
    truth = wa.simulate_watch(tmp_path / "all", **what)
    monkeypatch.setattr(wa, "transit_sound", lambda *_: 0)
    wa.simulate_watch(tmp_path / "noise", **what)
    level, noise = (level_db(stft(sound_of(tmp_path / name) / 32768, CONFIG), CONFIG) for name in ("all", "noise"))
    noise = 10 * np.log10(uniform_filter(10 ** (noise / 10), (5, 41)))
    strong = truth[(truth.snr > 10) & truth.frequency.between(40, 500)]
    place = (strong.frequency - CONFIG.frequencies[0]) / CONFIG.bin_hz
    row, frame = place.round().astype(int), (strong.time / CONFIG.seconds_per_frame).astype(int)
    expected = noise[row, frame] + 10 * np.log10(1 + 10 ** ((strong.snr + hann_response((row - place).values)) / 10))
    error = pd.DataFrame(dict(line=strong.line, error=level[row, frame] - expected)).groupby("line").error.median()
    assert len(error) >= 8 and abs(error.median()) < 0.2 and (error.abs() < 1.5).mean() > 0.8  # the rest lie beside a louder one


def test_a_ship_rises_to_its_closest_approach_and_falls(watch):
    settings = wa.choose_watch(CONFIG, dict(seconds=1800, passages=0, scene=STEADY, snr_db=(10, 10), strangers=0))
    sea, designs = wa.simulated_sea(settings, CONFIG, 0), wa.class_designs(STEADY, 0)
    how = dict(closest=900.0, seconds=600.0, ship=0, first_line=0)
    ship = wa.draw_transit(np.random.default_rng(0), settings, CONFIG, designs, sea, **how)
    middle, early, late = (ship.continuum_at(moment).sum() for moment in (900, 700, 1100))
    assert early < middle / 10 and late < middle / 10 and ship.continuum_at(590).sum() < 1e-12 * middle
    assert ship.begin == 600 and abs(ship.end - 1200) < 1


def test_classes_are_those_of_a_scene_of_the_same_seed():
    designs = wa.class_designs(SceneSettings(classes=("tug", "cargo")), 7)
    expected = draw_design(np.random.default_rng([7, 1, 1]), "cargo")
    assert [f.fundamental for f in designs["cargo"].families] == [f.fundamental for f in expected.families]


@pytest.mark.parametrize("share, labels", [(0.0, {"tug"}), (1.0, {"stranger"})])
def test_the_share_of_strangers_is_kept(tmp_path, share, labels):
    scene = SceneSettings(classes=("tug",))
    assert set(wa.simulate_watch(tmp_path, seconds=60, passages=200, strangers=share, scene=scene).label) == labels


def test_a_watch_without_ships_has_an_empty_truth(tmp_path):
    truth = wa.simulate_watch(tmp_path, seconds=30, passages=0)
    assert len(truth) == 0 and list(truth) == ["time", "frequency", "snr", "line", "ship", "label"]


def test_other_rates_and_bands(tmp_path):
    config = SpectrogramConfig(sample_rate=1000, n_fft=500, hop_length=250, n_frequency=200)
    truth = wa.simulate_watch(tmp_path, seconds=60, passages=120, config=config)
    assert soundfile.info(next(tmp_path.iterdir())).samplerate == 1000 and 0 < truth.frequency.max() <= config.frequencies[-1]


def test_memory_does_not_grow_with_the_watch():
    settings = wa.choose_watch(CONFIG, dict(seconds=1800))
    sea = wa.simulated_sea(settings, CONFIG, 0)
    tracemalloc.start()
    size = sum(sound.nbytes for sound, *_ in wa.watch_stretches(settings, CONFIG, sea, 0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 1800 * 4000 * 4 and peak < 0.75 * size


@pytest.fixture
def recording(tmp_path):
    "A minute and a half of noise at 8 kHz with a level of its own, as a recorder would leave it."
    sound = 0.02 * np.random.default_rng(0).standard_normal(8000 * 95)
    (tmp_path / "sea").mkdir()
    soundfile.write(tmp_path / "sea" / "noise.flac", sound, 8000, subtype="PCM_16")
    return tmp_path / "sea"


def test_a_real_background_is_heard_at_one_level_without_gaps(recording, tmp_path):
    wa.simulate_watch(tmp_path / "out", seconds=150, background=recording, passages=0)
    sound = sound_of(tmp_path / "out").reshape(-1, 2000).std(axis=1)
    assert sound.min() > 0.9 * sound.mean() and sound.max() < 1.1 * sound.mean()


def test_ships_are_set_against_the_real_background(recording, tmp_path):
    truth = wa.simulate_watch(tmp_path / "out", seconds=120, background=recording / "noise.flac", passages=60, snr_db=(10, 10))
    assert truth.snr.max() > 5 and truth.ship.nunique() >= 1


@pytest.mark.parametrize("changes, words", [
    (dict(seconds=5), "shorter than one tile"),
    (dict(seconds=float("nan")), "seconds=nan"),
    (dict(file_seconds=0), "file_seconds=0"),
    (dict(file_seconds=60.5), "file_seconds=60.5"),
    (dict(passages=-1), "passages=-1"),
    (dict(minutes=(20, 6)), "minutes="),
    (dict(snr_db=(15, 5)), "snr_db="),
    (dict(strangers=1.5), "strangers=1.5"),
    (dict(step=0), "step=0"),
    (dict(ending=".mp3"), "ending='.mp3'"),
    (dict(start="yesterday evening"), "start="),
    (dict(scene="default"), "SceneSettings"),
    (dict(scene=SceneSettings(classes=("yacht",))), "yacht"),
    (dict(weather="fine"), "weather: not a setting"),
])
def test_bad_settings_are_named(tmp_path, changes, words):
    with pytest.raises(ScorecamError, match=words.replace("(", r"\(")) as error:
        wa.simulate_watch(tmp_path, **changes)
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_a_background_that_cannot_be_used_is_named(tmp_path):
    soundfile.write(tmp_path / "short.wav", np.ones(4000), 4000)
    with pytest.raises(ScorecamError, match="longer than 31 s"):
        wa.simulate_watch(tmp_path / "out", seconds=60, background=tmp_path)
    with pytest.raises(ScorecamError, match="does not exist"):
        wa.simulate_watch(tmp_path / "out", seconds=60, background=tmp_path / "nowhere")


def test_ships_of_a_type_are_of_many_designs_where_the_scene_says_so():
    settings = wa.choose_watch(CONFIG, dict(seconds=3600, passages=10, strangers=0, scene=SCENES["types"]))
    shafts = [ship.passage.frequency[0, 0] for ship in wa.fleet(settings, CONFIG, wa.simulated_sea(settings, CONFIG, 0), 0)]
    assert len(set(shafts)) == len(shafts) > 2
