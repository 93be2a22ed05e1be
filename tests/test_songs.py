"Songs of two dialects: the truth is where the song is, the dialect is in shapes alone, and what cannot be is told."
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import class_folders
from scorecam_denoise.scene import own_pixels
from scorecam_denoise.songs import DIALECTS, SHAPES, SYLLABLES, TELLING, SongSettings, draw_male, note, on_background, simulate_songs, sing
from scorecam_denoise.spectrogram import SONG_CONFIGS, SongConfig, any_config, clip_image, draw_song, read_audio, song_power


@pytest.fixture(scope="module")
def scene():
    return simulate_songs(birds=8, clips=4, seed=3)


def test_stems_add_up_and_the_picture_is_that_of_the_sound(scene):
    for name, window in zip(scene.audio, scene.windows["image"].values):
        assert np.allclose(sum(scene.stems[name].values()), scene.audio[name], atol=1e-6)
        assert np.allclose(draw_song(song_power(scene.audio[name], scene.config), scene.config), window, atol=1e-6)


def test_the_song_dominates_the_pixels_that_are_called_its_own(scene):
    for name, syllable in zip(scene.audio, scene.windows["syllable"].values):
        song, rest = scene.stems[name]["song"], scene.audio[name] - scene.stems[name]["song"]
        own = syllable > 0
        assert own.any() and (song_power(song, scene.config)[own] >= 0.999 * song_power(rest, scene.config)[own]).all()


def test_syllables_are_numbered_where_and_when_they_are_sung(scene):
    times = scene.windows["time"].values
    for name, syllable in zip(scene.audio, scene.windows["syllable"].values):
        sung = scene.events[scene.events["recording"] == name]
        assert {SYLLABLES[number - 1] for number in np.unique(syllable[syllable > 0])} <= set(sung["syllable"])
        for number in np.unique(syllable[syllable > 0]):
            columns = np.flatnonzero((syllable == number).any(axis=0))
            of_type = sung[sung["syllable"] == SYLLABLES[number - 1]]
            inside = [((of_type["start"] - 0.05 <= t) & (t <= of_type["end"] + 0.45)).any() for t in times[columns]]  # 0.4 s: the longest tail
            assert all(inside)


def test_every_clip_holds_telling_syllables_of_one_kind(scene):
    for name, kind in zip(scene.windows["recording"].values, scene.windows["kind"].values):
        assert set(scene.events.query("recording == @name and telling")["syllable"]) == {kind} <= set(TELLING)


def test_the_snr_is_that_of_the_song_against_the_wind_in_its_own_pixels(scene):
    for name, snr in zip(scene.audio, scene.windows["snr"].values):
        song, ground = (song_power(scene.stems[name][part], scene.config) for part in ("song", "wind"))
        own = own_pixels(song, scene.settings.own_db)
        assert abs(10 * np.log10(song[own].mean() / ground[own].mean()) - snr) < 0.01


def test_dialects_share_frequencies_and_tempo_and_differ_in_shapes_of_telling_syllables_alone():
    assert {kind for kind in SYLLABLES if DIALECTS["north"][kind] != DIALECTS["south"][kind]} == set(TELLING)
    north, south = (draw_male(np.random.default_rng(5), "x", dialect, SongSettings(), SONG_CONFIGS["song-small"]) for dialect in DIALECTS)
    assert (north.syllables, north.songs, north.wind) == (south.syllables, south.songs, south.wind) and np.array_equal(north.transfer, south.transfer)
    sung = [sing(np.random.default_rng(1), male, kind, 24_000) for kind in SYLLABLES for male in (north, south)]
    assert [np.allclose(a, b) for a, b in zip(sung[::2], sung[1::2])] == [kind not in TELLING for kind in SYLLABLES]


def test_a_linear_model_on_band_levels_cannot_tell_the_dialect():
    windows = simulate_songs(birds=40, clips=4, seed=1, parts=False).windows
    levels = windows["image"].mean("time").values
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    right = cross_val_score(model, levels, windows["label"].values, groups=windows["group"].values, cv=GroupKFold(5))
    assert right.mean() < 0.75


@pytest.mark.parametrize("shape, order", [("rise", (0, 1)), ("fall", (1, 0))])
def test_notes_move_as_their_shape_says(shape, order):
    sound = note(shape, 2000, 4000, 0.2, 24_000)
    halves = [np.fft.rfftfreq(2400, 1 / 24_000)[np.abs(np.fft.rfft(part)).argmax()] for part in np.split(sound, 2)]
    assert np.argsort(halves).tolist() == list(order) and set(SHAPES) >= {shape}


