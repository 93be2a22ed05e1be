"Figures computed by hand, and those that the module computes."
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from scorecam_denoise import evaluation as ev
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import make_windows
from scorecam_denoise.denoiser import ScoreCAMDenoiser
from scorecam_denoise.spectrogram import SpectrogramConfig

CONFIG = SpectrogramConfig(n_frequency=16, n_time=4)


def windows_of(owner, line=None, image=None) -> xr.Dataset:
    "Windows with a given truth, each of a recording of its own."
    owner = np.asarray(owner, np.int8)
    n = len(owner)
    line = np.where(owner > 1, owner, -1).astype(np.int16) if line is None else np.asarray(line, np.int16)
    names = [f"r{i}" for i in range(n)]
    image = np.zeros(owner.shape, np.float32) if image is None else image
    truth = dict(tonal_mask=owner == 1, owner=owner, line=line)
    return make_windows(image, ["a"] * n, recording=names, group=names, start=np.zeros(n), config=CONFIG, **truth)


@pytest.fixture
def one():
    "One image: row 4 the target's, row 8 another ship's, their rims count nowhere."
    owner = np.zeros((1, 16, 4), int)
    owner[0, [3, 5, 7, 9]] = -1
    owner[0, 4], owner[0, 8] = 1, 2
    return windows_of(owner)


def test_shares_at_a_threshold_by_hand(one):
    mask = np.zeros((1, 16, 4))
    mask[0, 4] = [0.9, 0.5, 0.5, 0.4]  # one of four tones is overwritten
    mask[0, 8] = [0.9, 0.9, 0.1, 0.1]  # half of the interferer is kept
    mask[0, 3] = 1.0  # counts nowhere
    mask[0, 0] = [0.5, 0.0, 0.0, 0.0]  # one of 40 pixels of the background is kept
    row = ev.evaluate_masks(mask, one, 0.5).iloc[0]
    assert row.overwritten == 25 and row.removed_interferers == 50 and row.removed_background == 97.5
    assert row.removed == pytest.approx(100 * 41 / 44) and row.intersecting == 1
    assert row.recording == "r0" and row.threshold == 0.5


def test_a_threshold_for_each_image():
    owner = np.ones((2, 16, 4))
    owner[:, 8:] = 0
    table = ev.evaluate_masks(np.full((2, 16, 4), 0.5), windows_of(owner), np.array([0.4, 0.6]))
    assert table.removed.tolist() == [0, 100] and table.overwritten.tolist() == [0, 100]


def test_an_image_without_such_pixels_has_no_figure():
    table = ev.evaluate_masks(np.zeros((1, 16, 4)), windows_of(np.ones((1, 16, 4))), 0.5)
    assert table[["removed", "removed_at_8", "overwritten_at_86", "auc_background"]].isna().all(axis=None)
    assert table.overwritten.item() == 100


def test_a_line_is_kept_from_half_of_its_pixels():
    line = np.array([[[1, 1, 2, 2, 2, -1, 5]]])
    assert ev.intersecting_lines(np.array([[[1, 0, 1, 0, 0, 1, 0]]], bool), line).tolist() == [1]
    assert ev.intersecting_lines(np.array([[[1, 1, 1, 1, 1, 1, 1]]], bool), line).tolist() == [3]
    assert ev.intersecting_lines(np.zeros((1, 1, 7), bool), line).tolist() == [0]


def scanned(tones, noise):
    "Overwritten and removed, %, at every threshold there is."
    cuts = np.unique(np.r_[tones, noise, 0, np.nextafter(np.r_[tones, noise], 2)])
    return [(100 * np.mean(tones < cut), 100 * np.mean(noise < cut)) for cut in cuts]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("levels", [3, 1000])
def test_points_of_the_curve_are_those_of_a_scan(seed, levels):
    rng = np.random.default_rng(seed)
    tones, noise = (rng.integers(0, levels, n) / levels for n in (37, 211))
    points = scanned(tones, noise)
    assert ev.removed_at(tones, noise) == pytest.approx(max(r for o, r in points if o <= 8))
    assert ev.overwritten_at(tones, noise) == pytest.approx(min(o for o, r in points if r >= 86))


def test_ties_are_on_the_cautious_side():
    same = np.full(100, 0.5)
    assert ev.removed_at(same, same) == 0 and ev.overwritten_at(same, same) == 100


