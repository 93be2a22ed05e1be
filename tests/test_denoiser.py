"The estimator: conventions, masks, results, files, and what is refused."
import json
import shutil
from copy import copy

import keras
import numpy as np
import pytest
import soundfile
import xarray as xr
from machines import CONFIG, TONES, denoiser, images, sound, windows
from sklearn.base import clone

from scorecam_denoise.attribution import ATTRIBUTIONS
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.denoiser import (
    ScoreCAMDenoiser, class_index, class_masks_for, class_shares, explain, exemplars_of, explain_recording, labelled, learn_line_weight, write_result,
)  # fmt: skip
from scorecam_denoise.masks import at_peaks, overlay
from scorecam_denoise.representatives import answers


def bins(label):
    "The rows of a machine's tones."
    return [int(np.argmin(abs(CONFIG.frequencies - f))) for f in TONES[label]]


def test_it_keeps_the_conventions_of_scikit_learn():
    fresh = clone(denoiser())
    assert fresh.get_params() == denoiser().get_params()
    assert not [name for name in vars(fresh) if name.endswith("_")]
    assert fresh.set_params(overlay="add").overlay == "add"


def test_it_names_recordings_it_never_heard():
    pictures, labels = images(range(50, 60))
    assert np.mean(denoiser().predict(pictures) == labels) >= 0.9
    assert np.allclose(denoiser().predict_proba(pictures).sum(axis=1), 1, atol=1e-5)


def test_the_class_mask_knows_its_own_tones():
    for label, other in (("pump", "fan"), ("fan", "pump")):
        mask = denoiser().class_mask(label)
        assert mask.shape == (64, 32) and 0 <= mask.min() and mask.max() <= 1
        assert mask[bins(label)].mean() > 2 * mask[bins(other)].mean()


def changed(**learnt):
    "A copy of the denoiser that has learnt something else."
    other = copy(denoiser())
    vars(other).update(learnt)
    return other


def test_each_witness_names_the_class_and_without_lines_the_network_is_alone():
    pictures, labels = images(range(50, 60))
    alone, blind = changed(line_weight_=0.0), changed(line_weight_=1.0, model_=keras.models.clone_model(denoiser().model_))
    assert np.array_equal(alone.predict_proba(pictures), answers(alone.model_, pictures))
    assert alone.predict_proba(pictures).dtype == blind.predict_proba(pictures).dtype == np.float32
    assert np.mean(answers(blind.model_, pictures).argmax(axis=1) == (labels == "pump")) < 0.9 <= np.mean(blind.predict(pictures) == labels)


def test_the_lines_count_unless_unheard_images_speak_against_them():
    pictures, labels = images(range(50, 60))
    truth = (labels == "pump").astype(int)
    misled = changed(registered_=denoiser().registered_[::-1])
    assert learn_line_weight(denoiser(), pictures, truth) == 1
    assert learn_line_weight(misled, pictures, truth) <= 0.1
    assert learn_line_weight(misled, pictures[:2], truth[:2]) <= 0.1  # few windows are no consent
    assert learn_line_weight(denoiser(), pictures[:0], truth[:0]) == 0.5
    assert learn_line_weight(clone(denoiser()).set_params(line_weight=0.3), pictures, truth) == 0.3


def test_masks_are_those_of_the_class_asked_for():
    pictures, labels = images(range(50, 54))
    predicted = denoiser().mask(pictures)
    assert predicted.shape == (8, 64, 32) and 0 <= predicted.min() and predicted.max() <= 1
    assert np.array_equal(denoiser().mask(pictures, "fan"), denoiser().mask(pictures, ["fan"] * 8))


def test_without_a_label_class_masks_are_mixed_by_their_probability():
    pictures, _ = images(range(50, 54))
    fan, pump, both = (class_masks_for(denoiser(), pictures, np.tile(np.float32(bet), (8, 1))) for bet in ([1, 0], [0, 1], [0.75, 0.25]))
    assert np.allclose(both, 0.75 * fan + 0.25 * pump, atol=1e-6) and not np.allclose(fan, pump, atol=0.1)
    sure = denoiser().predict_proba(pictures).max(axis=1) > 0.99
    alone, told = denoiser().mask(pictures), denoiser().mask(pictures, denoiser().predict(pictures))
    assert sure.any() and np.allclose(alone[sure], told[sure], atol=0.02)


