"The widgets without a browser: what is set, what is shown, what is heard, what is written, what is refused."
import gc
import subprocess
import sys
import time
from copy import copy
from datetime import datetime
from functools import cache
from io import BytesIO

import keras
import nbformat
import numpy as np
import papermill
import pytest
import soundfile
import xarray as xr
from machines import CONFIG, TONES, denoiser, sound, windows
from notebooks import ROOT

from scorecam_denoise import widgets
from scorecam_denoise.classifiers import Classifier
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.denoiser import ScoreCAMDenoiser, exemplars_of
from scorecam_denoise.networks import song_cnn
from scorecam_denoise.spectrogram import MelConfig, level_db, stft
from scorecam_denoise.viz import plot_result
from scorecam_denoise.widgets import CompareExplainers, MaskGallery, ThresholdExplorer, rebuilt_sound, stills

VIEW = "application/vnd.jupyter.widget-view+json"
RECORDING = sound("pump", 99, seconds=10)  # 2 kHz


def explored(recording=RECORDING, rate=2000, **options):
    "An explorer of a pump that the denoiser has not heard."
    explorer = ThresholdExplorer(denoiser(), recording, rate=rate, **options)
    assert explorer.error == ""
    return explorer


def wav(samples, rate=2000, name="clip.wav", **options) -> tuple[str, bytes]:
    "A sound file, as somebody uploads it."
    buffer = BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", **options)
    return name, buffer.getvalue()


def upload(explorer, name: str, content: bytes) -> None:
    "What the browser does when somebody has chosen a file."
    told = dict(name=name, type="audio/wav", size=len(content), content=memoryview(content), last_modified=datetime(2026, 1, 1))
    explorer.controls["upload"].value = [told]


@cache
def remembering():
    "The denoiser, as if it had learnt from windows with their levels."
    heard, names = windows(range(12)), [(label, seed) for label in TONES for seed in range(12)]
    level = np.stack([level_db(stft(sound(label, seed), CONFIG), CONFIG)[:, :32] for label, seed in names])
    known = copy(denoiser())
    known.exemplars_ = exemplars_of(known, heard.assign(level=(("sample", "frequency", "time"), level)))
    return known


def test_the_import_needs_neither_tensorflow_nor_ipywidgets():
    program = "import sys, scorecam_denoise.widgets; sys.exit(bool({'tensorflow', 'ipywidgets', 'IPython'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_without_ipywidgets_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ScorecamError, match=r"pip install 'scorecam_denoise\[notebooks\]'"):
        MaskGallery(denoiser())


def test_it_begins_with_what_denoise_gives():
    explorer, result = explored(), denoiser().denoise(RECORDING, rate=2000)
    assert explorer.threshold == result.attrs["threshold"] and explorer.label is None
    assert all(explorer.result[name].equals(result[name]) for name in ("spectrogram", "mask", "sound_mask", "signature"))


def test_the_threshold_changes_numbers_and_picture_and_nothing_is_computed_again(monkeypatch):
    explorer = explored()
    monkeypatch.setattr(ScoreCAMDenoiser, "denoise", None)
    shares, pictures = [], []
    for threshold in (0.2, 0.5, 0.8):
        explorer.threshold = threshold
        assert explorer.share_kept == (explorer.result["mask"] >= threshold).mean() == explorer.result["signature"].notnull().mean()
        assert f"the threshold {threshold:.2f} keeps {explorer.share_kept:.1%}" in explorer.places["words"].value
        shares.append(explorer.share_kept)
        pictures.append(explorer.picture)
    assert explorer.error == "" and shares == sorted(shares, reverse=True) and len(set(shares)) == len(set(pictures)) == 3


@pytest.mark.parametrize("cut", [False, True])
def test_a_redraw_takes_a_fifth_of_a_second_at_most(cut):
    explorer, seconds = explored(), []
    explorer.cut = cut
    for threshold in np.linspace(0.1, 0.9, 9):
        begun = time.process_time()
        explorer.threshold = threshold
        seconds.append(time.process_time() - begun)
    assert explorer.error == "" and max(seconds[1:]) <= 0.2


