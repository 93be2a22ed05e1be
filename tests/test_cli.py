"The command, as a user types it."
import base64
import json
import re
import shutil
import subprocess
import sys
import time
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
import pytest
import soundfile
import xarray as xr
from machines import sound, trained
from matplotlib.axes import Axes

from scorecam_denoise.attribution import saliency
from scorecam_denoise.classifiers import Classifier
from scorecam_denoise.cli import accuracy_line, clip_settings, explained_picture, main, report, table_html
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import read_raven
from scorecam_denoise.denoiser import ScoreCAMDenoiser
from scorecam_denoise.scene import simulate_scene
from scorecam_denoise.spectrogram import SONG_CONFIGS, MelConfig, SpectrogramConfig, spectrogram_image, stft, tile, untile
from scorecam_denoise.viz import embedded, wav_bytes


def run(*arguments):
    "The exit status of the command."
    return main([str(argument) for argument in arguments])


def test_help_answers_without_tensorflow(root):
    code = "import sys; from scorecam_denoise.cli import main; main(['--help']); print('tensorflow' in sys.modules)"
    times = []
    for _ in range(2):  # the first run compiles
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
        times.append(time.perf_counter() - started)
    assert done.stdout.rstrip().endswith("False") and not done.stderr
    assert all(verb in done.stdout for verb in ("demo", "train", "denoise", "archive", "explain", "evaluate", "info", "lab"))
    assert min(times) < 2  # a second, on a machine that does nothing else


@pytest.mark.parametrize("verb", ["demo", "train", "denoise", "archive", "explain", "evaluate", "info", "lab"])
def test_every_verb_has_help(verb, capsys):
    assert run(verb, "--help") == 0
    assert "Usage" in capsys.readouterr().out


def test_info_tells_what_a_model_is(capsys):
    assert run("info", trained() / "model") == 0
    out = capsys.readouterr().out
    for words in ("class fan: 4 recordings", "class pump", "20–650 Hz", "never trained on"):
        assert words in out or words.startswith("class fan")
    assert re.search(r"model [0-9a-f]{12}", out)


@pytest.mark.parametrize(
    "options, augment, learns",
    [((), None, None), (("--epochs", "3"), None, {"epochs": 3}), (("--made-images", "--no-sound"), "wgan", None), (("--paper", "--sound", "--no-made-images"), None, {"augment": False}), (("--paper", "--epochs", "3"), "wgan", {"augment": False, "epochs": 3}), (("--paper", "--no-made-images"), None, {"augment": False})],
)  # fmt: skip
def test_options_of_train_reach_the_denoiser(options, augment, learns, tmp_path, monkeypatch):
    place, asked = trained(), []
    monkeypatch.setattr(ScoreCAMDenoiser, "fit", lambda self, windows: asked.append(self.get_params()) or self)
    monkeypatch.setattr("scorecam_denoise.cli.describe", lambda *_: [])
    monkeypatch.setattr(ScoreCAMDenoiser, "save", lambda self, folder: None)
    assert run("train", place / "machines", "--out", tmp_path / "model", "--config", place / "settings.json", "--test", "0", *options) == 0
    assert asked[0]["augment"] == augment and asked[0]["training"] == learns
    assert asked[0]["separation"] == ({"epochs": 3} if "--epochs" in options else None)
    assert asked[0]["separate"] == ("--sound" in options or "--paper" not in options and "--no-sound" not in options)


def test_denoise_writes_four_files(tmp_path, capsys):
    assert run("denoise", trained() / "model", trained() / "unknown.wav", "--out", tmp_path / "new" / "results") == 0
    assert "pump (probability" in capsys.readouterr().out
    folder = tmp_path / "new" / "results"
    assert sorted(p.name for p in folder.iterdir()) == ["unknown.nc", "unknown.png", "unknown.selections.txt", "unknown.wav"]
    result = xr.load_dataset(folder / "unknown.nc", engine="h5netcdf")
    assert result.spectrogram.dims == ("frequency", "time") and result.attrs["label"] == "pump"
    assert soundfile.info(folder / "unknown.wav").frames == soundfile.info(trained() / "unknown.wav").frames
    assert (folder / "unknown.png").read_bytes().startswith(b"\x89PNG")
    table = read_raven(folder / "unknown.selections.txt")
    assert {"start", "end", "low", "high", "label"} <= set(table.columns)
    assert set(table.label) <= {"pump"} and len(table)
    assert table.end.max() <= soundfile.info(trained() / "unknown.wav").duration


