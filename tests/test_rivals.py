"Rivals: shapes, what each is told, what each learns, that it repeats, and what is refused."
import sys
from functools import cache

import numpy as np
import pytest
from machines import CONFIG, TONES, denoiser, images, sound, windows
from sklearn.base import clone

from scorecam_denoise import rivals as rv
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.denoiser import ScoreCAMDenoiser, overlay_images
from scorecam_denoise.networks import denoising_autoencoder, unet

NAMES = list(rv.RIVALS)
SEEDS = range(50, 54)
QUICK = {"autoencoder centroids": dict(n_centroids=3, epochs=60), "supervised autoencoder": dict(epochs=40, batch_size=8), "supervised U-Net": dict(epochs=40, batch_size=8)}


def truth(seeds):
    "Labelled windows that know whose each pixel is: 1 around a machine's own tones, else 0."
    made = windows(seeds)
    rows = {label: [abs(CONFIG.frequencies - f).argmin() for f in TONES[label]] for label in TONES}
    owner = np.zeros(made["image"].shape, "int8")
    for one, label in zip(owner, made["label"].values):
        for row in rows[label]:
            one[row - 1 : row + 2] = 1
    return made.assign(owner=(("sample", "frequency", "time"), owner))


def make(name, **options):
    "An unfitted rival."
    kind = rv.RIVALS[name]
    options = QUICK.get(name, {}) | ({"verbose": False} if kind.trains else {}) | options
    return kind(**options, **{"denoiser": denoiser()} if kind.class_aware else {})


@cache
def fitted(name):
    "A rival that learnt twelve recordings of each machine."
    return make(name).fit(truth(range(12)))


def sounds(seeds=SEEDS):
    "The sound of `images(seeds)`, (n, samples)."
    return np.stack([sound(label, seed) for label in TONES for seed in seeds])


def mask(rival, pictures, labels=None, seeds=SEEDS):
    "A rival's mask, with the sound where it hears."
    hears = {"audio": sounds(seeds)} if isinstance(rival, rv.SpectralGate) else {}
    return rival.mask(pictures, labels, **hears)


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_is_one_value_in_0_to_1_for_each_pixel_and_repeats(name):
    pictures, _ = images(SEEDS)
    first, again = (mask(fitted(name), pictures) for _ in range(2))
    assert first.shape == pictures.shape[:3] and first.dtype == "float32"
    assert 0 <= first.min() and first.max() <= 1 and np.ptp(first) > 0.01
    assert (first == again).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_conventions_of_scikit_learn(name):
    fresh = clone(fitted(name), safe=False)
    given = lambda rival: {key: value for key, value in rival.get_params(deep=False).items() if key != "denoiser"}
    assert given(fresh) == given(fitted(name)) and not [one for one in vars(fresh) if one.endswith("_")]


@pytest.mark.parametrize("name", NAMES)
def test_only_those_that_know_the_class_heed_a_label(name):
    pictures, labels = images(SEEDS)
    pump, fan = (mask(fitted(name), pictures, label) for label in ("pump", "fan"))
    assert (np.abs(pump - fan).max() > 0.05) == fitted(name).class_aware
    each = mask(fitted(name), pictures, labels)
    told = np.where((labels == "pump")[:, None, None], pump, fan)
    assert np.allclose(each, told, atol=2e-3)


@pytest.mark.parametrize("name", [name for name in NAMES if rv.RIVALS[name].trains])
def test_the_same_seed_learns_the_same_and_another_does_not(name):
    few, short = truth(range(6)), {"epochs": 1} | ({"network": {"filters": (2, 4)}} if rv.RIVALS[name].supervised else {})
    one, same, other = (make(name, **short | {"random_state": seed}).fit(few).network_.get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one, same)) and any((a != b).any() for a, b in zip(one, other))


@pytest.mark.parametrize("name", [name for name in NAMES if rv.RIVALS[name].supervised])
def test_supervised_ones_learn_tones_that_nobody_else_could_name(name):
    unheard = truth(range(60, 66))
    made, own = fitted(name).mask(unheard["image"].values[..., None]), unheard["owner"].values == 1
    assert made[own].mean() > 2 * made[~own].mean()
    flat = make(name, epochs=1, learning_rate=1e-9).fit(truth(range(12))).mask(unheard["image"].values[..., None])
    assert flat[own].mean() < 2 * flat[~own].mean()


@pytest.mark.parametrize("name", ["class spectrum", "autoencoder centroids"])
def test_class_masks_find_the_class(name):
    pictures, labels = images(SEEDS)
    made, own = fitted(name).mask(pictures, labels), truth(SEEDS)["owner"].values == 1
    assert made[own].mean() > 2 * made[~own].mean()


def test_the_truth_is_needed_by_the_supervised_alone():
    for name in NAMES:
        if rv.RIVALS[name].supervised:
            with pytest.raises(ScorecamError, match="owner"):
                make(name).fit(windows(range(6)))
        elif not rv.RIVALS[name].trains:
            make(name).fit(windows(range(6)))