def test_class_overlay_and_method_are_those_of_a_denoiser_with_these_settings():
    explorer = explored()
    explorer.label, explorer.overlay, explorer.method = "fan", "add", "grad-cam"
    wanted = copy(denoiser()).set_params(overlay="add", method="grad-cam").denoise(RECORDING, rate=2000, label="fan")
    assert explorer.result["mask"].equals(wanted["mask"]) and explorer.result.attrs["label"] == "fan"


def test_each_result_is_computed_once(monkeypatch):
    explorer, asked = explored(), []
    plain = ScoreCAMDenoiser.denoise
    monkeypatch.setattr(ScoreCAMDenoiser, "denoise", lambda self, *given, **options: asked.append(options["label"]) or plain(self, *given, **options))
    for label in ("fan", "pump", "fan", None, "pump"):
        explorer.label = label
    assert asked == ["fan", "pump"]


def test_the_slider_follows_the_class_until_somebody_moves_it():
    explorer, (fan, pump) = explored(), denoiser().thresholds_
    explorer.label = "fan"
    assert explorer.threshold == fan != pump
    explorer.threshold = 0.33
    explorer.label = "pump"
    assert explorer.threshold == 0.33


@pytest.mark.parametrize(("name", "value"), [("overlay", "max"), ("method", "grad-cam")])
def test_with_another_overlay_or_method_it_says_that_the_threshold_was_not_found_for_it(name, value):
    explorer = explored()
    before = explorer.threshold
    assert "threshold" not in explorer.places["notes"].value
    setattr(explorer, name, value)
    assert "The model&#x27;s threshold was found with weighted and score-cam" in explorer.places["notes"].value and explorer.threshold == before
    explorer.controls["reset"].click()
    assert "threshold" not in explorer.places["notes"].value


def test_reset_goes_back_to_the_models_own_settings():
    explorer = explored()
    before = explorer.picture, explorer.threshold
    explorer.threshold, explorer.label, explorer.overlay, explorer.method, explorer.cut = 0.9, "fan", "max", "saliency", True
    explorer.controls["reset"].click()
    assert (explorer.picture, explorer.threshold) == before and explorer.cut is False and explorer.label is None


