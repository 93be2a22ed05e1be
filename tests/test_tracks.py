"Tonal tracks: where the lines are, and nowhere else."
import numpy as np
import pytest

from scorecam_denoise import tracks as tr
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import read_raven, write_raven
from scorecam_denoise.spectrogram import SpectrogramConfig, level_db, stft

CONFIG = SpectrogramConfig()


def picture(lines, seconds=40, seed=0):
    "The level of noise with lines (Hz at start, Hz at end, dB per bin), the frames' times, and a mask 11 bins wide on them."
    clock = np.arange(seconds * 4000) / 4000
    sound = np.random.default_rng(seed).standard_normal(clock.size)
    for first, last, snr in lines:
        hertz = first + (last - first) * clock / seconds
        sound += np.sqrt(2 * 2 / 4000 * 1.5 * 2 * 10 ** (snr / 10)) * np.sin(2 * np.pi * np.cumsum(hertz) / 4000)
    level = level_db(stft(sound, CONFIG), CONFIG)
    time = np.arange(level.shape[1]) * CONFIG.seconds_per_frame
    mask = np.zeros_like(level)
    for first, last, _ in lines:
        mask[abs(CONFIG.frequencies[:, None] - np.interp(time, [0, seconds], [first, last])) <= 10] = 1
    return level, time, mask


def find(mask, level, time, **options):
    "The tracks of a picture with the usual frequencies."
    return tr.find_tracks(mask, level, frequency=CONFIG.frequencies, time=time, **options)


def test_lines_are_found_where_they_are():
    level, time, mask = picture([(100.7, 100.7, 12), (300, 340, 12), (450, 450, 6)])
    table = find(mask, level, time, label="tug")
    assert list(table.columns) == ["start", "end", "low", "high", "frequency", "level_db", "snr_db", "label"]
    assert len(table) == 3 and set(table.label) == {"tug"}
    np.testing.assert_allclose(table.frequency, [100.7, 320, 450], atol=0.4)
    np.testing.assert_allclose(table.low, [99, 299, 448], atol=1.5)
    np.testing.assert_allclose(table.high, [102, 341, 452], atol=1.5)
    assert table.start.max() < 1.2 and table.end.min() > 38.8
    np.testing.assert_allclose(table.snr_db, 2.5 + np.array([12, 12, 7]), atol=1.6)  # noise averages 2.5 dB below its power
    on_line = level[np.argmin(abs(CONFIG.frequencies - 100.7))].mean()
    assert abs(table.level_db[0] - on_line) < 0.5


def test_a_line_outside_the_mask_is_no_track():
    level, time, mask = picture([(100, 100, 12), (300, 300, 12)])
    mask[100:] = 0.4
    assert len(find(mask, level, time)) == 1 and len(find(mask, level, time, threshold=0.3)) == 2


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_tracks(seed):
    level, time, _ = picture([], seconds=60, seed=seed)
    table = find(np.ones_like(level), level, time)
    assert len(table) <= 1
    empty = find(np.zeros_like(level), level, time)
    assert len(empty) == 0 and list(empty.columns) == list(table.columns)


def test_start_and_end_gaps_and_short_ones():
    level, time, mask = picture([(200, 200, 15)])
    on = (time >= 10) & (time < 30)
    noise, _, _ = picture([], seed=1)
    level = np.where(on, level, noise)
    table = find(mask * on, level, time)
    assert len(table) == 1 and abs(table.start[0] - 10) <= 0.5 and abs(table.end[0] - 30) <= 0.5
    gap = on & ~((time >= 20) & (time < 20.75))
    assert len(find(mask * gap, level, time)) == 1
    assert len(find(mask * gap, level, time, max_gap=0)) == 2
    assert len(find(mask * on, level, time, min_seconds=25)) == 0


def test_two_lines_in_one_blob_are_two():
    level, time, mask = picture([(200, 200, 14), (212, 212, 14)])
    np.testing.assert_allclose(find(mask, level, time).frequency, [200, 212], atol=0.5)


def test_pairs_take_the_nearest_first():
    assert tr.nearest_pairs([10.0, 12], [11.5, 30, 9], 2) == [(1, 0), (0, 2)]
    assert tr.nearest_pairs([], [1.0], 2) == []


def test_the_collar_leaves_out_what_the_mask_keeps():
    level = np.zeros((40, 3))
    level[20], level[25] = 20, 10
    kept = level > 0
    assert tr.collar_db(level, kept)[20, 0] == 0
    assert tr.collar_db(level, np.zeros_like(kept))[20, 0] == pytest.approx(10 / 16)
    assert np.isfinite(tr.collar_db(level, np.ones_like(kept))).all()


def test_pictures_that_do_not_fit_are_refused():
    level, time, mask = picture([], seconds=4)
    with pytest.raises(ScorecamError, match="expected two pictures"):
        find(mask[:-1], level, time)
    with pytest.raises(ScorecamError, match="expected two pictures"):
        find(mask, level, time[:-1])


def test_tracks_go_to_raven_and_back(tmp_path):
    level, time, mask = picture([(100, 100, 12)])
    table = find(mask, level, time, label="tug")
    write_raven(tmp_path / "a.txt", table)
    back = read_raven(tmp_path / "a.txt")
    assert set(back.columns) == set(table.columns)
    np.testing.assert_allclose(back[["start", "end", "low", "high", "frequency", "snr_db"]], table[
        ["start", "end", "low", "high", "frequency", "snr_db"]], atol=1e-6)