def test_a_mask_does_not_depend_on_its_neighbours():
    pictures, labels = images(range(50, 54))
    together = denoiser().mask(pictures, labels)
    alone = np.concatenate([denoiser().mask(pictures[i : i + 1], labels[i : i + 1]) for i in range(len(labels))])
    assert np.allclose(together, alone, atol=1e-4)


def test_transform_leaves_the_kept_pixels_as_they_are():
    pictures, _ = images(range(50, 54))
    signature = denoiser().transform(pictures)
    kept = np.isfinite(signature)
    assert signature.shape == pictures.shape and 0 < kept.mean() < 0.5
    assert np.array_equal(signature[kept], pictures[kept])


def test_fitting_twice_gives_the_same_denoiser():
    options = dict(network={"dense": 8}, training={"epochs": 3}, n_representatives=3, verbose=False)
    first, second = (ScoreCAMDenoiser(**options).fit(windows(range(4))) for _ in range(2))
    assert first.model_id_ == second.model_id_
    assert np.array_equal(first.class_masks_, second.class_masks_)


def test_arrays_do_as_well_as_windows():
    pictures, labels = images(range(4))
    options = dict(network={"dense": 8}, training={"epochs": 2}, n_representatives=2, verbose=False)
    numbers = np.where(labels == "fan", 7, 30)
    fitted = ScoreCAMDenoiser(**options).fit(pictures, numbers, groups=np.arange(8), config=CONFIG)
    assert fitted.classes_.tolist() == [7, 30] and fitted.config_ == CONFIG
    assert fitted.mask(pictures, 7).shape == (8, 64, 32)
    assert fitted.class_mask("30").shape == (64, 32)
    assert set(fitted.predict(pictures)) <= {7, 30}


def test_representatives_are_windows_that_were_learnt_from():
    known, made = denoiser(), windows(range(12))
    held = set(known.recordings_.query("validation").recording)
    for label, chosen in known.representatives_.items():
        assert set(made.label.values[chosen]) == {label}
        assert not held & set(made.recording.values[chosen])


def test_the_result_of_a_recording():
    result = denoiser().denoise(sound("pump", 70, seconds=12), rate=2000)
    assert result.spectrogram.dims == ("frequency", "time") and result.frequency.units == "Hz" and result.time.units == "s"
    assert result.attrs["label"] == "pump" and result.attrs["probability"] > 0.8
    assert result.attrs["model_id"] == denoiser().model_id_
    assert np.array_equal(np.isnan(result.signature), result.mask < result.attrs["threshold"])
    assert np.nanmax(abs(result.signature - result.spectrogram)) == 0
    assert set(result.tile_label.values) <= set(TONES)
    assert result.mask.values[bins("pump")].mean() > 2 * result.mask.values[bins("fan")].mean()


@pytest.mark.parametrize("verbose, asked, shown", [(False, None, False), (True, None, True), (False, True, True), (True, False, False)])
def test_a_bar_of_an_explanation_follows_the_denoiser_unless_it_is_asked_for(monkeypatch, verbose, asked, shown):
    import scorecam_denoise.denoiser as module

    seen, bar, known = [], module.progress, copy(denoiser())
    monkeypatch.setattr(module, "progress", lambda *given, **options: seen.append(not options["disable"]) or bar(*given, **options | dict(disable=True)))
    known.verbose = verbose
    result = explain_recording(known, sound("pump", 70), rate=2000, methods="saliency", show_progress=asked)
    assert seen == [shown] and result.explainer.values.tolist() == ["saliency"]


def test_methods_and_label_of_an_explanation_are_checked_before_anything_is_read(tmp_path):
    for options, words in ((dict(methods=["guess"]), "method 'guess' is not known"), (dict(label="kettle"), "label 'kettle' is not known")):
        with pytest.raises(ScorecamError, match=words):
            explain_recording(denoiser(), tmp_path / "missing.wav", **options)


def test_what_is_asked_for_wins():
    result = denoiser().denoise(sound("pump", 70), rate=2000, label="fan", threshold=0.2)
    assert result.attrs["label"] == "fan" and result.attrs["threshold"] == 0.2 and result.attrs["probability"] < 0.5
    assert denoiser().denoise(sound("pump", 70), rate=2000, threshold=0).signature.notnull().all()


