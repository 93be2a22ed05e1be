"Every kind of bad input: one clear line that names what is wrong, the exit status, nothing half-written, no traceback."
import json
import shutil

import numpy as np
import pytest
import soundfile
import xarray as xr
from machines import CONFIG, sound, trained, write_folder

import scorecam_denoise.denoiser
from scorecam_denoise.cli import main


@pytest.fixture
def refused(capsys):
    "Runs the command, and gives the one line that it must fail with."

    def run(*arguments, status=2):
        assert main([str(argument) for argument in arguments]) == status
        captured = capsys.readouterr()
        lines = [line for line in captured.err.splitlines() if not line.startswith("warning:")]
        assert len(lines) == 1 and lines[0].startswith("error: "), captured.err
        assert "Traceback" not in captured.err + captured.out
        return lines[0]

    return run


def write(path, kind):
    "A recording that cannot be used."
    good = sound("pump", 1)
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "not audio":
        path.write_text("a letter, renamed")
    elif kind == "all zero":
        soundfile.write(path, good * 0, 2000)
    elif kind == "too short":
        soundfile.write(path, good[:60], 2000)
    elif kind == "low rate":
        soundfile.write(path, good[::4], 500)
    elif kind == "channels":
        soundfile.write(path, np.stack([good] * 3, axis=1), 2000)
    elif kind == "NaN":
        bad = good.copy()
        bad[3000] = np.nan
        soundfile.write(path, bad, 2000, subtype="FLOAT")
    elif kind == "truncated":
        soundfile.write(path, good, 2000)
        path.write_bytes(path.read_bytes()[:9000])
    elif kind == "folder":
        path.mkdir()
    return path


