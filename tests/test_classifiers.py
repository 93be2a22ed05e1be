"Networks that name clips: trained, saved, and explained."
import json
import shutil
import sys
import warnings
from dataclasses import replace
from functools import cache, partial

import keras
import numpy as np
import pytest
import soundfile
import xarray as xr
from machines import denoiser

import scorecam_denoise
from scorecam_denoise.attribution import AT_IMAGE, ATTRIBUTIONS, grad_cam
from scorecam_denoise.classifiers import (
    Classifier, along_time, check_explainers, class_index, clips_of, explain_clips, explain_images, fit_clips, hold_out, recording_accuracy, weights_id,
)
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import make_windows, read_clips
from scorecam_denoise.denoiser import ScoreCAMDenoiser, check_methods, explain_recording, load_model
from scorecam_denoise.networks import song_cnn
from scorecam_denoise.spectrogram import MelConfig, SongConfig, clip_image

CONFIG = SongConfig(seconds=1.0, n_frequency=40, n_time=60)
MEL = MelConfig()
SMALL = partial(song_cnn, filters=(8, 16), dense=16, embedding=16)


def song(label, seed, seconds=1.0, rate=24_000):
    "A bird that sweeps up, or down, once a second in noise, float32 (samples,)."
    rng = np.random.default_rng([seed, len(label)])
    t = np.arange(int(seconds * rate)) / rate
    where = (t % 1.0 - rng.uniform(0.1, 0.3)) / 0.5
    first, rise = (4000, 3000) if label == "up" else (7000, -3000)
    sweep = np.sin(np.pi * (first * where + 0.5 * rise * where**2) + rng.uniform(0, 6))
    return (sweep * (0 < where) * (where < 1) + 0.1 * rng.standard_normal(t.size)).astype("float32")


def clips(seeds, config=CONFIG):
    "One labelled clip of one recording for each bird and seed."
    names = [f"{label}/{seed}" for label in ("down", "up") for seed in seeds]
    images = [clip_image(song(label, seed, rate=config.sample_rate), config) for label in ("down", "up") for seed in seeds]
    labels = [name.partition("/")[0] for name in names]
    return make_windows(np.stack(images), labels, recording=names, group=names, start=np.zeros(len(names)), config=config)


@cache
def birds():
    "A classifier that has learnt twenty recordings of each bird."
    return fit_clips(clips(range(20)), build=SMALL, epochs=25, learning_rate=3e-3, patience=8, show_progress=False)


def untrained(config, **options):
    "A classifier that has learnt nothing."
    return Classifier(SMALL((config.n_frequency, config.n_time, 1), 2, **options), ("down", "up"), config)


def quiet(*arguments, **options):
    "`explain_clips` without its warnings and its bar."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return explain_clips(*arguments, show_progress=False, **options)


def test_figures_are_of_groups_that_were_not_learnt_from():
    windows, known = clips(range(20)), birds()
    learn, aside = hold_out(windows, 0.2, 0)
    assert known.classes == ("down", "up") and known.config == CONFIG
    assert known.figures["n_groups"] == known.figures["n_recordings"] == aside.sizes["sample"] == 8
    assert known.figures["learnt_groups"] == 32 and known.figures["learnt_recordings"] == {"down": 16, "up": 16}
    expected = recording_accuracy(known.predict_proba(aside["image"].values[..., None]), known.classes, aside)
    assert expected.items() <= known.figures.items() and known.figures["accuracy"] > 0.8
    assert not set(learn.group.values) & set(aside.group.values)


def test_recordings_of_one_bird_are_counted_as_one_group():
    windows = clips(range(4)).assign_coords(group=("sample", ["ada"] * 2 + ["bo"] * 2 + ["cy"] * 4))
    figures = recording_accuracy(np.tile([0.9, 0.1], (8, 1)), ("down", "up"), windows)
    assert (figures["accuracy"], figures["n_recordings"], figures["n_groups"]) == (0.5, 8, 3)


def test_the_same_seed_trains_the_same_classifier():
    first, second = (fit_clips(clips(range(4)), build=SMALL, epochs=2, show_progress=False) for _ in range(2))
    assert first.model_id == second.model_id and first.figures == second.figures