def test_the_area_under_the_roc_is_scikit_learns():
    rng = np.random.default_rng(0)
    high, low = rng.integers(2, 9, 50), rng.integers(0, 7, 70)
    expected = roc_auc_score(np.r_[np.ones(50), np.zeros(70)], np.r_[high, low])
    assert ev.auc(high, low) == pytest.approx(expected)
    assert np.isnan(ev.auc(high, low[:0]))


def test_within_bands_frequency_alone_is_no_skill():
    config = SpectrogramConfig()
    band = ev.log_bands(config.frequencies)
    assert band.min() == 0 and band.max() == 7 and (np.diff(band) >= 0).all()
    mask = np.where(band[:, None] == 0, 1.0, 0.0) * np.ones((256, 64))
    tones = np.zeros((256, 64), bool)
    tones[:3] = True
    assert ev.auc(mask[tones], mask[~tones]) > 0.95
    assert ev.banded_auc(mask, tones, ~tones, band) == 0.5


def test_line_gain_by_hand():
    level, owner = np.full((1, 30, 2), 2.0), np.zeros((1, 30, 2), int)
    owner[0, 15], level[0, 15] = 1, 10.0
    kept = owner == 1
    gain, loss = ev.line_gain(level, kept, owner, -6.0)
    assert gain.item() == pytest.approx(8) and loss.item() == 0  # the collar falls from 2 to -6 dB
    gain, loss = ev.line_gain(level, ~kept, owner, -6.0)
    assert gain.item() == pytest.approx(-16) and loss.item() == pytest.approx(16)


def test_si_sdr_does_not_mind_loudness_but_noise():
    rng = np.random.default_rng(0)
    s, n = rng.standard_normal((2, 100_000))
    assert ev.si_sdr(s + 0.1 * n, s) == pytest.approx(20, abs=0.1)
    assert ev.si_sdr(7 * (s + 0.1 * n), s) == pytest.approx(ev.si_sdr(s + 0.1 * n, s))


def test_no_mask_gains_more_than_the_oracle():
    t = np.arange(64_000) / 4000
    stems = {"target": np.sin(2 * np.pi * 200 * t), "interferer 1": np.sin(2 * np.pi * 300 * t), "ambient": np.random.default_rng(0).standard_normal(64_000)}
    config = SpectrogramConfig()
    nothing_lost = ev.sound_gain(stems, np.ones((256, 65)), config)
    assert nothing_lost["si_sdr_gain"] == pytest.approx(0, abs=1e-6) and nothing_lost["oracle_gain"] > 10
    own = (np.abs(config.frequencies - 200) <= 2)[:, None] * np.ones((256, 65))
    assert 10 < ev.sound_gain(stems, own, config)["si_sdr_gain"] < nothing_lost["oracle_gain"]


def test_students_interval_by_hand():
    values = [3.0, 4.0, 5.0, 6.0, 9.0]
    mean, low, high = ev.student_interval(values)
    reach = student.ppf(0.975, 4) * np.std(values, ddof=1) / np.sqrt(5)
    assert (mean, low, high) == pytest.approx((5.4, 5.4 - reach, 5.4 + reach))
    assert np.isnan(ev.student_interval([1.0, 2.0])[1])


def test_the_bootstrap_draws_recordings():
    rng = np.random.default_rng(0)
    of_recording = rng.normal(0, 1, 100)
    values = np.repeat(of_recording, 20) + rng.normal(0, 0.01, 2000)
    mean, low, high = ev.bootstrap_interval(values, np.repeat(np.arange(100), 20))
    assert low < mean < high and high - low == pytest.approx(4 * of_recording.std() / 10, rel=0.15)
    assert np.isnan(ev.bootstrap_interval([1.0, 2.0], ["a", "a"])[1])


def test_a_summary_over_seeds_counts_each_seed_once():
    table = pd.DataFrame({"label": "a", "recording": "r", "removed": [0.0, 10, 2, 3, 4, 5], "seed": [0, 0, 1, 2, 3, 4]})
    row = ev.summary(table, table["seed"]).loc["removed"]
    assert row["value"] == pytest.approx((5 + 2 + 3 + 4 + 5) / 5) and row["n"] == 6 and row["low"] < row["value"] < row["high"]
    assert list(ev.summary(table).index) == ["removed"]


