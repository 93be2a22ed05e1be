"Masks: the overlays' formulas and scale, the threshold, the signature; bad input is told."
import numpy as np
import pytest

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.masks import (
    OVERLAYS, at_peaks, auto_threshold, class_mask, congealed, contrasted, divide_by_maximum, keep, line_profiles, matched, overlay, signature,
)  # fmt: skip

RNG = np.random.default_rng(0)
C, M = 0.5 * RNG.random((6, 8)), 0.9 * RNG.random((3, 6, 8))


def test_class_mask_is_the_mean():
    assert np.allclose(class_mask(M), M.mean(0)) and class_mask(M).dtype == np.float32


@pytest.mark.parametrize("how, formula", [
    ("geometric", lambda c, m: np.sqrt(c * m)),
    ("add", lambda c, m: (c + m) / (c + m).max((1, 2), keepdims=True)),
    ("max", lambda c, m: np.where(c > m, c, m)),
    ("mean", lambda c, m: (c + m) / 2),
    ("weighted", lambda c, m: ((c + 0.1) ** 0.8 * (m + 0.05) ** 0.2 - 0.1**0.8 * 0.05**0.2) / (1.1**0.8 * 1.05**0.2 - 0.1**0.8 * 0.05**0.2)),
])
def test_overlays_are_their_formulas(how, formula):
    expected = formula(C / C.max(), M / M.max((1, 2), keepdims=True))
    masks = overlay(C, M, how=how)
    assert masks.dtype == np.float32 and np.allclose(masks, expected, atol=1e-6)
    assert np.allclose(overlay(C, M[1], how=how), masks[1], atol=1e-6)
    assert np.allclose(overlay(np.stack([C] * 3), M, how=how), masks, atol=1e-6)


@pytest.mark.parametrize("how", OVERLAYS)
def test_scale_of_the_input_does_not_matter(how):
    masks = overlay(C, M, how=how)
    assert masks.min() >= 0 and masks.max() <= 1
    assert np.allclose(overlay(0.3 * C, 0.7 * M, how=how), masks, atol=1e-6)


@pytest.mark.parametrize("how", OVERLAYS)
def test_flat_maps_stay_finite(how):
    assert np.isfinite(overlay(C, 0 * M, how=how)).all() and not overlay(0 * C, 0 * M, how=how).any()
    assert not divide_by_maximum(np.zeros((2, 3, 4))).any()


def test_geometric_wants_both_and_weighted_the_class_first():
    c, m = np.array([[1.0, 1, 0]]), np.array([[1.0, 0, 1]])
    assert overlay(c, m, how="geometric").tolist() == [[1, 0, 0]]
    both, class_only, own_only = overlay(c, m)[0]
    assert both == pytest.approx(1) and class_only > 2 * own_only > 0


def test_keep_includes_the_threshold():
    mask = np.array([[0.0, 0.5, 1.0]])
    assert keep(mask, 0).all() and keep(mask, 0.5).tolist() == [[False, True, True]] and keep(mask, 1).tolist() == [[False, False, True]]


def test_signature_is_white_where_removed():
    spectrogram = np.array([[-3.0, 20.0]])
    left = signature(spectrogram, np.array([[False, True]]))
    assert np.isnan(left[0, 0]) and left[0, 1] == 20 and left.dtype == np.float32
    assert spectrogram[0, 0] == -3


def test_the_automatic_threshold_lies_midway_between_the_means():
    values = np.clip(np.concatenate([RNG.normal(0.2, 0.05, 900), RNG.normal(0.8, 0.1, 100)]), 0, 1).reshape(10, 10, 10)
    threshold = auto_threshold(values)
    low, high = (values[part].mean() for part in (values <= threshold, values > threshold))
    assert threshold == pytest.approx((low + high) / 2, abs=1e-4)
    assert keep(values, threshold).mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_masks_that_are_all_alike_have_a_threshold(value):
    assert auto_threshold(np.full((2, 4, 4), value)) == 0.5


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan, "auto", "0.5", None, [0.5]])
def test_thresholds_outside_are_told(threshold):
    with pytest.raises(ScorecamError, match=r"expected a number in \[0, 1\]"):
        keep(C, threshold)