def test_without_a_test_nothing_is_said_of_it():
    known = fit_clips(clips(range(3)), build=SMALL, test=0, epochs=1, show_progress=False)
    assert "accuracy" not in known.figures and known.figures["learnt_groups"] == 6


def test_options_of_training_reach_it(monkeypatch):
    asked = {}
    fit = scorecam_denoise.classifiers.fit_classifier
    monkeypatch.setattr("scorecam_denoise.classifiers.fit_classifier", lambda *given, **options: asked.update(options) or fit(*given, **options))
    fit_clips(clips(range(4)), build=SMALL, epochs=1, augment=False, patience=2, show_progress=False)
    assert asked["augment"] is False and asked["patience"] == 2 and asked["epochs"] == 1
    assert asked["strangers"] == 0 and asked["n_bands"] == 0 and len(asked["groups"]) == 6


def ships():
    "Windows that a denoiser learns from."
    from machines import windows

    return windows(range(3))


@pytest.mark.parametrize("make, options, words", [
    (ships, {}, "ScoreCAMDenoiser learns from such windows"),
    (lambda: clips(range(4)).drop_attrs(), {}, "attrs\\['config'\\]"),
    (lambda: clips(range(4)).image.values, {}, "attrs\\['config'\\]"),
    (lambda: clips(range(4)).isel(sample=slice(4)), {}, "one class \\(down\\)"),
    (lambda: clips(range(2)), {}, "class down has 2 recordings.*test=0"),
    (lambda: clips(range(1)), {"test": 0}, "validation_fraction=0"),
    (lambda: clips(range(4)).assign(image=clips(range(4)).image * np.nan), {}, "NaN"),
    (lambda: clips(range(4)), {"test": 1}, "test=1"),
    (lambda: clips(range(4)), {"epochs": 0}, "epochs=0"),
    (lambda: clips(range(4)), {"build": song_cnn, "silence": 2}, "silence=2"),
])  # fmt: skip
def test_what_cannot_be_learnt_from_says_why(make, options, words):
    with pytest.raises(ScorecamError, match=words):
        fit_clips(make(), show_progress=False, **{"build": SMALL} | options)


@pytest.mark.parametrize("classes, config, words", [
    (("down", "up", "neither"), CONFIG, "2 outputs"), (("up", "up"), CONFIG, "2 outputs"), (("down", "up"), MEL, "\\(32, 32, 1\\)"),
    (("down", "up"), None, "MelConfig or SongConfig"),
])  # fmt: skip
def test_network_classes_and_settings_have_to_fit(classes, config, words):
    with pytest.raises(ScorecamError, match=words):
        Classifier(birds().network, classes, config)
    with pytest.raises(ScorecamError, match="functional Keras model"):
        Classifier("network.keras", ("down", "up"), CONFIG)


def test_images_of_another_size_are_refused():
    with pytest.raises(ScorecamError, match="this network takes \\(n, 40, 60, 1\\)"):
        birds().predict_proba(np.zeros((1, 60, 40, 1)))


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, background="white"), MEL], ids=["song", "white", "mel"])
def test_saved_and_loaded(tmp_path, config):
    known = untrained(config)
    again = Classifier.load(known.save(tmp_path / "model"))
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["classifier.json", "network.keras"]
    images = np.random.default_rng(0).random((3, config.n_frequency, config.n_time, 1), "float32")
    assert np.array_equal(again.predict_proba(images), known.predict_proba(images))
    assert (again.classes, again.config, again.figures, again.model_id) == (known.classes, known.config, known.figures, known.model_id)


def test_figures_survive(tmp_path):
    assert Classifier.load(birds().save(tmp_path / "model")).figures == birds().figures


def test_an_id_is_of_weights_classes_and_settings_together():
    known = untrained(CONFIG)
    others = Classifier(known.network, ("up", "down"), CONFIG), Classifier(known.network, known.classes, replace(CONFIG, fmin=1600.0)), untrained(CONFIG, seed=1)
    assert len({known.model_id, *(other.model_id for other in others)}) == 4


def test_an_id_tells_apart_what_would_run_together():
    ids = [Classifier(birds().network, classes, CONFIG).model_id for classes in (("ab", "c"), ("a", "bc"))]
    assert ids[0] != ids[1] and weights_id(birds().network) not in ids