def test_the_threshold_table_has_a_row_for_each_cut(one):
    mask = np.full((1, 16, 4), 0.7)
    table = ev.threshold_table(mask, one, {"0.65": 0.65, "own": np.array([0.75])})
    assert table.loc["0.65", ["removed", "overwritten", "intersecting"]].tolist() == [0, 0, 1]
    assert table.loc["own", ["removed", "overwritten", "intersecting"]].tolist() == [100, 100, 0]


def test_the_oracle_is_perfect(one):
    row = ev.evaluate_masks(ev.oracle(one), one, 0.5).iloc[0]
    assert row[["removed", "removed_at_8", "line_loss", "overwritten", "overwritten_at_86"]].tolist() == [100, 100, 0, 0, 0]


def test_the_detector_with_the_best_setting_is_chosen():
    rng, owner = np.random.default_rng(0), np.zeros((4, 16, 4), int)
    owner[:, 8] = 1
    image = np.clip(rng.normal(0.4, 0.1, owner.shape) + 0.1 * (owner == 1), 0, 1).astype(np.float32)
    grid = [{"median_bins": 9, "mean_frames": frames} for frames in (1, 7)]
    assert ev.best_detector(windows_of(owner, image=image), grid) == grid[1]
    assert ev.detector_masks(windows_of(owner, image=image)).shape == owner.shape


def test_eighty_images_take_less_than_two_seconds():
    rng = np.random.default_rng(0)
    owner = np.where(rng.uniform(size=(80, 256, 1)) < 0.1, rng.integers(1, 3, (80, 256, 1)), 0) * np.ones((1, 1, 64), int)
    config, names = SpectrogramConfig(), [str(i) for i in range(80)]
    truth = dict(owner=owner.astype(np.int8), line=np.where(owner > 1, owner, -1).astype(np.int16))
    masks = rng.uniform(size=owner.shape).astype(np.float32)
    windows = make_windows(masks, names, recording=names, group=names, start=np.zeros(80), config=config, **truth)
    begin = time.process_time()
    table = ev.evaluate_masks(masks, windows, 0.5)
    assert time.process_time() - begin < 2 and abs(table.auc_background.mean() - 0.5) < 0.01


def test_a_network_is_trained_once_and_ships_of_the_test_are_kept_from_it(tmp_path, monkeypatch):
    small = dict(folder=tmp_path, settings={"ships": 3, "recordings": 1}, changes={"training": {"epochs": 1}, "n_representatives": 2})
    denoiser, windows = ev.trained("easy", 3, **small)
    learn, validation, test = ev.split_of(windows, 3)
    assert set(denoiser.recordings_.group) == set(learn.group.values) | set(validation.group.values)
    assert not set(denoiser.recordings_.group) & set(test.group.values)
    table = ev.evaluate_denoiser(denoiser, test, 0.5)
    assert len(table) == 4 and set(table.right) <= {0.0, 1.0} and table.threshold.eq(0.5).all()
    monkeypatch.setattr(ScoreCAMDenoiser, "fit", lambda *_, **__: pytest.fail("it was trained again"))
    again, same = ev.trained("easy", 3, **small)
    assert again.model_id_ == denoiser.model_id_ and same.identical(windows)


def test_a_smaller_draw_of_recordings_is_part_of_a_larger_one():
    names = [f"{label}{i}" for label in "ab" for i in range(6)]
    both = make_windows(np.zeros((24, 16, 4), np.float32), [name[0] for name in names for _ in range(2)], recording=np.repeat(names, 2), group=np.repeat(names, 2), start=np.tile([0.0, 1.0], 12), config=CONFIG)
    draws = [set(ev.draw_recordings(both, n, seed=1)["recording"].values) for n in (1, 3, 6)]
    assert draws[0] < draws[1] < draws[2] == set(names) and [len(draw) for draw in draws] == [2, 6, 12]
    assert ev.draw_recordings(both, 3, seed=1).sizes["sample"] == 12 and set(ev.draw_recordings(both, 3, seed=2)["recording"].values) != draws[1]
    for wrong in (0, 7):
        with pytest.raises(ScorecamError, match=f"{wrong} recordings of each class: choose 1 to 6"):
            ev.draw_recordings(both, wrong)