def test_a_sensitivity_shifts_levels_only():
    plain, absolute = (denoiser().denoise(sound("pump", 70), rate=2000, sensitivity_db=s) for s in (None, -170))
    assert np.allclose(absolute.spectrogram - plain.spectrogram, 170, atol=1e-3)
    assert np.array_equal(absolute.mask, plain.mask) and absolute.spectrogram.units == "dB re 1 uPa"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "A recording at another rate than the model's, longer than a block, and its results."
    folder = tmp_path_factory.mktemp("written")
    soundfile.write(folder / "pump.wav", sound("pump", 71, seconds=80, rate=8000), 8000, subtype="FLOAT")
    write_result(denoiser(), folder / "pump.wav", folder / "result.nc", folder / "signature.wav")
    return folder


def test_files_hold_what_memory_holds(written):
    stored = xr.load_dataset(written / "result.nc", engine="h5netcdf")
    waveform, rate = soundfile.read(written / "pump.wav", dtype="float32")
    whole = denoiser().denoise(waveform, rate=rate)
    assert stored.sizes["time"] > 64 * CONFIG.tile_step  # more than a block
    assert stored.attrs["label"] == whole.attrs["label"] and stored.attrs["threshold"] == whole.attrs["threshold"]
    for name in ("spectrogram", "mask"):
        assert np.allclose(stored[name], whole[name], atol=1e-3), name
    assert np.mean(np.isnan(stored.signature.values) != np.isnan(whole.signature.values)) < 1e-3
    assert np.array_equal(stored.tile_label, whole.tile_label)


def test_sound_keeps_rate_and_length_and_the_tones(written):
    waveform, rate = soundfile.read(written / "pump.wav")
    signature, own = soundfile.read(written / "signature.wav")
    assert (own, len(signature)) == (rate, len(waveform))
    power = lambda x: abs(np.fft.rfft(x)) ** 2
    hz = np.fft.rfftfreq(len(waveform), 1 / rate)
    near = lambda tones: np.min([abs(hz - f) for f in tones], axis=0) < 5
    gain = lambda where: 10 * np.log10(power(signature)[where].sum() / power(waveform)[where].sum())
    assert gain(near(TONES["pump"])) > gain(near(TONES["fan"])) + 3
    assert gain(hz > 700) < -40  # nothing above the band


def test_saved_and_loaded(tmp_path):
    known = denoiser()
    again = ScoreCAMDenoiser.load(known.save(tmp_path / "model"))
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["class_masks.nc", "denoiser.json", "network.keras"]
    pictures, _ = images(range(50, 53))
    assert np.array_equal(again.mask(pictures), known.mask(pictures))
    assert again.get_params() == known.get_params() and again.config_ == known.config_
    assert again.classes_.tolist() == known.classes_.tolist() and again.classes_.dtype == known.classes_.dtype
    assert again.recordings_.equals(known.recordings_) and again.figures_ == known.figures_
    assert np.array_equal(again.transform(pictures), known.transform(pictures), equal_nan=True)


def test_it_remembers_a_few_recordings_of_each_class_where_their_levels_are_known():
    heard = windows(range(8))
    level = (("sample", "frequency", "time"), np.random.default_rng(0).normal(-60, 20, heard["image"].shape).astype("float32"))
    options = dict(network={"dense": 8}, training={"epochs": 1}, separate=False, verbose=False)
    known = ScoreCAMDenoiser(**options).fit(heard.assign(level=level)).exemplars_
    assert known["label"].to_series().value_counts().to_dict() == {"fan": 6, "pump": 6}
    assert len(np.unique(known["recording"])) == 12 and not known.attrs
    own = heard.assign(level=level).isel(sample=heard["recording"].values == known["recording"].values[3]).isel(sample=0)
    assert np.allclose(own["level"], known["level"][3], atol=0.06)


def test_what_it_remembers_is_saved(tmp_path):
    heard = windows(range(3))
    level = heard["image"] * 24 - 80
    known = ScoreCAMDenoiser(network={"dense": 8}, training={"epochs": 1}, separate=False, verbose=False).fit(heard.assign(level=level))
    again = ScoreCAMDenoiser.load(known.save(tmp_path / "model"))
    assert np.allclose(again.exemplars_["level"], known.exemplars_["level"], atol=1e-3)
    assert all(np.array_equal(again.exemplars_[name], known.exemplars_[name]) for name in ("label", "recording", "start"))
    (tmp_path / "model" / "exemplars.nc").unlink()
    without, pictures = ScoreCAMDenoiser.load(tmp_path / "model"), images(range(50, 52))[0]
    assert without.exemplars_ is None and np.array_equal(without.mask(pictures), again.mask(pictures))


