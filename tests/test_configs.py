"The spectrogram settings in data/ are what `train --config` takes."
import pytest
from notebooks import ROOT

from scorecam_denoise.cli import read_config
from scorecam_denoise.spectrogram import SpectrogramConfig


def test_settings_for_ships_are_the_default():
    assert read_config(ROOT / "data" / "ships.json") == SpectrogramConfig()


def test_tiles_for_machines_fit_clips_of_a_few_seconds():
    config = read_config(ROOT / "data" / "machines.json")
    assert config.sample_rate == 16000 and 1 <= config.tile_seconds <= 2
    assert config.frequencies[-1] == pytest.approx(4078, abs=1)