def test_made_images_and_few_recordings_come_from_the_cache(tmp_path, monkeypatch):
    wgan = dict(updates=1, latent_dim=4, generator_options=dict(filters=(4, 4)), critic_options=dict(filters=(4, 4)))
    changes = {"training": {"epochs": 1, "validation_fraction": 0}, "n_representatives": 2, "wgan": wgan}
    few = dict(folder=tmp_path, settings={"ships": 6, "recordings": 1}, changes=changes, recipe="made", per_class=4)
    denoiser, windows = ev.trained("easy", 3, **few)
    assert denoiser.recordings_.groupby("label").size().eq(4).all() and denoiser.wgan == wgan
    assert not set(denoiser.recordings_.group) & set(ev.split_of(windows, 3)[2].group.values)
    assert len(list((tmp_path / "generators").iterdir())) == 4
    monkeypatch.setattr(ScoreCAMDenoiser, "fit", lambda *_, **__: pytest.fail("it was trained again"))
    assert ev.trained("easy", 3, **few)[0].model_id_ == denoiser.model_id_


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda w: ev.evaluate_masks(np.zeros((2, 16, 4)), w), "expected .1, 16, 4."),
        (lambda w: ev.evaluate_masks(np.full((1, 16, 4), np.nan), w), "NaN"),
        (lambda w: ev.evaluate_masks(np.zeros((1, 16, 4)), w.drop_vars("owner")), "without owner"),
        (lambda w: ev.trained("default", 0, recipe="secret"), "choose one of default, paper"),
        (lambda w: ev.trained("nowhere", 0), "choose one of easy"),
        (lambda w: ev.fitted_rival("nobody", "default", 0), "choose one of raw energy"),
    ],
)  # fmt: skip
def test_errors_say_what_was_expected(one, call, words):
    with pytest.raises(ScorecamError, match=words):
        call(one)


def test_real_noise_is_asked_for_by_name(monkeypatch, capsys):
    monkeypatch.delenv("SCORECAM_DATA", raising=False)
    with pytest.raises(ScorecamError, match="SCORECAM_DATA"):
        ev.scene_of("injected")
    variants, ways = len(ev.VARIANTS), len(ev.SIZES) + 4  # of songs: as it is, at random, few males, few at random; black and white: two folds each
    assert len(ev.jobs_of(range(2))) == 27 + 2 * variants + 2 * ways + 4 and "left out" in capsys.readouterr().out
    monkeypatch.setenv("SCORECAM_DATA", "somewhere")
    assert len(ev.jobs_of(range(2))) == 33 + 2 * variants + 2 * (ways + 2) + 4 and len(ev.jobs_of()) == 83 + 5 * variants + 5 * (ways + 2) + 4 and ev.scene_of("injected")[1].name == "north_sea_hydrophone"


def test_truth_is_drawn_from_every_class_and_ship_in_turn(tmp_path):
    both = ev.cached_windows("easy", 0, tmp_path, settings={"ships": 4, "classes": ("tug", "cargo")})[0]
    draws = [ev.draw_windows(both, n, seed=1) for n in (2, 5, 8, 16)]
    kept = [set(zip(draw["recording"].values, draw["start"].values)) for draw in draws]
    assert kept[0] < kept[1] < kept[2] < kept[3] and len(set(draws[2]["group"].values)) == 8
    assert [sorted(np.unique(draw["label"].values, return_counts=True)[1]) for draw in draws[:2]] == [[1, 1], [2, 3]]
    for wrong in (0, 17):
        with pytest.raises(ScorecamError, match="16"):
            ev.draw_windows(both, wrong)


def test_sources_are_laid_over_each_other_at_the_snr_asked_for():
    rng, config = np.random.default_rng(0), SpectrogramConfig()
    for snr in (-12, 6):
        stems = ev.mix_stems(*(scale * rng.standard_normal(9000) for scale in (1, 5, 0.2)), snr_db=snr, config=config)
        parts = [ev.band_power(stem, config) for stem in (stems["target"], stems["interferer 1"] + stems["interferer 2"])]
        assert np.isclose(10 * np.log10(parts[0] / parts[1]), snr, atol=1e-2)