@pytest.mark.parametrize("value", [object(), {"confusion": {1, 2}}, SMALL, {(0, 1): 2}, np.array([object()])], ids=["object", "set", "function", "key", "array"])
def test_a_figure_that_cannot_be_written_is_named_before_anything_is(tmp_path, value):
    known = Classifier(birds().network, ("down", "up"), CONFIG, {"accuracy": 0.5, "trained_on": value})
    with pytest.raises(ScorecamError, match="figure 'trained_on' is .*expected numbers, text, arrays"):
        known.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_figures_of_numpy_are_written_as_numbers(tmp_path):
    known = Classifier(birds().network, ("down", "up"), CONFIG, {"accuracy": np.float32(0.5), "confusion": np.eye(2, dtype=int)})
    assert Classifier.load(known.save(tmp_path / "model")).figures == {"accuracy": 0.5, "confusion": [[1, 0], [0, 1]]}


def test_an_interrupted_save_leaves_the_old_model_whole(tmp_path, monkeypatch):
    folder = birds().save(tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(keras.Model, "save", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        birds().save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_model_replaces_a_model_and_nothing_else(tmp_path):
    birds().save(tmp_path / "model")
    untrained(CONFIG).save(tmp_path / "model")
    denoiser().save(tmp_path / "model")
    assert Classifier.load(untrained(CONFIG).save(tmp_path / "model")).figures == {}
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(ScorecamError, match="no saved model"):
        birds().save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"


def damaged(folder, how):
    "A copy of the classifier, spoilt."
    birds().save(folder)
    file = folder / "classifier.json"
    about = json.loads(file.read_text())
    changes = {
        "other format": {"format": "something else"}, "other network": {"model_id": "0" * 12}, "another class": {"classes": ["down", "up", "neither"]},
        "other order": {"classes": ["up", "down"]}, "other size": {"config": about["config"] | {"n_time": 90}}, "bad settings": {"config": {"fmin": 3}},
    }  # fmt: skip
    if how == "foreign":
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "weights.bin").write_text("something")
    elif how == "network cut":
        (folder / "network.keras").write_bytes((folder / "network.keras").read_bytes()[:5000])
    elif how == "network gone":
        (folder / "network.keras").unlink()
    elif how == "network exchanged":
        untrained(CONFIG, seed=3).network.save(folder / "network.keras")
    elif how == "json cut":
        file.write_text(file.read_text()[:100])
    elif how == "no dictionary":
        file.write_text("[1, 2]")
    else:
        file.write_text(json.dumps(about | changes[how]))


@pytest.mark.parametrize("how", [
    "missing", "foreign", "network cut", "network gone", "network exchanged", "json cut", "no dictionary", "other format", "other network", "another class",
    "other order", "other size", "bad settings",
])  # fmt: skip
def test_a_damaged_or_foreign_folder_is_one_clear_error(tmp_path, how):
    if how != "missing":
        damaged(tmp_path / "model", how)
    for load in (Classifier.load, load_model):
        with pytest.raises(ScorecamError) as error:
            load(tmp_path / "model")
        assert str(tmp_path / "model") in str(error.value) and "\n" not in str(error.value)


def test_a_folder_tells_which_kind_of_model_it_holds(tmp_path):
    birds().save(tmp_path / "birds")
    denoiser().save(tmp_path / "machines")
    assert isinstance(scorecam_denoise.load_model(tmp_path / "birds"), Classifier) and isinstance(load_model(tmp_path / "machines"), ScoreCAMDenoiser)
    with pytest.raises(ScorecamError, match="holds a classifier of clips.*info.*explain"):
        ScoreCAMDenoiser.load(tmp_path / "birds")
    with pytest.raises(ScorecamError, match="holds a denoiser: read it with ScoreCAMDenoiser.load"):
        Classifier.load(tmp_path / "machines")


def test_clips_follow_each_other_and_what_remains_is_padded():
    sound = song("up", 1, seconds=2.25)
    images, starts, _, padded = clips_of(sound, CONFIG, rate=24_000)
    assert images.shape == (3, 40, 60, 1) and starts.tolist() == [0, 1, 2] and padded == 0.75
    assert np.array_equal(images[1, ..., 0], clip_image(sound[24_000:48_000], CONFIG)) and np.array_equal(images[2, ..., 0], clip_image(sound[48_000:], CONFIG))
    assert np.ptp(images[2, :, 15:]) == 0 and images[2, 0, 20, 0] == pytest.approx(np.median(images[2, :, :15]))
    assert clips_of(sound[:24_010], CONFIG, rate=24_000)[3] == 0  # less than a window is no clip


def test_the_last_clip_of_a_mel_network_is_taken_from_the_end():
    sound = song("up", 1, seconds=2.5, rate=16_000)
    images, starts, _, padded = clips_of(sound, MEL, rate=16_000)
    assert starts.tolist() == [0, 1, 1.5] and padded == 0 and np.array_equal(images[2, ..., 0], clip_image(sound[-16_000:], MEL))


def test_a_file_of_another_rate_is_read_as_a_waveform_is(tmp_path):
    sound = np.stack([song("up", 1, 1.5, 48_000), song("down", 1, 1.5, 48_000)], axis=1)
    soundfile.write(tmp_path / "both.wav", sound, 48_000, subtype="FLOAT")
    assert np.array_equal(clips_of(tmp_path / "both.wav", CONFIG, channel=1)[0], clips_of(sound[:, 1], CONFIG, rate=48_000)[0])


@pytest.mark.parametrize("config, sound, rate, words", [
    (CONFIG, song("up", 1), None, "its rate in Hz"), (CONFIG, song("up", 1), 8000, "take a higher rate"), (CONFIG, song("up", 1) * 0, 24_000, "zeros"),
    (CONFIG, song("up", 1) * np.nan, 24_000, "NaN"), (CONFIG, np.stack([song("up", 1)] * 2), 24_000, "shape"), (CONFIG, song("up", 1)[:300], 24_000, "one window"),
    (MEL, song("up", 1)[:15_000], 16_000, "0.94 s of sound: expected 1 s or more"), (SongConfig(n_frequency=40, n_time=240), np.eye(1, 96_000)[0], 24_000, "no sound in the band"),
])  # fmt: skip
def test_recordings_that_cannot_be_named_say_why_and_which(tmp_path, config, sound, rate, words):
    with pytest.raises(ScorecamError, match=words):
        clips_of(sound, config, rate=rate)
    if rate:
        soundfile.write(tmp_path / "bad.wav", sound.T, rate, subtype="FLOAT")
        with pytest.raises(ScorecamError, match="bad.wav"):
            clips_of(tmp_path / "bad.wav", config)


def test_a_missing_file_and_a_missing_channel_are_told(tmp_path):
    soundfile.write(tmp_path / "both.wav", np.stack([song("up", 1)] * 2, axis=1), 24_000)
    for path, words in ((tmp_path / "none.wav", "does not exist"), (tmp_path / "both.wav", "2 channels")):
        with pytest.raises(ScorecamError, match=words):
            quiet(birds(), path)


def test_one_call_explains_either_kind_of_model(tmp_path):
    soundfile.write(tmp_path / "up.wav", song("up", 60, seconds=2), 24_000, subtype="FLOAT")
    result = explain_recording(birds(), tmp_path / "up.wav")
    assert result.explainer.values.tolist() == ["grad-cam"] and result.layer.values.tolist() == ["conv_2"]
    assert result.saliency.dims == ("explainer", "frequency", "time") and result.saliency.shape == (1, 40, 120) and result.spectrogram.shape == (40, 120)
    assert np.allclose(result.frequency, CONFIG.frequencies) and result.time.values[61] == pytest.approx(61 / 60)
    assert result.frequency.units == "Hz" and result.time.units == result.tile.units == "s" and "each clip" in result.spectrogram.units
    about = result.attrs
    assert about["label"] == "up" and about["probability"] > 0.5 and about["recording"] == "up.wav" and about["model_id"] == birds().model_id
    assert about["padded_seconds"] == 0 and about["quiet_clips"] == 0 and SongConfig.from_json(about["config"]) == CONFIG
    assert result.tile_label.values.tolist() == ["up", "up"] and result.tile.values.tolist() == [0, 1] and result.flat_tiles.values.tolist() == [0]


@pytest.mark.parametrize("method", ATTRIBUTIONS)
def test_any_explainer_of_the_registry_explains_clips(method):
    result = quiet(birds(), song("down", 61, seconds=1.5), rate=24_000, methods=method)
    assert result.saliency.shape == (1, 40, 120) and result.layer.values.tolist() == ["image" if method in AT_IMAGE else "conv_2"]
    assert 0 <= result.saliency.min() and result.saliency.max() <= 1 and result.saliency.notnull().all() and result.saliency.max() > 0.5


def test_maps_are_the_networks_own_clip_by_clip():
    sound = song("up", 62, seconds=20)
    images, starts, *_ = clips_of(sound, CONFIG, rate=24_000)
    result = quiet(birds(), sound, rate=24_000, methods=["saliency", "grad-cam"], label="down")
    assert result.attrs["label"] == "down" and result.attrs["probability"] < 0.5 and len(starts) == 20
    assert np.allclose(result.saliency[1], along_time(grad_cam(birds().network, images, 0), starts, CONFIG), atol=1e-5)
    assert result.attrs["probability"] == pytest.approx(birds().predict_proba(images)[:, 0].mean(), abs=1e-6)


def test_levels_are_what_the_pictures_show_whatever_their_background():
    black, white = (quiet(untrained(replace(CONFIG, background=background)), song("up", 63), rate=24_000) for background in ("black", "white"))
    assert np.allclose(black.spectrogram, white.spectrogram, atol=1e-4) and 0 < black.spectrogram.max() <= 5 and -40 <= black.spectrogram.min() < -20


def test_padding_is_said():
    with pytest.warns(UserWarning, match="waveform: its last clip is padded by 0.7 s"):
        result = explain_clips(birds(), song("up", 64, seconds=1.3), rate=24_000, show_progress=False)
    assert result.attrs["padded_seconds"] == pytest.approx(0.7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain_clips(birds(), song("up", 64), rate=24_000, show_progress=False)


@pytest.mark.parametrize("factor", [0, 0.003])
def test_quiet_clips_keep_their_place_and_have_no_say(factor):
    sound = song("up", 65, seconds=3)
    alone = quiet(birds(), np.delete(sound, slice(24_000, 48_000)), rate=24_000)
    sound[24_000:48_000] = factor * song("down", 65)
    with pytest.warns(UserWarning, match="1 of its 3 clips are quiet .40 dB below the loudest, or more. and left out"):
        result = explain_clips(birds(), sound, rate=24_000, show_progress=False)
    assert result.attrs["quiet_clips"] == 1 and result.attrs["probability"] == pytest.approx(alone.attrs["probability"])
    assert result.tile_label.values.tolist() == ["up", "", "up"]
    assert not result.saliency[..., 60:120].any() and result.flat_tiles.values.tolist() == [0]
    assert (result.spectrogram[:, 60:120] == -40).all() == (factor == 0)
    assert np.allclose(result.saliency[..., 120:], alone.saliency[..., 60:], atol=1e-5)


def test_the_same_clips_have_a_say_that_are_learnt_from(tmp_path):
    loudness = np.repeat([1, 0.02, 0.005, 1e-4, 0.3], 24_000)
    sound = song("up", 68, seconds=5) * loudness.astype("float32")
    (tmp_path / "up").mkdir()
    soundfile.write(tmp_path / "up" / "fading.wav", sound, 24_000, subtype="FLOAT")
    read = read_clips(tmp_path, config=CONFIG, show_progress=False)
    images, starts, heard, _ = clips_of(tmp_path / "up" / "fading.wav", CONFIG)
    assert starts[heard].tolist() == read.start.values.tolist() == [0, 1, 4] and np.array_equal(images[heard, ..., 0], read.image.values)


def test_warnings_come_once_for_a_recording_whatever_its_length():
    sound = song("up", 69, seconds=12.5)
    sound[24_000:96_000] = 0
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        explain_clips(birds(), sound, rate=24_000, show_progress=False, methods=["grad-cam", "saliency"])
    assert [str(one.message).partition(": ")[2][:14] for one in told] == ["its last clip ", "3 of its 13 cl"]
    assert {one.filename for one in told} == {__file__}


def test_a_mel_networks_clips_overlap_at_the_end():
    result = quiet(untrained(MEL), song("up", 66, seconds=1.5, rate=16_000), rate=16_000)
    assert result.saliency.shape == (1, 32, 48) and result.tile.values.tolist() == [0, 0.5] and result.attrs["padded_seconds"] == 0


@pytest.mark.parametrize("options, words", [
    (dict(methods=["guess"]), "method 'guess' is not known: choose one of score-cam"), (dict(methods=[]), "is not known"),
    (dict(label="crow"), "label 'crow' is not known: this model knows down, up"), (dict(layer="conv_9"), "no spatial layer 'conv_9'.*conv_2"),
])  # fmt: skip
@pytest.mark.parametrize("call", [explain_clips, explain_recording])
def test_what_cannot_be_explained_is_told_before_anything_is_read(tmp_path, call, options, words):
    with pytest.raises(ScorecamError, match=words):
        call(birds(), tmp_path / "missing.wav", **options)


@pytest.mark.parametrize("method", [name for name in ("lime", "shap") if name in ATTRIBUTIONS])
def test_a_package_that_is_missing_is_told_before_anything_is_read(tmp_path, monkeypatch, method):
    for module in [module for module in sys.modules if module.partition(".")[0] == method]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, method, None)
    for model in (birds(), denoiser()):
        with pytest.raises(ScorecamError, match=f"{method} is not installed: pip install"):
            explain_recording(model, tmp_path / "missing.wav", methods=["grad-cam", method])


@pytest.mark.parametrize("method", ATTRIBUTIONS)
def test_any_explainer_can_be_checked_without_an_image(method):
    assert check_methods(denoiser(), [method, method]) == [method] == check_methods(birds(), method)


@pytest.mark.parametrize("asked, shown", [(None, True), (True, True), (False, False)])
def test_a_bar_of_a_classifier_is_shown_unless_it_is_not_wanted(monkeypatch, asked, shown):
    seen = []
    bar = scorecam_denoise.classifiers.progress
    monkeypatch.setattr("scorecam_denoise.classifiers.progress", lambda *given, **options: seen.append(not options["disable"]) or bar(*given, **options | dict(disable=True)))
    explain_recording(birds(), song("up", 70), rate=24_000, show_progress=asked)
    assert seen == [shown]


def test_methods_and_label_are_checked_once(monkeypatch):
    seen = []
    for name in ("check_explainers", "class_index"):
        check = getattr(scorecam_denoise.classifiers, name)
        for module in ("classifiers", "denoiser"):
            monkeypatch.setattr(f"scorecam_denoise.{module}.{name}", lambda *given, name=name, check=check, **options: seen.append(name) or check(*given, **options))
    explain_recording(birds(), song("up", 71), rate=24_000, label="up", show_progress=False)
    assert seen == ["check_explainers", "class_index"]


def test_without_a_method_a_model_has_its_own():
    assert check_methods(denoiser()) == ["score-cam"] and check_methods(birds()) == ["grad-cam"]


@pytest.mark.parametrize("method, knows", [("deeplift", True), ("score-cam", True), ("grad-cam", False), ("ensemble-mean", False)])
def test_a_baseline_goes_to_the_explainers_that_know_one(method, knows):
    images = np.random.default_rng(0).random((2, 40, 60, 1), "float32")
    maps = [explain_images(birds().network, images, 1, method=method, preset=None, baseline=baseline) for baseline in ("zero", "white")]
    assert np.array_equal(*maps) != knows


def test_classes_are_found_by_their_text():
    assert class_index((7, 30), "30") == 1 and check_explainers(birds().network, "saliency") == ["saliency"]


def test_a_result_can_be_written(tmp_path):
    result = quiet(birds(), song("up", 67, seconds=1.2), rate=24_000)
    result.to_netcdf(tmp_path / "result.nc", engine="h5netcdf")
    stored = xr.load_dataset(tmp_path / "result.nc", engine="h5netcdf")
    assert stored.attrs["padded_seconds"] == pytest.approx(0.8) and np.array_equal(stored.saliency, result.saliency)
    assert stored.tile_label.values.tolist() == result.tile_label.values.tolist()
