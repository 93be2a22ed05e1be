"Masks: the overlays' formulas and scale, the threshold, the signature; bad input is told."
import numpy as np
import pytest

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.masks import OVERLAYS, auto_threshold, class_mask, divide_by_maximum, keep, overlay, signature

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


def test_otsu_maximises_the_variance_between():
    values = np.clip(np.concatenate([RNG.normal(0.2, 0.05, 900), RNG.normal(0.8, 0.1, 100)]), 0, 1).reshape(10, 10, 10)

    def between(threshold):
        low, high = values[values < threshold], values[values >= threshold]
        return low.size * high.size * (low.mean() - high.mean()) ** 2

    best = max(map(between, np.linspace(values.min() + 1e-3, values.max() - 1e-3, 500)))
    assert between(auto_threshold(values)) > 0.99 * best
    assert keep(values, auto_threshold(values)).mean() == pytest.approx(0.1, abs=0.01)


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