@pytest.mark.parametrize(
    "others, options, words",
    [
        ([np.ones(900)], {}, "same length"), ([], {}, "at least one other"), ([np.zeros(8000)], {}, "interferer 1 is silent"),
        ([np.full(8000, np.nan)], {}, "interferer 1 holds NaN"), ([np.ones(8000)], {"rates": [4000, 44100]}, "44100 Hz"),
    ],
)  # fmt: skip
def test_sources_that_do_not_belong_together_are_refused(others, options, words):
    target = np.random.default_rng(0).standard_normal(8000)
    with pytest.raises(ScorecamError, match=words):
        ev.mix_stems(target, *others, snr_db=0, config=SpectrogramConfig(), **options)
    with pytest.raises(ScorecamError, match="silent"):
        ev.sound_gain({"target": np.zeros(8000), "noise": target}, np.ones((256, 9)), SpectrogramConfig())


def test_a_classifier_comes_from_the_cache_as_it_was_trained(tmp_path):
    ask = lambda **changes: ev.breath_network("simulated", 1, tmp_path, patients=8, clips=4, learning=ev.THESIS | {"epochs": 1} | changes)
    (first, history, known, test), (again, kept, *_) = ask(), ask()
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights()))
    assert kept.curves == history.curves and kept.best_epoch == history.best_epoch and np.array_equal(kept.validation, history.validation)
    assert not set(known["group"].values) & set(test["group"].values) and set(test["label"].values) == {"negative", "positive"}
    held = known["group"].values[history.validation]
    assert not set(held) & set(np.delete(known["group"].values, history.validation))
    assert not np.array_equal(ask(silence=0.5)[0].get_weights()[0], first.get_weights()[0])
    assert len(list(tmp_path.iterdir())) == 3  # the windows and two networks


def test_data_for_the_thesis_classifier_that_are_not_there_are_told(tmp_path, monkeypatch):
    with pytest.raises(ScorecamError, match="expected 'simulated' or 'recorded'"):
        ev.breath_network("private", 0, tmp_path)
    monkeypatch.delenv("SCORECAM_DATA", raising=False)
    with pytest.raises(ScorecamError, match="set SCORECAM_DATA to a folder that holds noise_of_life"):
        ev.breath_network("recorded", 0, tmp_path)


SMALL_SONGS = dict(folds=2, filters=(4, 8), learning=ev.SONGS | dict(epochs=1), birds=8, clips=2)


@pytest.mark.parametrize("apart", [True, False])
def test_a_song_network_has_not_met_the_males_of_its_test_unless_clips_are_split_at_random(apart, tmp_path):
    ask = lambda: ev.song_network("simulated", 0, tmp_path, apart=apart, **SMALL_SONGS)
    network, history, known, test = ask()
    assert not set(known["recording"].values) & set(test["recording"].values)
    males = lambda windows: {name.split("/")[1][:8] for name in windows["recording"].values}
    assert bool(males(known) & males(test)) is not apart and len(history.validation)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = ask()
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), again[0].get_weights()))
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


def test_song_folds_name_every_clip_once():
    windows = xr.Dataset(coords={"label": ("sample", list("ab") * 20), "group": ("sample", np.repeat(np.arange(10), 4).astype(str))})
    for apart in (True, False):
        assert sorted(np.concatenate(ev.song_folds(windows, 5, apart=apart)).tolist()) == list(range(40))


def test_song_data_that_are_not_there_are_told(tmp_path, monkeypatch):
    with pytest.raises(ScorecamError, match="'simulated' or 'recorded'"):
        ev.song_windows("private", 0, tmp_path)
    monkeypatch.delenv("SCORECAM_DATA", raising=False)
    with pytest.raises(ScorecamError, match="set SCORECAM_DATA"):
        ev.song_windows("recorded", 0, tmp_path)
    monkeypatch.setenv("SCORECAM_DATA", str(tmp_path))
    with pytest.raises(ScorecamError, match="metadata.csv"):
        ev.song_windows("recorded", 0, tmp_path)


def test_the_networks_of_the_song_experiments_are_listed_once():
    jobs = ev.song_jobs(range(5))
    assert len({repr(job) for job in jobs}) == len(jobs) and {job[0] for job in jobs} == {"songs"} and {job[1] for job in jobs} == set(range(5))


def line_of(seconds, hertz, snr=12.0, line=0, ship=0, label="tug") -> pd.DataFrame:
    "The truth about one line, second by second."
    return pd.DataFrame(dict(time=np.asarray(seconds, float), frequency=hertz, snr=snr, line=line, ship=ship, label=label))


def detection(start, end, hertz, label="tug") -> dict:
    "A detection as wide as one bin of 2 Hz."
    return dict(start=start, end=end, low=hertz - 1, high=hertz + 1, frequency=hertz, label=label)