def test_the_picture_that_is_changed_in_place_says_what_a_new_one_says():
    explorer = explored()
    explorer.label, explorer.threshold = "fan", 0.25
    fresh = plot_result(explorer.result)
    texts = lambda figure: [figure.get_suptitle(), *(ax.get_title() for ax in figure.axes)]
    pixels = lambda figure: [np.asarray(image.get_array(), float) for ax in figure.axes[:3] for image in ax.images]
    assert texts(explorer.figure) == texts(fresh)
    assert all(np.array_equal(ours, new, equal_nan=True) for ours, new in zip(pixels(explorer.figure), pixels(fresh), strict=True))
    assert np.allclose(explorer.figure.axes[1].images[1].get_alpha(), fresh.axes[1].images[1].get_alpha())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("threshold", 1.2, "0 to 1"), ("threshold", "high", "0 to 1"), ("threshold", float("nan"), "0 to 1"),
        ("label", "submarine", "fan, pump"), ("overlay", "product", "weighted"), ("method", "tea leaves", "grad-cam"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_refused(name, value, expected):
    explorer = explored()
    with pytest.raises(ScorecamError, match=f"{name}=.*expected .*{expected}"):
        setattr(explorer, name, value)


def test_slow_methods_are_offered_when_asked_for_and_what_is_chosen_stays():
    explorer = explored()
    assert "lime" not in explorer.controls["method"].options
    explorer.controls["slow"].value = True
    explorer.method = "occlusion"
    explorer.controls["slow"].value = False
    assert "lime" not in explorer.controls["method"].options and explorer.method == "occlusion" and explorer.error == ""


def test_three_sounds_last_as_long_as_the_recording_and_the_threshold_can_cut_them():
    explorer = explored()
    for heard in explorer.sounds.values():
        assert soundfile.info(BytesIO(heard)).duration == pytest.approx(10, abs=0.01)
    explorer.threshold = 0.9
    soft = explorer.sounds["signature"]
    explorer.cut = True
    assert explorer.sounds["signature"] != soft
    before = explorer.sounds.copy()
    explorer.threshold = 0.2
    assert explorer.sounds["signature"] != before["signature"] and explorer.sounds["original"] is before["original"]


def test_what_is_heard_as_signature_is_what_is_saved_whether_it_is_cut_here_or_not(tmp_path):
    explorer = explored(out=tmp_path)
    ours, rate = soundfile.read(BytesIO(explorer.sounds["signature"]))
    explorer.cut = True
    assert "the tick cuts it at the threshold too, here alone" in explorer.box.children[-2].value
    explorer.controls["save"].click()
    written, _ = soundfile.read(tmp_path / "waveform.wav")
    assert rate == 4000 and np.corrcoef(ours[::2][: len(written)], written[: len(ours[::2])])[0, 1] > 0.99


def test_save_writes_the_files_with_the_settings_that_are_shown(tmp_path):
    explorer = explored(out=tmp_path / "results")
    explorer.label, explorer.overlay, explorer.threshold = "fan", "max", 0.3
    explorer.controls["save"].click()
    assert explorer.error == "" and [path.name for path in explorer.saved] == [f"waveform{e}" for e in (".nc", ".wav", ".png", ".selections.txt")]
    assert all(path.is_file() and path.name in explorer.places["saved"].value for path in explorer.saved)
    assert f"Saved in {(tmp_path / 'results').absolute()}, as fan" in explorer.places["saved"].value
    with xr.open_dataset(explorer.saved[0], engine="h5netcdf") as stored:
        assert stored.attrs["threshold"] == 0.3 and stored.attrs["label"] == "fan"
        assert np.allclose(stored["mask"], explorer.result["mask"], atol=1e-6)


def test_the_folder_is_told_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    explorer = explored()
    explorer.controls["save"].click()
    assert f"Saved in {tmp_path}/results," in explorer.places["saved"].value and explorer.saved[0] == tmp_path / "results" / "waveform.nc"


def test_a_waveform_is_told_and_saved_by_its_name(tmp_path):
    explorer = explored(out=tmp_path, name="pump/99")
    explorer.controls["save"].click()
    assert explorer.words.startswith("pump-99.wav: pump") and "of pump-99.wav: pump" in explorer.places["picture"].value
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"pump-99"}


def test_another_recording_of_the_same_name_is_not_saved_over_the_first(tmp_path):
    first, second = explored(out=tmp_path), explored(sound("fan", 98), out=tmp_path)
    first.controls["save"].click()
    written = first.saved[0].read_bytes()
    second.controls["save"].click()
    assert second.error == f"waveform.wav: another recording of this name was saved in {tmp_path}: rename one, or set `out` to another folder"
    assert second.saved == [] and first.saved[0].read_bytes() == written
    second.out = tmp_path / "second"
    second.controls["save"].click()
    assert second.error == "" and len(second.saved) == 4


def test_the_same_recording_is_saved_again_with_other_settings(tmp_path):
    for threshold in (0.3, 0.6):
        time.sleep(1.1)  # a sound file may hold the second at which it was written
        explorer = explored(out=tmp_path)
        explorer.threshold = threshold
        explorer.controls["save"].click()
        with xr.open_dataset(explorer.saved[0], engine="h5netcdf") as stored:
            assert explorer.error == "" and stored.attrs["threshold"] == threshold