@pytest.mark.parametrize("call, message", [
    (lambda: overlay(C, M, how="times"), "geometric, add, max, mean, weighted"),
    (lambda: overlay(C[:5], M), r"shape \(5, 8\) over maps of shape \(3, 6, 8\)"),
    (lambda: overlay(C, M - 0.5), "scale_maps"),
    (lambda: overlay(np.nan * C, M), "class mask between"),
    (lambda: overlay(C, M[0, 0]), "shape"),
    (lambda: class_mask(C), "expected .n, frequency, time"),
    (lambda: class_mask(M[:0]), "shape .0, 6, 8"),
    (lambda: signature(C, keep(C[:5], 0.5)), "same shape"),
    (lambda: signature(C, C), "see keep"),
])
def test_wrong_input_is_told(call, message):
    with pytest.raises(ScorecamError, match=message) as told:
        call()
    assert "\n" not in str(told.value)


HZ = np.arange(20.0, 148.0)


def comb(stretch):
    "Lines at 30, 60 and 110 Hz, of an individual whose speed is off by a share."
    return sum(np.exp(-0.5 * (HZ - f * (1 + stretch)) ** 2) for f in (30, 60, 110))


def test_speeds_have_the_sign_of_the_individual_and_flat_ones_are_left_alone():
    profiles = np.stack([comb(0.03), comb(-0.02), comb(0.0), np.zeros(128)])
    _, speeds = matched(profiles, comb(0.0)[None], HZ, tolerance=0.05)
    assert speeds[:, 0] == pytest.approx([0.03, -0.02, 0, 0], abs=0.5 / 110)  # half a bin of the highest line
    for template, tolerance in ((np.zeros(128), 0.05), (comb(0.0), 0.0)):
        assert not matched(profiles, template[None], HZ, tolerance=tolerance)[1].any()


def test_a_match_is_one_for_the_same_lines_at_any_level_and_speed_and_less_for_others():
    match, _ = matched(np.stack([comb(0.0), 7 * comb(0.0), comb(-0.04), comb(0.4)]), comb(0.0)[None], HZ, tolerance=0.05)
    assert match[:3, 0] == pytest.approx([1, 1, 1], abs=0.03) and match[3, 0] < 0.5
    assert matched(np.zeros((1, 128)), comb(0.0)[None], HZ, tolerance=0.05)[0] == 0


def test_line_profiles_know_lines_and_neither_level_nor_slope():
    rows, frames = np.arange(128), 16
    slope = np.tile((0.2 + 0.001 * rows)[None, :, None], (2, 1, frames))
    slope[1, 40] += 0.1
    without, line = line_profiles(slope)
    assert without[35:95].max() < 0.01
    assert line[40] == pytest.approx(0.25, abs=0.01) and np.delete(line, 40)[35:95].max() < 0.01


def test_congealing_finds_the_lines_of_individuals_that_do_not_overlap():
    template = congealed(np.stack([comb(s) for s in np.linspace(-0.04, 0.04, 9)]), HZ, tolerance=0.09)
    assert template.max() > 0.9 and abs(HZ[90 - 20 + template[90 - 20 :].argmax()] - 110) <= 1


def test_contrast_takes_away_what_others_have_and_never_goes_below_zero():
    means = np.array([[1.0, 0.5, 0], [0, 0.5, 1], [0, 0.5, 0.4]])
    own = contrasted(means, np.arange(3), means, contrast=1.0)
    assert own.min() == 0 and own[0] == pytest.approx([1, 0, 0]) and np.array_equal(contrasted(means, np.arange(3), means, contrast=0.0), means)


def test_a_line_is_judged_at_its_peak():
    rng = np.random.default_rng(0)
    images, masks = rng.random((3, 40, 7)), rng.random((3, 40, 7))
    level, judged = images.mean(2), at_peaks(masks, images)
    for image, mask, ours in zip(level, masks, judged):
        for row in range(40):
            near = [k for k in (row, row - 1, row + 1) if 0 <= k < 40]
            assert np.array_equal(ours[row], mask[max(near, key=lambda k: image[k])])
    flat = np.full((1, 40, 7), 0.5)
    assert np.array_equal(at_peaks(masks[:1], flat), masks[:1])