def table_of(*detections) -> pd.DataFrame:
    "Detections as tracks.find_tracks gives them."
    return pd.DataFrame(detections, columns=["start", "end", "low", "high", "frequency", "label"])


def figures_of(detections, truth, hours=1.0) -> dict:
    "Name -> value."
    return ev.track_figures(*ev.match_tracks(detections, truth, hz=2.0), hours=hours).value.to_dict()


MINUTE = np.arange(60)


def test_a_perfect_detection_has_perfect_figures():
    figures = figures_of(table_of(detection(-0.5, 59.5, 100)), line_of(MINUTE, 100.0))
    assert figures == {
        "recall": 1, "named": 1, "precision": 1, "right class": 1, "coverage": 1, "deviation_hz": 0, "fragmentation": 1, "false_alarms_per_hour": 0,
    }  # fmt: skip


@pytest.mark.parametrize("shift, found", [(0, True), (2, True), (-2, True), (3.1, False), (-3.1, False)])
def test_a_line_is_matched_within_two_bins_of_the_detection(shift, found):
    truth = line_of(MINUTE, 100.0)
    tracks, judged = ev.match_tracks(table_of(detection(0, 60, 100 + 2 * shift)), truth, hz=2.0)
    assert tracks.found.tolist() == [found] and judged.match.tolist() == ["own" if found else "none"]
    assert tracks.deviation.tolist() == [2 * abs(shift)] if found else tracks.deviation.isna().all()


def test_two_halves_are_two_fragments_of_one_track():
    figures = figures_of(table_of(detection(0, 29.4, 100), detection(29.6, 60, 100)), line_of(MINUTE, 100.0))
    assert figures["fragmentation"] == 2 and figures["coverage"] == 1 and figures["recall"] == 1 == figures["precision"]


def test_a_half_covers_half():
    assert figures_of(table_of(detection(0, 29, 100)), line_of(MINUTE, 100.0))["coverage"] == 0.5


@pytest.mark.parametrize("label, match", [("tug", "own"), ("cargo", "other"), ("stranger", "stranger")])
def test_a_mistaken_class_is_told(label, match):
    tracks, judged = ev.match_tracks(table_of(detection(0, 60, 100)), line_of(MINUTE, 100.0, label=label), hz=2.0)
    assert judged.match.tolist() == [match] and tracks.found.all() and tracks.named.tolist() == [match == "own"]


def test_the_best_that_is_true_of_a_detection_counts():
    truth = pd.concat([line_of(MINUTE, 100.0, label="stranger"), line_of(MINUTE, 101.0, line=1, ship=1)], ignore_index=True)
    assert ev.match_tracks(table_of(detection(0, 60, 100)), truth, hz=2.0)[1].match.tolist() == ["own"]


def test_false_alarms_are_counted_by_the_hour():
    figures = figures_of(table_of(detection(0, 60, 100), detection(0, 60, 200), detection(100, 160, 100)), line_of(MINUTE, 100.0), hours=4)
    assert figures["false_alarms_per_hour"] == 0.5 and figures["precision"] == pytest.approx(1 / 3)


def test_a_line_is_none_where_it_cannot_be_heard():
    truth = line_of(MINUTE, 100.0, snr=-6.0)
    tracks, judged = ev.match_tracks(table_of(detection(0, 60, 100)), truth, hz=2.0)
    assert judged.match.tolist() == ["none"] and len(tracks) == 0


def test_a_track_counts_if_it_is_strong_for_a_fifth_of_its_length():
    weak, strong = (np.where(MINUTE < seconds, 10.0, 5.0) for seconds in (11, 12))
    truth = pd.concat([line_of(MINUTE, 100.0, weak), line_of(MINUTE, 200.0, strong, line=1)], ignore_index=True)
    assert ev.true_tracks(truth)[0].counts.tolist() == [False, True]
    assert ev.match_tracks(table_of(), truth, hz=2.0)[0].line.tolist() == [1]


@pytest.mark.parametrize("silent, tracks", [(10, 1), (11, 2)])
def test_a_line_that_is_gone_for_long_is_two_tracks(silent, tracks):
    truth = line_of(MINUTE, 100.0, np.where((MINUTE >= 20) & (MINUTE < 20 + silent), -1.0, 12.0))
    found, of_row = ev.true_tracks(truth)
    assert len(found) == tracks and found.seconds.sum() == 60 - silent and (of_row == -1).sum() == silent