def test_label_threshold_channel_and_sensitivity(tmp_path):
    both = np.stack([sound("fan", 3), sound("pump", 3)], axis=1)
    soundfile.write(tmp_path / "both.wav", both, 2000)
    options = ["--label", "fan", "--threshold", "0.3", "--channel", "1", "--sensitivity-db", "-170"]
    assert run("denoise", trained() / "model", tmp_path / "both.wav", "--out", tmp_path / "out", *options) == 0
    result = xr.load_dataset(tmp_path / "out" / "both.nc", engine="h5netcdf")
    assert result.attrs["label"] == "fan" and result.attrs["threshold"] == 0.3 and result.attrs["probability"] < 0.5
    assert result.spectrogram.units == "dB re 1 uPa" and result.spectrogram.max() > 120


def test_the_same_seed_trains_the_same_model(tmp_path, capsys):
    ids = []
    for name in ("first", "second"):
        arguments = [trained() / "machines", "--out", tmp_path / name, "--config", trained() / "settings.json", "--epochs", "2", "--seed", "5"]
        assert run("train", *arguments) == 0
        ids.append(re.search(r"model (\w+)", capsys.readouterr().out)[1])
    assert ids[0] == ids[1]


def test_evaluate_leaves_out_what_the_model_was_trained_on(capsys):
    assert run("evaluate", trained() / "model", trained() / "machines") == 0
    out = capsys.readouterr().out
    total, left = map(int, re.search(r"(\d+) recordings, (\d+) left out", out).groups())
    counted = int(re.search(r"on (\d+) recordings never trained on", out)[1])
    assert total == 12 and counted == total - left and 2 <= counted < 12
    share, low, high = (float(value) for value in re.search(r": ([\d.]+)% \(95 % interval ([\d.]+)%–([\d.]+)%", out).groups())
    assert low < share and low < high <= 100  # all right, or all wrong, is no certainty


def test_recordings_are_known_by_what_they_hold_whatever_their_names(tmp_path, capsys):
    for folder, label in product(("copies", "others"), ("fan", "pump")):
        (tmp_path / folder / label).mkdir(parents=True)
    for number, path in enumerate(sorted((trained() / "machines").glob("*/*.wav"))):
        shutil.copy(path, tmp_path / "copies" / path.parent.name / f"renamed {path.name}")
        soundfile.write(tmp_path / "others" / path.parent.name / path.name, sound(path.parent.name, 200 + number), 2000)
    assert run("evaluate", trained() / "model", trained() / "machines") == 0
    left = re.search(r"12 recordings, (\d+) left out", capsys.readouterr().out)[1]
    assert run("evaluate", trained() / "model", tmp_path / "copies") == 0
    assert f"12 recordings, {left} left out" in capsys.readouterr().out and int(left) > 0
    assert run("evaluate", trained() / "model", tmp_path / "others") == 0
    assert "12 recordings, 0 left out" in capsys.readouterr().out


def test_a_batch_reports_bad_files_at_the_end(tmp_path, capsys):
    (tmp_path / "notes.wav").write_text("not a sound")
    files = [tmp_path / "notes.wav", trained() / "unknown.wav", tmp_path / "missing.wav"]
    assert run("denoise", trained() / "model", *files, "--out", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "2 of 3 files" in error and "notes.wav" in error and "missing.wav" in error
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_archive_finds_lines_writes_a_dataset_and_exports(tmp_path, capsys):
    shutil.copy(trained() / "unknown.wav", tmp_path / "hall_20240101_120000.wav")
    capsys.readouterr()  # what training says
    given = [trained() / "model", str(tmp_path / "*.wav"), "--out", tmp_path / "out", "--workers", "0"]
    assert run("archive", *given, "--masks", "--export", "raven", "--no-skip") == 0
    said, error = capsys.readouterr()
    assert re.search(r"1 of 1 recordings, 0.0 h\n  fan: \d+ detections\n  pump: \d+ detections\n  0% skipped", said) and not error
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {".lock", "archive.json", "averages", "detections", "masks.zarr", "overview.png", "parts", "recordings.csv", "selections"}
    table = read_raven(tmp_path / "out" / "selections" / "hall_20240101_120000.wav.selections.txt")
    assert set(table.label) == {"pump"} and f"pump: {len(table)} detections" in said
    assert run("archive", *given, "--masks", "--no-skip") == 0 and capsys.readouterr().out.splitlines()[:3] == said.splitlines()[:3]


def test_archive_reports_bad_files_at_the_end(tmp_path, capsys):
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "notes.wav").write_text("not a sound")
    shutil.copy(trained() / "unknown.wav", tmp_path / "sounds")
    assert run("archive", trained() / "model", tmp_path / "sounds", "--out", tmp_path / "out", "--workers", "0") == 1
    said, error = capsys.readouterr()
    assert "1 of 2 recordings" in said and re.search(r"\n  pump: \d{1,2} detections\n", said) and "1 of 2 files" in error and "notes.wav: not readable as audio" in error