def test_what_was_saved_is_not_told_of_another_recording(tmp_path):
    explorer = explored(out=tmp_path)
    explorer.controls["save"].click()
    upload(explorer, *wav(RECORDING))
    assert explorer.error == explorer.places["saved"].value == "" and explorer.saved == []


def test_where_nothing_can_be_written_it_says_so(tmp_path):
    (tmp_path / "taken").write_text("a file")
    explorer = explored(out=tmp_path / "taken" / "results")
    explorer.controls["save"].click()
    assert "cannot write" in explorer.error and explorer.saved == []


def test_of_a_stereo_file_the_first_channel_is_taken_and_it_says_so(tmp_path):
    fan = sound("fan", 98, seconds=10)
    explorer = explored(out=tmp_path)
    upload(explorer, *wav(np.stack([fan, RECORDING], 1), name="two.wav"))
    assert explorer.error == "" and explorer.result.attrs["label"] == "fan" and "2 channels: channel 0" in explorer.places["notes"].value
    explorer.channel = 1
    assert explorer.result.attrs["label"] == "pump" and "channel 1 is taken" in explorer.places["notes"].value
    explorer.controls["save"].click()
    with xr.open_dataset(tmp_path / "two.nc", engine="h5netcdf") as stored:
        assert stored.attrs["label"] == "pump"


def test_of_a_long_recording_a_stretch_is_shown_and_all_of_it_is_saved(tmp_path):
    long = np.concatenate([RECORDING, sound("fan", 98, seconds=10), RECORDING[:5000]])
    explorer = explored(long, seconds=10, out=tmp_path)
    assert "0 to 10 s of 22 s are shown" in explorer.places["notes"].value and explorer.result.attrs["label"] == "pump"
    explorer.start = 10
    assert explorer.result.attrs["label"] == "fan" and explorer.result.attrs["start"] == 10 and "10 to 20 s" in explorer.places["notes"].value
    explorer.controls["save"].click()
    with xr.open_dataset(tmp_path / "waveform.nc", engine="h5netcdf") as stored:
        assert stored.sizes["time"] * CONFIG.seconds_per_frame == pytest.approx(22.5, abs=0.1)
        assert (stored.attrs["label"], stored.attrs["threshold"]) == ("fan", explorer.threshold)
    assert "Save takes the whole file, as fan" in explorer.places["notes"].value and denoiser().denoise(long, rate=2000).attrs["label"] == "pump"


BAD = {
    "not audio": (("notes.wav", b"These are words."), "notes.wav: not readable as audio"),
    "zero bytes": (("empty.wav", b""), "empty.wav: the file is empty"),
    "no samples": (wav(np.zeros(0)), "clip.wav: holds no sound"),
    "too short": (wav(RECORDING[:100]), "clip.wav: 0.05 s of sound"),
    "low rate": (wav(RECORDING, 800), "clip.wav: sampled at 800 Hz"),
    "silence": (wav(np.zeros(20000)), "clip.wav: nothing but zeros in channel 0"),
    "not a number": (wav(np.where(np.arange(20000) == 9, np.nan, RECORDING), subtype="FLOAT"), "clip.wav: NaN or infinite values"),
    "truncated": (("clip.wav", wav(RECORDING)[1][:20000]), "clip.wav: truncated"),
    "a path as its name": (("../../up/evil.wav", b"words"), "evil.wav: not readable as audio"),
}


@pytest.fixture(scope="module")
def shown():
    "An explorer that is left with a recording by whoever has used it."
    return explored()


@pytest.mark.parametrize(("file", "words"), BAD.values(), ids=BAD)
def test_a_bad_upload_is_one_sentence_and_what_was_shown_stays(shown, file, words):
    before = shown.picture, shown.words, shown.threshold
    upload(shown, *file)
    assert shown.error.startswith(words) and "\n" not in shown.error
    assert 'role="alert"' in shown.message.value and "Traceback" not in shown.message.value
    assert (shown.picture, shown.words, shown.threshold) == before
    upload(shown, *wav(sound("fan", 98), name="good.wav"))
    assert shown.error == shown.message.value == "" and shown.words.startswith("good.wav: fan")