def test_a_detection_that_a_line_only_crosses_does_not_match():
    truth = line_of(MINUTE, 50.0 + 2 * MINUTE)
    assert ev.match_tracks(table_of(detection(0, 60, 100)), truth, hz=2.0)[1].match.tolist() == ["none"]


def test_a_detection_follows_a_line_that_moves():
    wide = dict(start=0, end=60, low=100, high=160, frequency=130, label="tug")
    assert figures_of(table_of(wide), line_of(MINUTE, 100.0 + MINUTE))["coverage"] == 1


@pytest.mark.parametrize("detections, truth", [(0, 60), (2, 0), (0, 0)])
def test_empty_tables_have_figures(detections, truth):
    given, lines = table_of(detection(0, 60, 100), detection(0, 60, 200))[:detections], line_of(MINUTE, 100.0)[:truth]
    figures = figures_of(given, lines)
    assert figures["recall"] == 0 or (truth == 0 and np.isnan(figures["recall"]))
    assert figures["false_alarms_per_hour"] == detections and np.isnan(figures["coverage"])
    assert ev.recall_by_snr(given, lines, hz=2.0).seconds.sum() == truth


def test_recall_is_told_by_level_and_apart_for_strangers():
    truth = pd.concat([
        line_of(MINUTE, 100.0, np.where(MINUTE < 20, 3.0, 7.0)), line_of(MINUTE, 200.0, 7.0, line=1, ship=1, label="stranger"),
    ], ignore_index=True)  # fmt: skip
    given = table_of(detection(0, 29, 100), detection(0, 14, 200))
    table = ev.recall_by_snr(given, truth, hz=2.0, edges=(0, 5, 10)).set_index(["snr_low", "ships"])
    assert table.seconds.to_dict() == {(0, "labelled"): 20, (5, "labelled"): 40, (5, "stranger"): 60}
    assert table.recall.tolist() == [1, 0.25, 0.25] and table.named.tolist() == [1, 0.25, 0]


def test_the_order_and_the_index_of_the_tables_do_not_matter():
    truth = pd.concat([line_of(MINUTE, 100.0 + i, line=i) for i in range(0, 40, 20)], ignore_index=True)
    given = table_of(detection(0, 20, 100), detection(10, 50, 120), detection(0, 5, 300))
    shuffled = truth.sample(frac=1, random_state=0).astype({"label": "category"}), given.sample(frac=1, random_state=1)
    assert figures_of(shuffled[1], shuffled[0]) == figures_of(given, truth)


@pytest.mark.parametrize("changes, words", [
    (dict(detections=table_of().drop(columns="low")), "detections without low"),
    (dict(truth=line_of(MINUTE, 100.0).drop(columns=["snr", "ship"])), "truth without snr, ship"),
    (dict(hz=0), "hz=0"),
])
def test_tables_that_cannot_be_compared_are_named(changes, words):
    given = dict(detections=table_of(), truth=line_of(MINUTE, 100.0), hz=2.0) | changes
    with pytest.raises(ScorecamError, match=words):
        ev.match_tracks(given["detections"], given["truth"], hz=given["hz"])


@pytest.mark.parametrize("edges", [(5,), (0, 0), (10, 5)])
def test_levels_that_do_not_rise_are_named(edges):
    with pytest.raises(ScorecamError, match="edges="):
        ev.recall_by_snr(table_of(), line_of(MINUTE, 100.0), hz=2.0, edges=edges)


def test_a_large_archive_is_compared_in_seconds():
    rng = np.random.default_rng(0)
    begin, hertz = rng.uniform(0, 86_000, 2000).round(), rng.uniform(20, 500, 2000)
    truth = pd.concat([line_of(begin[i] + np.arange(500), hertz[i], line=i) for i in range(2000)], ignore_index=True)
    pick = rng.integers(0, 2000, 20_000)
    start = begin[pick] + rng.uniform(0, 400, len(pick))
    given = pd.DataFrame(dict(start=start, end=start + 30, low=hertz[pick] - 1, high=hertz[pick] + 1, frequency=hertz[pick], label="tug"))
    before = time.perf_counter()
    tracks, judged = ev.match_tracks(given, truth, hz=2.0)
    assert time.perf_counter() - before < 20 and (judged.match == "own").all() and tracks.found.mean() > 0.99