def test_males_and_clips_have_streams_of_their_own(scene):
    one = simulate_songs(birds=8, clips=2, seed=3, groups={"south001"}, parts=False).windows
    same = scene.windows.isel(sample=scene.windows["group"].values == "south001")
    assert np.array_equal(one["image"].values, same["image"].values[:2])
    assert not np.array_equal(one["image"].values, simulate_songs(birds=8, clips=2, seed=4, groups={"south001"}, parts=False).windows["image"].values)


def test_a_scene_is_saved_with_sounds_stems_events_and_truth(scene, tmp_path):
    folder = scene.save(tmp_path / "scene")
    assert set(class_folders(folder / "audio")) == set(DIALECTS)
    with xr.open_dataset(folder / "truth.nc", engine="h5netcdf") as truth:
        assert np.array_equal(truth["syllable"], scene.windows["syllable"]) and truth.attrs["seed"] == 3
        gain = 10 ** (truth.attrs["sensitivity_db"] / 20)
    name = next(iter(scene.audio))
    sound, rate = read_audio(folder / "audio" / f"{name}.wav")
    assert rate == 24_000 and np.abs(sound / gain - scene.audio[name]).max() < 1e-3 * np.abs(scene.audio[name]).max()
    with pytest.raises(ScorecamError, match="parts=True"):
        simulate_songs(birds=2, clips=1, parts=False).save(tmp_path / "none")


def test_the_studys_large_picture_can_be_made():
    windows = simulate_songs(birds=2, clips=1, config=SONG_CONFIGS["song"]).windows
    assert windows["image"].shape == windows["syllable"].shape == (2, 480, 960)


@pytest.mark.parametrize("background", ["black", "white", "mixed"])
def test_backgrounds_turn_pictures_round_and_nothing_else(scene, background):
    windows = on_background(scene.windows, background, seed=2)
    white = windows["white"].values
    assert white.mean() == {"black": 0, "white": 1, "mixed": 0.5}[background]
    assert np.allclose(np.where(white[:, None, None], 1 - windows["image"], windows["image"]), scene.windows["image"], atol=1e-7)
    assert np.array_equal(windows["syllable"], scene.windows["syllable"]) and windows["image"].dtype == "float32"


@pytest.mark.parametrize("change, message", [
    (dict(colour=1), "not a setting"), (dict(snr_db=(5, 1)), "first not above"), (dict(insects=2.0), "probability"), (dict(songs=1), "2 or more"),
    (dict(whistle_hz=(0, 100)), "above 0"), (dict(centre_hz=(3000, 9000)), "highest note"), (dict(groups={"east000"}), "north000 to south"),
    (dict(groups=set()), "north000 to south"), (dict(groups="north000"), "expected a set"), (dict(whistle_hz=(100, 300), centre_hz=(400, 900)), "lowest note"), (dict(birds=0), "birds"), (dict(clips=1.5), "clips"), (dict(seed=-1), "seed"), (dict(others=-1), "0 calls"),
    (dict(snr_db="loud"), "snr_db"), (dict(config=SongConfig(seconds=1.0, n_time=60)), "3 s or more"),
])  # fmt: skip
def test_what_cannot_be_simulated_is_told(change, message):
    with pytest.raises(ScorecamError, match=message):
        simulate_songs(**{"birds": 4, "clips": 1} | change)


def test_windows_on_white_carry_settings_that_draw_on_white(scene):
    name = next(iter(scene.audio))
    for background in ("black", "white"):
        windows = on_background(scene.windows, background)
        config = any_config(windows.attrs["config"])
        assert config.background == background and np.allclose(clip_image(scene.audio[name], config), windows["image"][0], atol=1e-6)


@pytest.mark.parametrize("windows, background, message", [
    (lambda scene: scene.windows, "grey", "'black', 'white' or 'mixed'"),
    (lambda scene: on_background(scene.windows, "white"), "black", "turned already"),
    (lambda scene: on_background(scene.windows, "mixed"), "white", "turned already"),
    (lambda scene: simulate_songs(birds=2, clips=1, config=replace(SONG_CONFIGS["song-small"], background="white")).windows, "white", "turned already"),
    (lambda scene: scene.windows.drop_attrs(), "white", "no song pictures"),
])  # fmt: skip
def test_windows_that_cannot_be_turned_are_told(scene, windows, background, message):
    with pytest.raises(ScorecamError, match=message):
        on_background(windows(scene), background)