def test_what_fails_leaves_the_controls_at_what_is_shown(monkeypatch):
    explorer = explored()
    monkeypatch.setattr(ScoreCAMDenoiser, "denoise", lambda *_, **__: 1 / 0)
    explorer.overlay = "add"
    assert explorer.error == "unexpected ZeroDivisionError: division by zero" and isinstance(explorer.problem, ZeroDivisionError)
    assert explorer.overlay == "weighted"
    explorer.threshold = 0.4
    assert explorer.error == ""


@pytest.mark.parametrize(("owner", "name"), [(ScoreCAMDenoiser, "denoise"), (widgets, "heard_parts")])
def test_an_interrupt_is_told_and_leaves_everything_as_it_was(monkeypatch, owner, name):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    explorer = explored()
    shown = lambda: (explorer.label, explorer.words, explorer.picture, explorer.sounds, id(explorer.result))
    before = shown()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupt)
        explorer.label = "fan"
    assert explorer.error == "interrupted: what was shown stays" and explorer.error in explorer.message.value
    assert shown() == before
    explorer.label = "fan"
    assert explorer.error == "" and explorer.result.attrs["label"] == "fan"


def test_a_recording_that_is_not_there_is_told_in_the_widget():
    explorer = ThresholdExplorer(denoiser(), "nowhere.wav")
    assert explorer.error == "nowhere.wav: does not exist: check the path" and explorer.picture is None
    upload(explorer, *wav(RECORDING))
    assert explorer.error == "" and explorer.picture


def test_of_uploads_the_one_that_is_shown_is_kept():
    explorer = explored()
    for name, content in (wav(RECORDING, name="one.wav"), wav(RECORDING, name="two.wav"), ("three.wav", b"words")):
        upload(explorer, name, content)
    assert [path.name for path in explorer.folder.rglob("*") if path.is_file()] == ["two.wav"] and explorer.words.startswith("two.wav")
    assert len(list(explorer.folder.iterdir())) == 1


def open_widgets() -> set:
    "What ipywidgets keeps alive."
    from ipywidgets.widgets.widget import _instances

    return set(_instances)


MADE = {
    "explorer": explored, "gallery": lambda: MaskGallery(remembering()),
    "comparison": lambda: CompareExplainers(denoiser(), windows([50])["image"][0], methods=["saliency"]),
}  # fmt: skip


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_close_leaves_neither_files_nor_widgets(make):
    before, panel = open_widgets(), make()
    for label in map(str, denoiser().classes_):
        panel.label = label
    assert panel.folder.is_dir() and open_widgets() > before
    panel.close()
    assert not panel.folder.exists() and open_widgets() == before
    assert "image/png" in panel._repr_mimebundle_()[0]


@pytest.mark.parametrize("shown", [False, True])
def test_a_panel_without_a_name_lives_only_while_it_is_shown(shown):
    panel, before = explored(), open_widgets()
    folder, slider = panel.folder, panel.controls["threshold"]
    if shown:
        panel._repr_mimebundle_()
    del panel
    gc.collect()
    assert folder.exists() == shown and (open_widgets() == before) == shown
    slider.value = 0.3


@pytest.mark.parametrize("name", ["save", "reset"])
def test_without_a_recording_one_is_asked_for(name):
    explorer = ThresholdExplorer(denoiser())
    explorer.controls[name].click()
    assert explorer.error == "there is no recording yet: upload one"


@pytest.mark.parametrize("given", [ScoreCAMDenoiser(), "model/"])
def test_what_has_learnt_nothing_is_refused(given):
    with pytest.raises(ScorecamError, match="give a fitted ScoreCAMDenoiser"):
        ThresholdExplorer(given)


