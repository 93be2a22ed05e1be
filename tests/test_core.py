"The error, progress and atomic files."
import os
import sys

import pytest

from scorecam_denoise import core
from scorecam_denoise.core import ScorecamError, atomic_path, progress, silent_stderr


def model(folder, text):
    "A small model folder."
    folder.mkdir()
    (folder / "network").write_text(text)


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "model"
    model(target, "old")
    (target / "left over").write_text("")
    with atomic_path(target) as temporary:
        model(temporary, "new")
        assert (target / "network").read_text() == "old"
    assert [item.name for item in target.iterdir()] == ["network"]
    assert (target / "network").read_text() == "new"
    assert [item.name for item in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_save_leaves_the_old_model_whole(tmp_path, interruption):
    target = tmp_path / "model"
    model(target, "old")
    with pytest.raises(interruption), atomic_path(target) as temporary:
        model(temporary, "half")
        raise interruption
    assert (target / "network").read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["model"]


def test_a_rename_that_fails_puts_the_old_folder_back(tmp_path, monkeypatch):
    target = tmp_path / "model"
    model(target, "old")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(core.os, "replace", fail)
    with pytest.raises(ScorecamError, match="No space left"), atomic_path(target) as temporary:
        model(temporary, "new")
    assert (target / "network").read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["model"]


def test_the_temporary_name_keeps_the_ending_and_folders_are_made(tmp_path):
    with atomic_path(tmp_path / "a" / "b.wav") as temporary:
        assert temporary.suffix == ".wav"
        temporary.write_bytes(b"RIFF")
    assert (tmp_path / "a" / "b.wav").read_bytes() == b"RIFF"


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ScorecamError, match=r"^cannot write \S+file/model.*: choose a folder"):
        with atomic_path(tmp_path / "file" / "model"):
            pass


def test_a_file_does_not_replace_a_folder(tmp_path):
    model(tmp_path / "model", "old")
    with pytest.raises(ScorecamError, match="remove it or choose another name"):
        with atomic_path(tmp_path / "model") as temporary:
            temporary.write_text("a file")
    assert (tmp_path / "model" / "network").read_text() == "old"


def test_progress_is_silent_where_nobody_watches(capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    assert list(progress(range(3), desc="counting")) == [0, 1, 2]
    with progress(desc="counting", total=3) as bar:
        bar.update()
    assert capfd.readouterr() == ("", "")


def test_compiled_libraries_are_silenced_too_and_heard_again(capfd):
    with silent_stderr():
        os.write(2, b"noise")
        print("noise", file=sys.__stderr__, flush=True)
    os.write(2, b"signal")
    assert capfd.readouterr().err == "signal"