@pytest.mark.parametrize("options, words", [
    (["--export", "excel"], "expected raven or audacity"), (["--label", "whale"], "whale"), (["--threshold", "7"], "outside"),
    (["--sensitivity-db", "5"], "sensitivity_db"), (["--scheduler", "tcp://127.0.0.1:1"], "give one of the two"),
])  # fmt: skip
def test_archive_refuses_before_it_begins(options, words, tmp_path, capsys):
    assert run("archive", trained() / "model", trained() / "machines", "--out", tmp_path / "out", "--workers", "0", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_one_bad_file_alone_is_an_error():
    report({}, 1)
    with pytest.raises(ScorecamError, match="broken"):
        report({"a.wav": ScorecamError("a.wav: broken")}, 1)


def test_explain_writes_maps_and_a_picture_by_every_method_that_is_given(tmp_path, capsys):
    methods = ["score-cam", "grad-cam", "saliency", "tf-keras-vis:smoothgrad"]
    options = [word for name in methods for word in ("--method", name)]
    assert run("explain", trained() / "model", trained() / "unknown.wav", "--out", tmp_path / "new" / "why", *options) == 0
    out, err = capsys.readouterr()
    told = ", ".join(rf"{name}( \(flat in \d+ of \d+ tiles\))?" for name in methods)
    assert re.fullmatch(rf".*unknown.wav: pump \(probability [\d.]+\), {told}", out.splitlines()[-1]) and not err
    folder = tmp_path / "new" / "why"
    assert sorted(path.name for path in folder.iterdir()) == ["unknown.explained.nc", "unknown.explained.png"]
    result = xr.load_dataset(folder / "unknown.explained.nc", engine="h5netcdf")
    assert result.saliency.dims == ("explainer", "frequency", "time") and result.spectrogram.dims == ("frequency", "time")
    assert result.explainer.values.tolist() == methods and result.layer.values.tolist() == ["presence", "presence", "image", "image"]
    assert 0 <= result.saliency.min() and result.saliency.max() <= 1 and result.saliency.notnull().all() and result.spectrogram.notnull().all()
    assert result.saliency.sel(explainer="score-cam").max() > 0.9 and result.frequency.units == "Hz" and result.time.units == "s"
    assert result.attrs["label"] == "pump" and 0.5 < result.attrs["probability"] <= 1 and result.attrs["recording"] == "unknown.wav"
    assert {"model_id", "version", "config"} <= set(result.attrs) and "threshold" not in result.attrs
    assert set(result.tile_label.values) <= {"fan", "pump"} and result.flat_tiles.sizes == {"explainer": 4}
    assert (folder / "unknown.explained.png").read_bytes().startswith(b"\x89PNG")


def test_maps_are_the_networks_own_and_fade_from_tile_to_tile_and_block_to_block(tmp_path):
    soundfile.write(tmp_path / "long.wav", sound("pump", 7, seconds=60), 2000, subtype="FLOAT")
    assert run("explain", trained() / "model", tmp_path / "long.wav", "--out", tmp_path, "--label", "fan", "--method", "saliency") == 0
    result = xr.load_dataset(tmp_path / "long.explained.nc", engine="h5netcdf")
    denoiser = ScoreCAMDenoiser.load(trained() / "model")
    config = denoiser.config_
    tiles, starts = tile(spectrogram_image(stft(sound("pump", 7, seconds=60), config), config), config)
    expected = untile(saliency(denoiser.model_, tiles, 0), starts, result.sizes["time"], config)
    assert result.attrs["label"] == "fan" and len(starts) == result.sizes["tile"] > 64
    assert np.abs(result.saliency[0] - expected).max() < 1e-3


def test_explain_takes_score_cam_of_the_models_layer_unless_told_otherwise(tmp_path, capsys):
    both = np.stack([sound("fan", 3), sound("pump", 3)], axis=1)
    soundfile.write(tmp_path / "both.wav", both, 2000)
    for options, layer in (((), "presence"), (("--layer", "excess"), "excess"), (("--method", "saliency", "--layer", "excess"), "excess")):
        assert run("explain", trained() / "model", tmp_path / "both.wav", "--out", tmp_path / "out", "--channel", "1", *options) == 0
        result = xr.load_dataset(tmp_path / "out" / "both.explained.nc", engine="h5netcdf")
        assert result.explainer.values.tolist() == [options[1] if len(options) > 2 else "score-cam"] and result.layer.values.tolist() == [layer]
        assert result.attrs["label"] == "pump"


def test_less_than_a_tile_can_be_explained_and_a_method_given_twice_counts_once(tmp_path):
    soundfile.write(tmp_path / "short.wav", sound("pump", 3, seconds=0.5), 2000)
    assert run("explain", trained() / "model", tmp_path / "short.wav", "--out", tmp_path, "--method", "grad-cam", "--method", "grad-cam") == 0
    result = xr.load_dataset(tmp_path / "short.explained.nc", engine="h5netcdf")
    assert result.explainer.values.tolist() == ["grad-cam"] and result.saliency.shape == (1, 64, result.sizes["time"]) and result.sizes["time"] < 32


@pytest.mark.parametrize("options, message", [
    (("--method", "guess"), "method 'guess' is not known: choose one of score-cam, .*tf-keras-vis:faster-score-cam"),
    (("--label", "kettle"), "label 'kettle' is not known: this model knows fan, pump"),
    (("--layer", "conv_9"), "no spatial layer 'conv_9'.*presence"),
    (("--method", "tf-keras-vis:saliency", "--layer", "presence"), "explains the image itself: leave out layer"),
])
def test_what_cannot_be_explained_is_told_before_any_file_is_read(options, message, tmp_path, capsys):
    model, _ = trained() / "model", capsys.readouterr()
    assert run("explain", model, tmp_path / "missing.wav", tmp_path / "too.wav", "--out", tmp_path / "out", *options) == 2
    out, err = capsys.readouterr()
    assert re.fullmatch(f"error: .*{message}.*", err.strip()) and not out and not list((tmp_path / "out").iterdir())


def test_explain_without_tf_keras_vis_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    for module in [module for module in sys.modules if module.partition(".")[0] == "tf_keras_vis"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "tf_keras_vis", None)
    assert run("explain", trained() / "model", trained() / "unknown.wav", "--out", tmp_path, "--method", "tf-keras-vis:grad-cam++") == 2
    assert "tf-keras-vis is not installed: pip install 'scorecam_denoise[explain]'" in capsys.readouterr().err


def test_explain_reports_bad_files_at_the_end(tmp_path, capsys):
    (tmp_path / "notes.wav").write_text("not a sound")
    (tmp_path / "again").mkdir()
    shutil.copy(trained() / "unknown.wav", tmp_path / "again")
    files = [tmp_path / "notes.wav", trained() / "unknown.wav", tmp_path / "again" / "unknown.wav"]
    assert run("explain", trained() / "model", *files, "--out", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "2 of 3 files" in error and "notes.wav" in error and "would replace those of" in error
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["unknown.explained.nc", "unknown.explained.png"]


@pytest.mark.parametrize("methods, shape", [(1, (320, 840)), (3, (320, 1680)), (4, (640, 1260)), (12, (1280, 1680))])
def test_the_picture_has_room_for_any_number_of_methods_and_frames(methods, shape):
    frames = 4001
    level = ("frequency", "time"), np.random.default_rng(0).normal(size=(8, frames))
    maps = ("explainer", "frequency", "time"), np.random.default_rng(1).random((methods, 8, frames))
    where = dict(frequency=np.arange(8.0), time=np.arange(float(frames)), explainer=[f"method {i}" for i in range(methods)])
    tiles = dict(flat_tiles=("explainer", np.arange(methods)), tile_label=("tile", ["tug"] * 20))
    result = xr.Dataset(dict(spectrogram=level, saliency=maps) | tiles, where, dict(recording="a.wav", label="tug", probability=0.97))
    assert image_size(explained_picture(result)) == shape


@pytest.mark.parametrize("padded, hatched", [(0.0, []), (1.0, [(3.0, 4.0)] * 2), (2.5, [(1.5, 4.0)] * 2)])
def test_padding_is_hatched_in_every_panel_of_the_picture(padded, hatched, monkeypatch):
    maps = ("explainer", "frequency", "time"), np.full((1, 8, 200), 0.5)
    where = dict(frequency=np.arange(8.0), time=np.arange(200) / 50, explainer=["grad-cam"])
    level = ("frequency", "time"), np.random.default_rng(0).normal(size=(8, 200))
    result = xr.Dataset(dict(spectrogram=level, saliency=maps, flat_tiles=("explainer", [0])), where)
    drawn = []
    monkeypatch.setattr(Axes, "axvspan", lambda self, start, end, **options: drawn.append((start, end)))
    explained_picture(result.assign_attrs(recording="a.wav", label="tug", probability=0.9, padded_seconds=padded))
    assert np.allclose(drawn, hatched) and len(drawn) == len(hatched)


def image_size(png):
    "Height and width of a PNG, pixels."
    return int.from_bytes(png[20:24]), int.from_bytes(png[16:20])


CLIPS = dict(sample_rate=2000, n_fft=200, hop_length=20, fmin=50, fmax=900, seconds=1, n_frequency=40, n_time=60, db_range=[-20, 5])


@cache
def named():
    "A folder that holds: clips.json, clips (a classifier, trained on the machines), short.wav (half a clip)."
    place = Path(mkdtemp(prefix="clips-"))
    (place / "clips.json").write_text(json.dumps(CLIPS))
    soundfile.write(place / "short.wav", sound("pump", 90, seconds=0.5), 2000)
    assert run("train", trained() / "machines", "--out", place / "clips", "--classifier", "song-small", "--config", place / "clips.json", "--test", "0.2", "--epochs", 25) == 0
    return place


def test_a_classifier_of_clips_is_trained_and_told_of(capsys):
    model = named() / "clips"
    capsys.readouterr()
    assert run("info", model) == 0
    out = capsys.readouterr().out
    for words in ("class fan: 5 recordings", "class pump: 5 recordings", "clips of 1 s, 50–900 Hz in 40 × 60 pixels, 2000 Hz", "accuracy on 2 recordings never trained on"):
        assert words in out
    known = Classifier.load(model)
    assert f"classifier {known.model_id}" in out and known.network.name == "song_cnn" and known.config.db_range == (-20, 5)


def test_recordings_of_one_group_are_told_beside_the_interval():
    figures = dict(accuracy=0.5, accuracy_low=0.2, accuracy_high=0.8, n_recordings=8)
    plain = "  accuracy on 8 recordings never trained on: 50.0% (95 % interval 20.0%–80.0%)"
    assert accuracy_line(figures) == accuracy_line(figures | dict(n_groups=8)) == plain
    assert accuracy_line(figures | dict(n_groups=3)) == "  accuracy on 8 recordings of 3 groups never trained on: 50.0% (95 % interval 20.0%–80.0%; the interval takes recordings as independent)"


def test_the_same_seed_trains_the_same_classifier_and_the_thesis_network_for_mel(tmp_path, capsys):
    (tmp_path / "mel.json").write_text(json.dumps(dict(sample_rate=2000, n_fft=200, hop_length=50, fmin=50, fmax=900, n_time=40)))
    for name in ("first", "second"):
        arguments = ["--classifier", "mel", "--config", tmp_path / "mel.json", "--epochs", 1, "--seed", 5]
        assert run("train", trained() / "machines", "--out", tmp_path / name, *arguments) == 0
    first, second = re.findall(r"classifier (\w+)", capsys.readouterr().out)
    known = Classifier.load(tmp_path / "first")
    assert first == second == known.model_id and known.network.name == "thesis_cnn" and known.figures["epochs"] == 1


def test_a_classifier_explains_recordings_and_says_what_was_padded(tmp_path, capsys):
    model, _ = named() / "clips", capsys.readouterr()
    options = ["--method", "ensemble-max", "--method", "deeplift", "--out", tmp_path / "why"]
    assert run("explain", model, named() / "short.wav", trained() / "unknown.wav", *options) == 0
    out, err = capsys.readouterr()
    told = [rf".*{name}: (fan|pump) \(probability [\d.]+\){more}, ensemble-max, deeplift" for name, more in (("short.wav", ", padded by 0.5 s"), ("unknown.wav", ""))]
    assert not err and all(re.fullmatch(words, line) for words, line in zip(told, out.splitlines()[-2:]))
    short, whole = (xr.load_dataset(tmp_path / "why" / f"{name}.explained.nc", engine="h5netcdf") for name in ("short", "unknown"))
    assert short.saliency.shape == (2, 40, 60) and whole.saliency.shape == (2, 40, 600) and short.attrs["padded_seconds"] == 0.5
    assert short.layer.values.tolist() == ["conv_5", "image"] and 0 <= whole.saliency.min() and whole.saliency.max() <= 1
    assert (tmp_path / "why" / "short.explained.png").read_bytes().startswith(b"\x89PNG") and short.attrs["model_id"] == Classifier.load(model).model_id


def test_a_classifier_has_a_method_of_its_own_and_obeys_label_layer_and_channel(tmp_path, capsys):
    soundfile.write(tmp_path / "both.wav", np.stack([sound("fan", 3), sound("pump", 3)], axis=1), 2000)
    for options, method, layer in (((), "grad-cam", "conv_5"), (("--method", "score-cam", "--layer", "conv_3"), "score-cam", "conv_3")):
        assert run("explain", named() / "clips", tmp_path / "both.wav", "--channel", 1, "--label", "fan", "--out", tmp_path / "out", *options) == 0
        result = xr.load_dataset(tmp_path / "out" / "both.explained.nc", engine="h5netcdf")
        assert (result.explainer.item(), result.layer.item(), result.attrs["label"]) == (method, layer, "fan")


@pytest.mark.parametrize("verb, given", [("denoise", ["short.wav", "--out", "results"]), ("evaluate", ["."])])
def test_what_a_classifier_cannot_do_is_one_clear_line(verb, given, tmp_path, capsys, monkeypatch):
    model, _ = named() / "clips", capsys.readouterr()
    monkeypatch.chdir(tmp_path)
    assert run(verb, model, *given) == 2
    out, err = capsys.readouterr()
    assert re.fullmatch("error: .*clips holds a classifier of clips.*`scorecam-denoise info` tells its accuracy, `explain` .*", err.strip()) and not out and not list(tmp_path.iterdir())


@pytest.mark.parametrize("options, message", [
    (("--method", "guess"), "method 'guess' is not known: choose one of score-cam, .*ensemble-max"),
    (("--label", "kettle"), "label 'kettle' is not known: this model knows fan, pump"),
    (("--layer", "conv_9"), "no spatial layer 'conv_9'.*conv_5"),
    ((), "missing.wav: does not exist"),
])
def test_what_a_classifier_cannot_explain_is_one_clear_line(options, message, tmp_path, capsys):
    model, _ = named() / "clips", capsys.readouterr()
    assert run("explain", model, tmp_path / "missing.wav", "--out", tmp_path / "out", *options) == 2
    out, err = capsys.readouterr()
    assert re.fullmatch(f"error: .*{message}.*", err.strip()) and not out and not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("options, settings, message", [
    (("--classifier", "guess"), CLIPS, "classifier 'guess' is not known: choose one of song, song-small, mel"),
    (("--classifier", "song", "--paper"), CLIPS, "leave them out, or --classifier"),
    (("--classifier", "song", "--no-sound"), CLIPS, "leave them out, or --classifier"),
    (("--classifier", "song"), CLIPS | {"overlap": 0.5}, "clips.json: spectrogram settings: unknown overlap"),
    (("--classifier", "song"), CLIPS | {"fmax": 1200}, "clips.json: song settings: fmax=1200"),
    (("--classifier", "song"), {"fmax": 8000}, "none of its 12 recordings can be used, first .*holds nothing above 1000 Hz"),
    (("--classifier", "song", "--group", "([a-z]+)"), CLIPS, "class fan has 1 recording .*--test 0"),
])  # fmt: skip
def test_a_classifier_that_cannot_be_trained_is_one_clear_line(options, settings, message, tmp_path, capsys):
    (tmp_path / "clips.json").write_text(json.dumps(settings))
    data, _ = trained() / "machines", capsys.readouterr()
    assert run("train", data, "--out", tmp_path / "model", "--config", tmp_path / "clips.json", *options) == 2
    out, err = capsys.readouterr()
    assert re.fullmatch(f"error: .*{message}.*", err.strip()) and not out and not (tmp_path / "model").exists()


def test_bad_recordings_are_left_out_of_a_classifiers_training(tmp_path, capsys):
    shutil.copytree(trained() / "machines", tmp_path / "machines")
    (tmp_path / "machines" / "fan" / "notes.wav").write_text("not a sound")
    arguments = ["--out", tmp_path / "model", "--classifier", "song-small", "--config", named() / "clips.json", "--epochs", 1]
    capsys.readouterr()
    assert run("train", tmp_path / "machines", *arguments) == 1
    out, err = capsys.readouterr()
    assert "1 of 13 files could not be used, the others are done" in err and "notes.wav" in err and "written to" in out and "warning" not in err


def test_settings_of_clips_go_by_name_and_a_file_departs_from_them(tmp_path):
    assert clip_settings("song-small", None) == SONG_CONFIGS["song-small"] and clip_settings("mel", None) == MelConfig()
    (tmp_path / "settings.json").write_text('{"fmin": 2000}')
    changed = clip_settings("song-small", tmp_path / "settings.json")
    assert changed.fmin == 2000 and changed.n_time == 240


def test_tables_and_sounds_of_the_page():
    table = pd.DataFrame({"threshold": ["0.50", "<auto>"], "removed, %": [95.04, 97.0]})
    made = table_html(table, caption="what it shows", chosen=1)
    assert "<td>95.0</td>" in made and "&lt;auto&gt;" in made and made.count("class=chosen") == 1
    sound_file = wav_bytes(np.sin(np.arange(4000)), 4000)
    element = embedded(sound_file, text="a tone")
    assert base64.b64decode(re.search("base64,([^\"]+)", element)[1]) == sound_file


def test_a_saved_scene_can_be_learnt_and_is_measured(tmp_path, capsys):
    scene = simulate_scene("easy", ships=4, recordings=1, classes=("tug", "cargo"), config=SpectrogramConfig(n_frequency=64, n_time=32))
    scene.save(tmp_path / "scene")
    (tmp_path / "settings.json").write_text(scene.config.to_json())
    options = ["--config", tmp_path / "settings.json", "--epochs", "3", "--no-sound"]
    assert run("train", tmp_path / "scene", "--out", tmp_path / "model", *options) == 0
    assert run("evaluate", tmp_path / "model", tmp_path / "scene") == 0
    out = capsys.readouterr().out
    assert "noise removed, %" in out and "8 recordings, 6 left out" in out


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    "The demo on a very small scene."
    out = tmp_path_factory.mktemp("demo") / "demo"
    assert run("demo", "--out", out, "--ships", 4, "--scene", "easy", "--epochs", 2) == 0
    return out


def test_the_demo_ends_with_one_page_that_needs_nothing_else(page):
    text = (page / "index.html").read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert sources and all(source.startswith("data:") for source in sources)
    assert "http" not in re.sub(r'"data:[^"]*"', "", text)
    assert text.count("<audio") == 16 and text.count("<img") == text.count("<img alt=") == 5
    assert "$" not in re.sub(r'"data:[^"]*"', "", text)  # every place was filled
    assert len(text) < 12_000_000


def test_the_demo_leaves_a_model_results_and_figures(page, capsys):
    assert run("info", page / "model") == 0
    assert "by the class's share" in capsys.readouterr().out
    assert len(list((page / "results").glob("*.nc"))) == len(list((page / "figures").glob("*.png"))) == 4
    table = pd.read_csv(page / "thresholds.csv")
    removed, overwritten = table.iloc[:-1, 1], table.iloc[:-1, 2]
    assert removed.is_monotonic_increasing and overwritten.is_monotonic_increasing
    assert table.iloc[:, 1:3].to_numpy().min() >= 0 and table.iloc[:, 1:3].to_numpy().max() <= 100