def test_every_control_has_a_description():
    panels = explored(), MaskGallery(remembering()), CompareExplainers(denoiser(), windows([50])["image"][0])
    assert all(control.description for panel in panels for control in panel.controls.values())


def test_what_is_displayed_is_a_widget_and_a_picture_with_its_words_and_the_picture_is_stored():
    explorer = explored()
    data, metadata = explorer._repr_mimebundle_()
    assert {VIEW, "image/png", "text/plain"} == set(data)
    assert explorer.words == data["text/plain"] in metadata["image/png"]["alt"]
    empty = ThresholdExplorer(denoiser())._repr_mimebundle_()[0]
    cells = [nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data=each)]) for each in (data, empty, {VIEW: {}, "text/plain": "bar"})]
    stored, _ = stills(nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {}}), {})
    assert [VIEW in cell.outputs[0].data for cell in stored.cells] == [False, False, True] and "widgets" not in stored.metadata


def test_the_gallery_shows_a_class_and_plays_its_representatives():
    gallery = MaskGallery(remembering())
    for label in ("pump", "fan"):
        gallery.label = label
        cards = gallery.cards[label].children
        assert [row.layout.display for row in gallery.places["cards"].children if row is not gallery.cards[label]] in ([], ["none"])
        assert len(cards) == 6 and all(f"hear {label}/" in card.children[1].description and "<img" in card.children[0].value for card in cards)
        gallery.hear(1)
        assert gallery.error == "" and "the phases are guessed" in gallery.places["sound"].value and "autoplay" in gallery.places["sound"].value
        assert soundfile.info(BytesIO(gallery.sound)).duration == pytest.approx(31 * CONFIG.seconds_per_frame, abs=0.01)


def test_a_gallery_without_representatives_says_why():
    gallery = MaskGallery(denoiser())
    assert gallery.picture.startswith(b"\x89PNG") and "representatives are not shown" in gallery.box.children[-1].value


def test_a_sound_rebuilt_from_its_picture_has_the_tones():
    level = remembering().exemplars_.isel(exemplar=0)["level"].values
    again = level_db(stft(rebuilt_sound(level, CONFIG), CONFIG), CONFIG)
    assert np.corrcoef(level.ravel(), again.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("kind", ["denoiser", "network", "classifier"])
def test_explainers_of_any_model_are_compared(kind):
    network = song_cnn((16, 12, 1), filters=(4,), dense=4, embedding=4)
    model = dict(
        denoiser=denoiser(), network=denoiser().model_, classifier=Classifier(network, ("down", "up"), MelConfig(n_frequency=16, n_time=12))
    )[kind]  # fmt: skip
    image = np.random.default_rng(0).random((16, 12)) if kind == "classifier" else windows([50])["image"].values[0]
    comparison = CompareExplainers(model, image, methods=["grad-cam", "saliency"])
    assert comparison.error == "" and list(comparison.shown) == ["grad-cam", "saliency"]
    assert all(saliency.shape == image.shape for saliency, _ in comparison.shown.values())
    assert " in " in comparison.words and comparison.words in comparison.places["picture"].value


def test_each_map_is_computed_once(monkeypatch):
    comparison = CompareExplainers(denoiser(), windows([50])["image"].values[0][..., None], methods=["grad-cam"])
    first, before = comparison.maps["grad-cam", comparison.target], comparison.picture
    comparison.methods = ("grad-cam", "saliency")
    assert comparison.maps["grad-cam", comparison.target] is first and comparison.picture != before
    comparison.label = str(denoiser().classes_[1 - comparison.target])
    assert len(comparison.maps) == 4


def test_a_flat_map_is_called_flat():
    blank = song_cnn((16, 12, 1), filters=(4,), dense=4, embedding=4)
    blank.set_weights([0 * weight for weight in blank.get_weights()])
    comparison = CompareExplainers(blank, np.full((16, 12), 0.5), methods=["grad-cam"])
    assert "(flat)" in comparison.words and "(flat)" in comparison.figure.axes[0].get_title()


def test_a_time_is_that_of_a_call_for_which_nothing_has_to_be_prepared(monkeypatch):
    from scorecam_denoise import classifiers

    asked = []

    def explain(method, **_):
        time.sleep(method not in asked)
        asked.append(method)
        return np.ones((1, 64, 32))

    monkeypatch.setattr(classifiers, "explain_images", explain)
    monkeypatch.setattr(widgets, "usable_methods", lambda *_, **__: ["saliency", "lime"])
    comparison = CompareExplainers(denoiser(), windows([50])["image"].values[0], methods=["saliency", "lime"])
    assert asked == ["saliency", "saliency", "lime"] and comparison.shown["saliency"][1] < 0.5 and comparison.shown["lime"][1] >= 1
    assert "lime in 1 s (first call)" in comparison.words and "first call" not in comparison.figure.axes[0].get_title()


def test_a_network_without_convolutions_is_compared_too():
    image = keras.Input((16, 12, 1))
    dense = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(image)))
    comparison = CompareExplainers(dense, np.random.default_rng(0).random((16, 12)))
    assert comparison.error == "" and list(comparison.shown) == ["saliency"]