@pytest.mark.parametrize("missing", ["level", "recording", "start"])
def test_without_a_level_a_recording_or_a_start_nothing_is_remembered(missing):
    heard = windows(range(12))
    heard = heard.assign(level=heard["image"] * 24 - 80)
    assert exemplars_of(denoiser(), heard)["label"].size == 12
    assert exemplars_of(denoiser(), heard.drop_vars(missing)) is None


def test_windows_without_their_starts_are_learnt_from():
    heard = windows(range(3))
    heard = heard.assign(level=heard["image"] * 24 - 80).drop_vars("start")
    known = ScoreCAMDenoiser(network={"dense": 8}, training={"epochs": 1}, separate=False, verbose=False).fit(heard)
    assert known.exemplars_ is None and known.class_masks_.shape == (2, 64, 32)


@pytest.mark.parametrize("labels", [[3, 12], ["a b", "ü/ä"], [True, False]], ids=str)
def test_labels_of_any_kind_survive(tmp_path, labels):
    pictures, names = images(range(3))
    options = dict(network={"dense": 8}, training={"epochs": 1}, n_representatives=1, verbose=False)
    known = ScoreCAMDenoiser(**options).fit(pictures, np.where(names == "fan", *np.array(labels)))
    again = ScoreCAMDenoiser.load(known.save(tmp_path / "model"))
    assert again.classes_.tolist() == sorted(labels) and again.classes_.dtype == known.classes_.dtype
    assert np.array_equal(again.mask(pictures, labels[0]), known.mask(pictures, labels[0]))