BAD = {
    "missing": "does not exist", "empty": "empty", "truncated": "truncated", "not audio": "not readable as audio", "all zero": "zeros",
    "NaN": "NaN", "too short": "expected at least one window", "low rate": "sampled at 500 Hz", "channels": "3 channels", "folder": "folder",
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_recording_that_cannot_be_denoised(tmp_path, refused, kind):
    path = write(tmp_path / "bad.wav", kind)
    line = refused("denoise", trained() / "model", path, "--out", tmp_path / "out")
    assert "bad.wav" in line and BAD[kind] in line
    assert not list((tmp_path / "out").iterdir())


def test_bad_recordings_among_good_ones_are_left_out_of_training(tmp_path, capsys):
    shutil.copytree(trained() / "machines", tmp_path / "machines")
    kinds = [kind for kind in BAD if kind not in ("missing", "folder")]
    for kind in kinds:
        write(tmp_path / "machines" / "pump" / f"{kind}.wav", kind)
    shutil.copy(tmp_path / "machines" / "pump" / "pump1.wav", tmp_path / "machines" / "fan" / "copy.wav")
    arguments = [tmp_path / "machines", "--out", tmp_path / "model", "--config", trained() / "settings.json", "--epochs", "1"]
    assert main(["train", *map(str, arguments)]) == 1
    error = capsys.readouterr().err
    assert f"{len(kinds) + 1} of {len(kinds) + 13} files" in error and "Traceback" not in error
    assert "the same sound" in error
    for kind in kinds:
        assert [line for line in error.splitlines() if f"{kind}.wav" in line and BAD[kind] in line], kind
    assert main(["info", str(tmp_path / "model")]) == 0


@pytest.mark.parametrize("kind", ["missing", "a file", "no classes", "no recordings", "one class", "one recording", "two recordings"])
def test_a_folder_that_cannot_be_learnt_from(tmp_path, refused, kind):
    data = tmp_path / "machines"
    if kind == "a file":
        data.write_text("no folder")
    elif kind == "no classes":
        data.mkdir()
    elif kind == "no recordings":
        (data / "pump").mkdir(parents=True)
        (data / "fan").mkdir()
    elif kind != "missing":
        write_folder(data, n=3)
        for n in {"one class": range(3), "one recording": (1, 2), "two recordings": (2,)}[kind]:
            (data / "fan" / f"fan{n}.wav").unlink()
    if kind == "one class":
        (data / "fan").rmdir()
    line = refused("train", data, "--out", tmp_path / "model", "--config", trained() / "settings.json")
    assert {"one recording": "fan", "two recordings": "fan", "one class": "pump"}.get(kind, "machines") in line
    assert not (tmp_path / "model").exists()


def test_one_recording_of_a_class_without_a_test_share(tmp_path, refused):
    write_folder(tmp_path / "machines", n=3)
    for n in (1, 2):
        (tmp_path / "machines" / "fan" / f"fan{n}.wav").unlink()
    options = ["--out", tmp_path / "model", "--config", trained() / "settings.json", "--test", "0"]
    assert "fan" in refused("train", tmp_path / "machines", *options)


def test_recordings_of_the_same_name(tmp_path, capsys):
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "a.wav", sound("pump", 1), 2000)
    files = [str(tmp_path / folder / "a.wav") for folder in ("monday", "tuesday")]
    assert main(["denoise", str(trained() / "model"), *files, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "1 of 2 files" in error and "tuesday" in error and "would replace" in error
    assert xr.load_dataset(tmp_path / "out" / "a.nc", engine="h5netcdf").attrs["label"] == "pump"


def test_a_recording_is_never_replaced_by_its_signature(tmp_path, refused):
    soundfile.write(tmp_path / "a.wav", sound("pump", 1), 2000)
    before = (tmp_path / "a.wav").read_bytes()
    assert "would replace it" in refused("denoise", trained() / "model", tmp_path / "a.wav", "--out", tmp_path)
    assert (tmp_path / "a.wav").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("verb", ["denoise", "evaluate", "info"])
@pytest.mark.parametrize("kind", ["missing", "foreign", "damaged", "a file"])
def test_a_model_that_is_none(tmp_path, refused, verb, kind):
    model = tmp_path / "model"
    if kind == "foreign":
        model.mkdir()
        (model / "weights.h5").write_text("something")
    elif kind == "damaged":
        shutil.copytree(trained() / "model", model)
        (model / "network.keras").write_bytes((model / "network.keras").read_bytes()[:3000])
    elif kind == "a file":
        model.write_text("something")
    more = {"denoise": [trained() / "unknown.wav", "--out", tmp_path / "out"], "evaluate": [trained() / "machines"], "info": []}
    assert str(model) in refused(verb, model, *more[verb])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option, words", [
    (["--label", "kettle"], "fan, pump"), (["--threshold", "1.5"], "[0, 1]"), (["--threshold", "-0.1"], "[0, 1]"),
    (["--threshold", "nan"], "[0, 1]"), (["--threshold", "high"], "'auto'"), (["--channel", "7"], "channel 7"),
    (["--channel", "left"], "--channel"), (["--sensitivity-db", "170"], "sensitivity"), (["--colour", "red"], "--colour"),
])  # fmt: skip
def test_an_option_that_cannot_be_used(tmp_path, refused, option, words):
    line = refused("denoise", trained() / "model", trained() / "unknown.wav", "--out", tmp_path / "out", *option)
    assert words in line
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("arguments", [["denoise"], ["train", "x"], ["paint"], ["demo", "--scene", "calm"], ["demo", "--ships", "1"]], ids=str)
def test_a_command_that_is_not_whole(tmp_path, refused, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    refused(*arguments)
    assert not list(tmp_path.rglob("*.html"))


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"hop": 3}', b'{"n_fft": -5}', b"RIFF\xee"])
def test_settings_that_are_none(tmp_path, refused, content):
    (tmp_path / "settings.json").write_bytes(content)
    line = refused("train", trained() / "machines", "--out", tmp_path / "model", "--config", tmp_path / "settings.json")
    assert "settings.json" in line and "codec" not in line and not (tmp_path / "model").exists()
    line = refused("train", trained() / "machines", "--out", tmp_path / "model", "--config", tmp_path / "none.json")
    assert "none.json" in line