def test_a_missing_extra_is_one_sentence_and_the_others_are_shown(monkeypatch):
    comparison = CompareExplainers(denoiser(), windows([50])["image"].values[0], methods=["grad-cam"])
    for module in ("lime", "lime.lime_image"):  # another test may have imported it
        monkeypatch.setitem(sys.modules, module, None)
    comparison.methods = ("saliency", "lime")
    assert "pip install 'scorecam_denoise[explain]'" in comparison.error and "\n" not in comparison.error
    assert list(comparison.shown) == ["saliency"] == list(comparison.methods)
    comparison.methods = ("grad-cam",)
    assert comparison.error == ""


@pytest.mark.parametrize("shape", [(64,), (32, 64), (64, 32, 3), (1, 64, 32, 1)])
def test_an_image_that_the_network_cannot_take_is_refused(shape):
    with pytest.raises(ScorecamError, match="this network takes"):
        CompareExplainers(denoiser(), np.zeros(shape))


def test_no_method_at_all_is_refused():
    comparison = CompareExplainers(denoiser(), windows([50])["image"].values[0], methods=["grad-cam"])
    comparison.methods = ()
    assert comparison.error.startswith("no method is chosen") and comparison.methods == ("grad-cam",)


TURNED = """
assert explorer.words.startswith(ship.replace("/", "-")), explorer.words
before = explorer.picture, explorer.share_kept
explorer.threshold = explorer.threshold + 0.2
assert explorer.picture != before[0] and explorer.share_kept < before[1] and not explorer.error
explorer.controls["save"].click()
assert len(explorer.saved) == 4 and all(path.is_file() for path in explorer.saved), explorer.error
"""


def test_the_notebook_explore_is_turned_and_saves_without_a_browser(tmp_path):
    notebook = nbformat.read(ROOT / "nbs" / "explore.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(TURNED))
    nbformat.write(notebook, tmp_path / "explore.ipynb")
    assert {"profile", "model", "recording", "seed"} <= set(papermill.inspect_notebook(tmp_path / "explore.ipynb"))
    done = papermill.execute_notebook(
        tmp_path / "explore.ipynb", None, {"profile": "smoke"}, cwd=tmp_path, kernel_name="python3", progress_bar=False, execution_timeout=300
    )
    assert {path.suffix for path in (tmp_path / "results").iterdir()} == {".nc", ".wav", ".png", ".txt"}
    displayed = [output.data for cell in done.cells for output in cell.get("outputs", []) if VIEW in output.get("data", {})]
    assert len(displayed) == 5 and all("image/png" in data or "text/html" in data for data in displayed)