def test_an_interrupted_save_leaves_the_old_model_whole(tmp_path, monkeypatch):
    folder = denoiser().save(tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(xr.Dataset, "to_netcdf", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        denoiser().save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def damaged(folder, how):
    "A copy of the model, spoilt."
    denoiser().save(folder)
    about = json.loads((folder / "denoiser.json").read_text())
    if how == "foreign":
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "weights.bin").write_text("something")
    elif how == "network cut":
        (folder / "network.keras").write_bytes((folder / "network.keras").read_bytes()[:5000])
    elif how == "masks gone":
        (folder / "class_masks.nc").unlink()
    elif how == "json cut":
        (folder / "denoiser.json").write_text((folder / "denoiser.json").read_text()[:100])
    elif how == "other format":
        (folder / "denoiser.json").write_text(json.dumps(about | {"format": "something else"}))
    elif how == "other network":
        (folder / "denoiser.json").write_text(json.dumps(about | {"model_id": "0" * 12}))
    return folder


@pytest.mark.parametrize("how", ["missing", "foreign", "network cut", "masks gone", "json cut", "other format", "other network"])
def test_a_damaged_or_foreign_folder_is_one_clear_error(tmp_path, how):
    folder = tmp_path / "model"
    if how != "missing":
        damaged(folder, how)
    with pytest.raises(ScorecamError) as error:
        ScoreCAMDenoiser.load(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(ScorecamError, match="no saved model"):
        denoiser().save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"threshold": 1.2}, "outside"), ({"overlay": "multiply"}, "geometric"), ({"method": "guess"}, "score-cam"),
        ({"n_representatives": 0}, "positive"), ({"augment": "gan"}, "wgan"), ({"preset": "mine"}, "official"),
        ({"cam_layer": "conv_9"}, "presence"), ({"baseline": "silence"}, "level"),
        ({"map_exponent": -1}, "map_exponent -1: expected"), ({"map_exponent": "half"}, "map_exponent 'half'"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_say_which_can(settings, words):
    options = dict(network={"dense": 8}, training={"epochs": 1}, verbose=False)
    with pytest.raises(ScorecamError, match=words):
        ScoreCAMDenoiser(**options | settings).fit(windows(range(3)))


def test_what_cannot_be_learnt_from_says_why():
    pictures, labels = images(range(3))
    for bad, names, words in (
        (pictures[..., 0], labels, "frequency, time, 1"), (pictures, labels[:2], "one of each"), (pictures * np.nan, labels, "NaN"),
        (pictures + 1, labels, "outside"), (pictures[:3], labels[:3], "one class"),
    ):  # fmt: skip
        with pytest.raises(ScorecamError, match=words):
            labelled(bad, names)
    with pytest.raises(ScorecamError, match="class fan has 1 recording"):
        ScoreCAMDenoiser().fit(pictures[:4], labels[:4], groups=[1, 2, 3, 4])


def test_what_cannot_be_denoised_says_why():
    known, waveform = denoiser(), sound("pump", 1)
    for options, words in (
        (dict(rate=None), "rate in Hz"), (dict(rate=500), "higher rate"), (dict(rate=2000, label="kettle"), "fan, pump"),
        (dict(rate=2000, threshold=-0.1), "outside"), (dict(rate=2000, threshold="some"), "auto"),
    ):  # fmt: skip
        with pytest.raises(ScorecamError, match=words):
            known.denoise(waveform, **options)
    for bad in (waveform * 0, waveform * np.nan, np.stack([waveform] * 2), waveform[:50]):
        with pytest.raises(ScorecamError):
            known.denoise(bad, rate=2000)


def test_the_preset_of_the_paper():
    paper = ScoreCAMDenoiser.paper(random_state=3)
    assert (paper.overlay, paper.threshold, paper.preset, paper.baseline) == ("add", 0.75, "official", "zero")
    assert paper.n_representatives == "elbow" and paper.random_state == 3
    assert (paper.map_exponent, paper.whole_lines, paper.contrast, paper.line_weight) == (1, False, 0, 0)
    with pytest.raises(ScorecamError, match="class fan has 2 images to learn from.*augment=None"):
        ScoreCAMDenoiser.paper(training={"validation_fraction": 0}, verbose=False).fit(windows(range(2)))
    assert paper.augment == "wgan" and ScoreCAMDenoiser.paper(augment=None).augment is None


def test_made_images_train_the_network_and_go_no_further():
    few = windows(range(6))
    wgan = dict(updates=2, latent_dim=4, generator_options=dict(filters=(4, 4)), critic_options=dict(filters=(4, 4)))
    options = dict(network={"dense": 8}, training={"epochs": 2}, n_representatives=2, verbose=False)
    alone, helped = ScoreCAMDenoiser(**options).fit(few), ScoreCAMDenoiser(augment="wgan", wgan=wgan, **options).fit(few)
    assert alone.model_id_ != helped.model_id_
    assert helped.figures_["n_validation"] == alone.figures_["n_validation"] and helped.recordings_.equals(alone.recordings_)
    chosen = np.concatenate(list(helped.representatives_.values()))
    assert chosen.max() < few.sizes["sample"] and set(few.recording.values[chosen]) <= set(helped.recordings_.query("not validation").recording)


@pytest.mark.parametrize("method", ATTRIBUTIONS)
def test_any_explainer_of_the_registry_can_make_the_masks(method):
    few = windows(range(2))
    options = dict(network={"dense": 8}, training={"epochs": 1, "validation_fraction": 0}, n_representatives=2, verbose=False)
    fitted = ScoreCAMDenoiser(method=method, **options).fit(few)
    masks = fitted.mask(few.image.values[:2, ..., None], few.label.values[:2])
    assert masks.shape == (2, *few.image.shape[1:]) and 0 <= masks.min() and masks.max() <= 1
    assert np.isfinite(masks).all()


def test_the_steps_beyond_the_paper_can_be_left_out_one_by_one():
    few = windows(range(2))
    pictures, labels = few.image.values[..., None], few.label.values
    options = dict(network={"dense": 8}, training={"epochs": 1, "validation_fraction": 0}, n_representatives=2, verbose=False)
    fitted = ScoreCAMDenoiser(whole_lines=False, **options).fit(few)
    bare = fitted.mask(pictures, labels)
    own = explain(fitted, pictures, class_index(fitted.classes_, labels))
    laid = overlay(class_masks_for(fitted, pictures, class_shares(fitted.classes_, labels)), own, how="weighted")
    assert np.allclose(bare, laid, atol=1e-6)
    assert np.allclose(fitted.set_params(whole_lines=True).mask(pictures, labels), at_peaks(bare, pictures[..., 0]), atol=1e-6)
    as_they_are = ScoreCAMDenoiser(map_exponent=1.0, **options).fit(few)
    assert as_they_are.model_id_ == fitted.model_id_ and fitted.class_masks_.max() > 0
    assert (fitted.class_masks_ >= as_they_are.class_masks_ - 1e-6).all() and not np.allclose(fitted.class_masks_, as_they_are.class_masks_)
