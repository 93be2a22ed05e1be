"Whose sound is whose: mixtures, what is learnt from them, and what the denoiser makes of it."
from functools import cache

import numpy as np
import pytest
import soundfile
from machines import denoiser as of_machines
from machines import images

from scorecam_denoise import separation as sep
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import make_windows
from scorecam_denoise.denoiser import ScoreCAMDenoiser, explained, mixture_figures, sound_masks, write_result
from scorecam_denoise.evaluation import mix_stems, sound_gain
from scorecam_denoise.spectrogram import SpectrogramConfig, invert, level_db, read_audio, spectrogram_image, stft, write_audio

CONFIG = SpectrogramConfig(sample_rate=2000, n_fft=128, hop_length=64, fmin=30, n_frequency=56, n_time=32)
QUICK = dict(epochs=4, steps=25, network=dict(filters=[4, 8], units=32), frames=256)


def hiss(label, seed, seconds=2.2):
    "Noise below or above 400 Hz that swells, float32 (samples,): there is no line in it."
    rng = np.random.default_rng([seed, len(label)])
    spectrum = np.fft.rfft(rng.standard_normal(int(2000 * seconds)))
    hz = np.fft.rfftfreq(int(2000 * seconds), 1 / 2000)
    spectrum *= (hz < 400) if label == "low" else (hz > 400)
    swell = 1.1 + np.sin(2 * np.pi * (np.arange(int(2000 * seconds)) / 1100 + rng.uniform()))
    return (np.fft.irfft(spectrum, int(2000 * seconds)) * swell).astype("float32")


def windows(seeds):
    "One labelled window of one recording of each kind of hiss and seed, with its levels."
    names = [(label, seed) for label in ("low", "high") for seed in seeds]
    spectra = [stft(hiss(*name), CONFIG) for name in names]
    cut = lambda picture: np.stack([picture(spectrum, CONFIG)[:, : CONFIG.n_time] for spectrum in spectra])
    known = dict(recording=[f"{label}{seed}" for label, seed in names], group=[f"{label}{seed}" for label, seed in names], start=np.zeros(len(names)))
    return make_windows(cut(spectrogram_image), [label for label, _ in names], level=cut(level_db), config=CONFIG, **known)


@cache
def denoiser():
    "A denoiser that learnt ten recordings of each hiss."
    return ScoreCAMDenoiser(training={"epochs": 15, "batch_size": 8}, separation=QUICK, verbose=False).fit(windows(range(10)))


def powers_of(made):
    return sep.unit_powers(made["level"].values, made["recording"].values), np.searchsorted(["high", "low"], made["label"].values)


def test_a_recording_keeps_its_own_dynamics_and_loses_its_level():
    made = windows(range(3))
    level, names = made["level"].values, made["recording"].values
    powers = sep.unit_powers(level, names)
    assert np.allclose(sep.unit_powers(level + 30, names), powers, rtol=1e-4) and np.allclose(powers.mean(axis=(1, 2)), 1, rtol=1e-4)
    together = sep.unit_powers(np.concatenate([level[:1], level[:1] - 20]), ["a", "a"])
    assert np.isclose(together[0].mean() / together[1].mean(), 100, rtol=1e-3)