@pytest.mark.parametrize("group", ["(", "no group", "x(y)"])
def test_a_group_that_is_none(tmp_path, refused, group):
    refused("train", trained() / "machines", "--out", tmp_path / "model", "--config", trained() / "settings.json", "--group", group)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("verb", ["train", "denoise", "demo"])
def test_an_output_that_cannot_be_written(tmp_path, refused, verb):
    (tmp_path / "taken").write_text("a file, not a folder")
    first = {
        "train": [trained() / "machines", "--config", trained() / "settings.json", "--epochs", "1"],
        "denoise": [trained() / "model", trained() / "unknown.wav"], "demo": [],
    }[verb]  # fmt: skip
    assert "taken" in refused(verb, *first, "--out", tmp_path / "taken" / "inside")
    assert (tmp_path / "taken").read_text() == "a file, not a folder"


def test_a_folder_of_something_else_is_not_replaced_by_a_model(tmp_path, refused):
    write_folder(tmp_path / "machines", n=3)
    line = refused("train", tmp_path / "machines", "--out", tmp_path / "machines", "--config", trained() / "settings.json")
    assert "no saved model" in line and len(list((tmp_path / "machines").rglob("*.wav"))) == 6


def test_evaluating_on_what_it_was_trained_on(tmp_path, refused):
    known = json.loads((trained() / "model" / "denoiser.json").read_text())["recordings"]
    shutil.copytree(trained() / "machines", tmp_path / "machines")
    for path in (tmp_path / "machines").rglob("*.wav"):
        if not any(path.stem in name for name in known["recording"]):
            path.unlink()
    assert "trained on every recording" in refused("evaluate", trained() / "model", tmp_path / "machines")


def test_a_class_that_the_model_does_not_know(tmp_path, refused):
    shutil.copytree(trained() / "machines", tmp_path / "machines")
    (tmp_path / "machines" / "fan").rename(tmp_path / "machines" / "kettle")
    assert "kettle" in refused("evaluate", trained() / "model", tmp_path / "machines")


def test_a_damaged_scene(tmp_path, refused):
    shutil.copytree(trained() / "machines", tmp_path / "scene" / "audio")
    (tmp_path / "scene" / "truth.nc").write_text("no truth")
    for arguments in (["train", tmp_path / "scene", "--out", tmp_path / "model"], ["evaluate", trained() / "model", tmp_path / "scene"]):
        assert "truth.nc" in refused(*arguments)


def interrupt(*_, **__):
    "Somebody presses Ctrl-C."
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["fit_classifier", "learn_class", "save_model"])
def test_an_interrupted_training_leaves_the_old_model_whole(tmp_path, refused, monkeypatch, where):
    shutil.copytree(trained() / "model", tmp_path / "model")
    before = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    owner = (xr.Dataset, "to_netcdf") if where == "save_model" else (scorecam_denoise.denoiser, where)
    monkeypatch.setattr(*owner, interrupt)
    arguments = [trained() / "machines", "--out", tmp_path / "model", "--config", trained() / "settings.json", "--epochs", "1"]
    assert "interrupted" in refused("train", *arguments)
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_interrupted_denoising_leaves_nothing_half_written(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(scorecam_denoise.denoiser, "level_db", interrupt)
    assert "interrupted" in refused("denoise", trained() / "model", trained() / "unknown.wav", "--out", tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_was_written_before_stays(tmp_path, refused):
    options = ["--out", tmp_path]
    assert main([str(a) for a in ("denoise", trained() / "model", trained() / "unknown.wav", *options)]) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    bad = tmp_path / "elsewhere"
    bad.mkdir()
    path = write(bad / "unknown.wav", "NaN")
    assert "NaN" in refused("denoise", trained() / "model", path, *options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_full_disk_is_one_line(tmp_path, refused, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", str(tmp_path / "unknown.nc"))

    place = trained()
    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    assert "No space left" in refused("denoise", place / "model", place / "unknown.wav", "--out", tmp_path)
    assert not list(tmp_path.iterdir())