def test_contested_pixels_change_nothing():
    known = truth(range(6))
    contested = known.copy(deep=True)
    contested["owner"][:, 40:] = -1
    weights = rv.pixel_weights(contested["owner"].values)
    assert (weights[:, 40:] == 0).all() and np.isclose(weights.mean(), 1, atol=1e-5)
    turned = contested["owner"].values == 1
    turned[:, 40:] = ~turned[:, 40:]
    options = dict(epochs=2, batch_size=4, learning_rate=1e-3, labels=np.arange(12) // 6, groups=np.arange(12), show_progress=False)
    pictures, learnt = known["image"].values[..., None], []
    for target in (contested["owner"].values == 1, turned):
        model = unet(pictures.shape[1:], filters=(2, 4))
        rv.fit_pixels(model, pictures, target.astype("float32")[..., None], weights, **options)
        learnt.append(model.get_weights())
    assert all((a == b).all() for a, b in zip(*learnt))


def test_a_batch_changes_image_and_target_alike():
    image = np.random.default_rng(0).uniform(size=(8, 32, 16, 1)).astype("float32")
    parts, options = (image, 2 * image, 3 * image), dict(batch_size=4, seed=0, stretch=0.05, first_row=2)
    x, y, w = rv.PixelBatches(parts, strangers=0.0, **options)[1]
    assert np.allclose(2 * x, y, atol=1e-5) and np.allclose(3 * x, w, atol=1e-5)
    strange, same, _ = rv.PixelBatches(parts, strangers=1.0, **options)[1]
    assert (same == y).all() and not np.allclose(strange, x, atol=0.1)
    assert not any(np.allclose(x[0], one) for one in image)


def test_the_reverse_takes_away_what_the_other_class_has():
    pictures, labels = images(SEEDS)
    other = np.where(labels == "pump", "fan", "pump")
    assert np.allclose(fitted("reverse").mask(pictures, labels), 1 - denoiser().mask(pictures, other), atol=2e-3)


def test_centroids_keep_the_classifier_and_replace_its_masks():
    rival, pictures = fitted("autoencoder centroids"), images(SEEDS)[0]
    points = rv.lengthy_embeddings(denoiser().model_, pictures)
    assert points.shape[1] == rival.network_.input_shape[1] and np.linalg.norm(points, axis=1).std() > 0
    assert rival.decoded_.shape == (6, *pictures.shape[1:])
    assert not np.allclose(rival.class_masks_, denoiser().class_masks_)
    shares = rv.shares_of(denoiser(), pictures, None)
    assert np.abs(rival.mask(pictures) - overlay_images(denoiser(), pictures, shares)).max() > 0.01
    assert (denoiser().class_masks_ == clone_masks()).all(), "the denoiser itself must not change"


def clone_masks():
    "The denoiser's own class masks, learnt again."
    return ScoreCAMDenoiser(training={"epochs": 60, "batch_size": 8}, verbose=False).fit(windows(range(12))).class_masks_


@pytest.mark.parametrize("shape", [(20, 12, 1), (33, 17, 1), (64, 64, 1), (7, 5, 1)])
def test_networks_take_any_size(shape):
    for build in (unet, denoising_autoencoder):
        made = build(shape)(np.full((2, *shape), 0.5, "float32")).numpy()
        assert made.shape == (2, *shape) and 0 <= made.min() and made.max() <= 1


def test_the_gate_hears_what_it_masks():
    pictures, gate = images(SEEDS)[0], fitted("spectral gate")
    with pytest.raises(ScorecamError, match="audio="):
        gate.mask(pictures)
    with pytest.raises(ScorecamError, match="expected finite"):
        gate.mask(pictures, audio=sounds()[:-1])
    with pytest.raises(ScorecamError, match="expected finite"):
        gate.mask(pictures, audio=np.full_like(sounds(), np.nan))
    with pytest.raises(ScorecamError, match="shorter"):
        gate.mask(pictures, audio=sounds()[:, :2000])


def test_without_noisereduce_the_gate_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "noisereduce", None)
    with pytest.raises(ScorecamError, match="pip install"):
        mask(fitted("spectral gate"), images(SEEDS)[0])


@pytest.mark.parametrize("name", [name for name in NAMES if rv.RIVALS[name].class_aware])
def test_a_class_needs_somebody_to_name_it(name):
    for nobody in (None, ScoreCAMDenoiser(), "denoiser"):
        rival = rv.RIVALS[name](denoiser=nobody)
        with pytest.raises(ScorecamError, match="fitted ScoreCAMDenoiser"):
            rival.fit(windows(range(6))).mask(images(SEEDS)[0])
    with pytest.raises(ScorecamError, match="not known"):
        fitted(name).mask(images(SEEDS)[0], "submarine")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_image_is_refused(name):
    pictures = images(SEEDS)[0]
    for wrong in (pictures[..., 0], np.where(pictures > 0.9, np.nan, pictures), 3 * pictures):
        with pytest.raises(ScorecamError, match="image"):
            mask(fitted(name), wrong)


@pytest.mark.parametrize("options, match", [
    (dict(owner=np.ones((2, 2, 2))), "one for each pixel"), (dict(owner=np.zeros((12, 64, 32))), "1 nowhere"), (dict(owner=None), "owner="),
])  # fmt: skip
def test_truth_that_does_not_fit_is_refused(options, match):
    pictures, labels = images(range(6))
    with pytest.raises(ScorecamError, match=match):
        make("supervised U-Net").fit(pictures, labels, **options)


@pytest.mark.parametrize("name, options, match", [
    ("supervised U-Net", dict(epochs=0), "epochs"), ("supervised autoencoder", dict(batch_size=0), "batch_size"),
    ("autoencoder centroids", dict(epochs=1.5), "epochs"), ("autoencoder centroids", dict(n_centroids=0), "n_centroids"),
    ("class spectrum", dict(own="nothing"), "line"), ("line detector", dict(median_bins=4), "odd"), ("harmonic share", dict(time_frames=0), "time_frames"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(name, options, match):
    with pytest.raises(ScorecamError, match=match):
        mask(make(name, **options).fit(truth(range(6))), images(SEEDS)[0])


def test_a_spectrum_of_other_classes_is_refused():
    known = windows(range(6))
    with pytest.raises(ScorecamError, match="not known"):
        make("class spectrum").fit(known.assign_coords(label=("sample", np.where(known["label"] == "pump", "crane", "fan"))))