def test_mixtures_are_their_seeds_and_of_different_classes():
    powers, targets = powers_of(windows(range(3)))
    one, same, other = (sep.mixed(powers, targets, np.random.default_rng(seed), n=8, n_classes=4) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert (np.abs(one).sum(axis=(2, 3)) > 0).sum(axis=1).tolist() == [2] * 8  # of two classes no mixture has three
    amplitude, own = sep.phase_sensitive(one)
    assert own.min() >= 0 and (own <= amplitude[..., None] + 1e-6).all()


def test_the_same_seed_learns_the_same():
    powers, targets = powers_of(windows(range(3)))
    few = QUICK | dict(epochs=1, steps=3, show_progress=False)
    one, same, other = (sep.fit_separator(powers, targets, **few, random_state=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same)) and not all(np.array_equal(a, b) for a, b in zip(one, other))


def test_shares_do_not_depend_on_how_loud_it_is():
    level = windows([20])["level"].values
    shares = sep.class_parts(denoiser().separator_, level)
    assert shares.shape == (*level.shape, 2) and 0 <= shares.min() and shares.max() <= 1
    assert np.allclose(sep.class_parts(denoiser().separator_, level - 40), shares, atol=1e-4)


def test_sound_without_lines_is_told_apart_where_the_mask_of_lines_harms():
    known = denoiser()
    assert known.mask_weight_ == 0 and known.figures_["removed_r2"] > 0.15
    assert known.figures_["share_gain_db"] > max(3, known.figures_["mask_gain_db"]) and known.figures_["ratio_gain_db"] > known.figures_["share_gain_db"]
    stems = mix_stems(hiss("low", 30), hiss("high", 31), snr_db=-3, config=CONFIG)
    result = known.denoise(sum(stems.values()), rate=2000, label="low")
    gain = {name: sound_gain(stems, result[name].values, CONFIG) for name in ("mask", "sound_mask")}
    assert gain["sound_mask"]["si_sdr_gain"] > gain["mask"]["si_sdr_gain"] + 3
    assert 0.5 < gain["sound_mask"]["si_sdr_gain"] / gain["sound_mask"]["oracle_gain"] <= 1


def test_the_written_sound_went_through_the_stored_sound_mask(tmp_path):
    both = 0.05 * (hiss("low", 40, seconds=9) + hiss("high", 41, seconds=9))
    write_audio(tmp_path / "both.wav", [both], 2000, subtype="FLOAT")
    result = denoiser().denoise(tmp_path / "both.wav", label="high")
    write_result(denoiser(), tmp_path / "both.wav", tmp_path / "both.nc", tmp_path / "high.wav", label="high")
    heard, rate = read_audio(tmp_path / "high.wav")
    expected = invert(stft(read_audio(tmp_path / "both.wav")[0], CONFIG), result.sound_mask.values, CONFIG, rate=2000, samples=len(both))
    assert rate == 2000 and soundfile.info(tmp_path / "high.wav").frames == len(both)
    assert np.allclose(heard, expected, atol=2e-4 * np.abs(expected).max())


def test_it_is_saved_and_loaded(tmp_path):
    again = ScoreCAMDenoiser.load(denoiser().save(tmp_path / "model"))
    level = windows([20])["level"].values
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["class_masks.nc", "denoiser.json", "exemplars.nc", "network.keras", "separator.keras"]
    assert np.array_equal(sep.class_parts(again.separator_, level), sep.class_parts(denoiser().separator_, level))
    assert again.mask_weight_ == denoiser().mask_weight_ and again.figures_ == denoiser().figures_


def test_a_separator_that_is_lost_or_of_another_model_is_an_error(tmp_path):
    folder = denoiser().save(tmp_path / "model")
    (folder / "separator.keras").rename(tmp_path / "separator.keras")
    with pytest.raises(ScorecamError, match="damaged"):
        ScoreCAMDenoiser.load(folder)


def test_without_levels_or_where_it_is_not_wanted_the_mask_is_heard():
    assert of_machines().separator_ is None
    pictures, _ = images(range(3))
    masks = of_machines().mask(pictures)
    assert sound_masks(of_machines(), None, masks, None) is masks
    unasked = ScoreCAMDenoiser(training={"epochs": 1}, separate=False, verbose=False).fit(windows(range(4)))
    assert unasked.separator_ is None and "share_gain_db" not in unasked.figures_


def test_silence_is_no_source():
    made = windows(range(6))
    level, names, targets = made["level"].values.copy(), made["recording"].values, powers_of(made)[1]
    level[0], names[0] = -200, "silent"
    powers = sep.unit_powers(level, names)
    assert not powers[0].any() and np.isfinite(powers).all()
    known = denoiser()
    assert np.isclose(mixture_figures(known, powers, targets)["ratio_gain_db"], known.figures_["ratio_gain_db"], atol=4)
    assert abs(mixture_figures(known, powers, targets)["share_gain_db"]) < 30  # a pause against a sound is no mixture


def test_a_share_that_gains_nothing_is_not_used(monkeypatch):
    figures = dict(share_gain_db=-0.1, mask_gain_db=1.0, ratio_gain_db=5.0, removed_r2=0.5)
    monkeypatch.setattr("scorecam_denoise.denoiser.mixture_figures", lambda *_, **__: figures)
    quick = QUICK | dict(epochs=1, steps=1)
    fitted = ScoreCAMDenoiser(training={"epochs": 1}, separation=quick, verbose=False).fit(windows(range(4)))
    assert fitted.separator_ is None and fitted.mask_weight_ == 1 and fitted.figures_["share_gain_db"] == -0.1


def test_what_is_explained_is_at_most_everything():
    rng = np.random.default_rng(0)
    x, share = rng.standard_normal(500) + 1j * rng.standard_normal(500), rng.uniform(size=500)
    assert np.isclose(explained(share * x, x, share), 1) and explained(share * x, x, rng.uniform(size=500)) < 0
    assert explained(x[:0], x[:0], share[:0]) == 0


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda: sep.unit_powers(np.full((2, 3, 4), np.nan), ["a", "b"]), "finite"),
        (lambda: sep.unit_powers(np.zeros((3, 4)), ["a"]), r"\(3, 4\)"),
        (lambda: sep.fit_separator(np.ones((2, 8, 8), "float32"), np.zeros(2, int), show_progress=False), "one class"),
        (lambda: sep.fit_separator(np.ones((2, 8, 8), "float32"), np.arange(2), epochs=0, show_progress=False), "epochs"),
        (lambda: sep.class_parts(denoiser().separator_, np.zeros((1, 8, 8))), r"\(n, 56, 32\)"),
        (lambda: ScoreCAMDenoiser(separation={"epoch": 3}).fit(windows(range(2))), "'epoch'"),
        (lambda: denoiser().denoise(hiss("low", 1), rate=2000, label="rain"), "rain"),
    ],
)
def test_bad_input_is_one_clear_error(wrong, words):
    with pytest.raises(ScorecamError, match=words):
        wrong()
