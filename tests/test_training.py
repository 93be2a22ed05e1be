"Training: grouped validation, determinism, augmentation, and what is refused."

import numpy as np
import pytest

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.networks import spec_cnn
from scorecam_denoise.training import Batches, add_strangers, balanced_weights, fit_classifier, mask_bands, roll_time, validation_split


def lines(n=24, n_classes=2, seed=0):
    "Images with a line of their class's own, in noise; four recordings a class."
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), n)
    groups = np.array([f"{label}-{i % 4}" for i, label in enumerate(labels)])
    images = rng.uniform(0, 0.5, (len(labels), 32, 16, 1)).astype("float32")
    images[np.arange(len(labels)), 6 + 12 * labels] += 0.4
    return images, labels, groups


def test_validation_never_cuts_a_group():
    _, labels, groups = lines()
    train, held = validation_split(labels, groups, fraction=0.25, seed=3)
    assert not set(groups[train]) & set(groups[held])
    assert set(labels[held]) == set(labels) == set(labels[train])
    assert sorted([*train, *held]) == list(range(len(labels)))


def test_one_recording_of_a_class_is_refused_unless_asked_for():
    _, labels, groups = lines()
    groups = np.where(labels == 1, "only", groups)
    with pytest.raises(ScorecamError, match="class 1 has 1 recording.*validation_fraction=0"):
        validation_split(labels, groups, fraction=0.25, seed=0)
    train, held = validation_split(labels, groups, fraction=0, seed=0)
    assert len(train) == len(labels) and len(held) == 0


def test_made_images_are_learnt_from_and_never_validated_on():
    images, labels, groups = lines()
    wrong = (np.repeat(images, 4, axis=0), np.repeat(1 - labels, 4))
    accuracy = {}
    for name, made in (("none", None), ("of the class", (images, labels)), ("of the other class", wrong)):
        model = spec_cnn(images.shape[1:], 2, dense=16)
        history = fit_classifier(model, images, labels, groups=groups, made=made, epochs=8, batch_size=16, augment=False, show_progress=False)
        assert len(history.validation) == 12 and history.validation.max() < len(images)
        accuracy[name] = history.best["val_accuracy"]
    assert accuracy["none"] == accuracy["of the class"] == 1.0 and accuracy["of the other class"] < 0.5


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 2])
def test_a_share_outside_its_range_is_refused(fraction):
    _, labels, groups = lines()
    with pytest.raises(ScorecamError, match=r"outside \[0, 1\)"):
        validation_split(labels, groups, fraction=fraction, seed=0)


def test_it_learns_the_same_network_twice_and_keeps_the_best_epoch():
    images, labels, groups = lines()
    weights, losses = [], []
    for _ in range(2):
        model = spec_cnn(images.shape[1:], 2, dense=16)
        history = fit_classifier(model, images, labels, groups=groups, epochs=25, batch_size=16, show_progress=False)
        held = history.validation
        probability = model.predict(images[held])[np.arange(len(held)), labels[held]]
        weights.append(model.get_weights())
        losses.append(-np.log(probability).mean())
        assert history.best["val_accuracy"] == 1.0
        assert history.best["val_loss"] == min(history.curves["val_loss"])
    assert all(np.array_equal(a, b) for a, b in zip(*weights))
    assert losses[0] == pytest.approx(history.best["val_loss"], rel=1e-3)  # the weights are the best epoch's


def test_it_stops_early():
    images, labels, groups = lines()
    noise = np.random.default_rng(1).permutation(labels)  # nothing to learn
    model = spec_cnn(images.shape[1:], 2, dense=16)
    history = fit_classifier(model, images, noise, epochs=60, patience=2, show_progress=False)
    assert len(history.curves["loss"]) < 60
    assert len(history.curves["loss"]) == history.best_epoch + 3


def test_without_validation_it_watches_its_own_loss():
    images, labels, _ = lines()
    model = spec_cnn(images.shape[1:], 2, dense=16)
    history = fit_classifier(model, images, labels, epochs=3, validation_fraction=0, show_progress=False)
    assert set(history.curves) == {"loss", "accuracy"} and len(history.validation) == 0


def test_painted_bands_are_silent_and_the_rest_is_untouched():
    images, _, _ = lines(n=4)
    changed = mask_bands(images, np.random.default_rng(0), n_bands=1, band_width=0.3)
    touched = (changed != images).any(axis=(2, 3))
    assert touched.any() and touched.sum(axis=1).max() <= 0.3 * 32 + 1
    silence = np.broadcast_to(np.median(images, axis=(1, 2, 3), keepdims=True), images.shape)
    assert np.array_equal(changed[touched], silence[touched])


def test_rolling_only_moves_frames():
    images, _, _ = lines(n=4)
    rolled = roll_time(images, np.random.default_rng(0))
    assert np.array_equal(np.sort(rolled, axis=2), np.sort(images, axis=2))
    assert not np.array_equal(rolled, images)


def test_batches_repeat_but_epochs_differ():
    images, labels, _ = lines()
    targets = np.eye(labels.max() + 1, dtype="float32")[labels]
    make = lambda: Batches(images, targets, weights=np.ones(len(labels)), batch_size=16, seed=5, augment=mask_bands)
    first, second = make(), make()
    assert np.array_equal(first[1][0], second[1][0])
    second.on_epoch_end()
    assert not np.array_equal(first[1][1], second[1][1])
    seen = np.concatenate([second[i][1] for i in range(len(second))])
    assert sorted(seen[seen.max(axis=1) == 1].argmax(axis=1)) == sorted(labels)


def test_classes_weigh_the_same_together():
    labels = np.array([0] * 9 + [1] * 3)
    weights = balanced_weights(labels)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights.mean() == pytest.approx(1)


def test_strangers_come_to_as_many_images_as_asked_and_lie_elsewhere():
    images = np.full((40, 64, 8, 1), 0.2, "float32")
    images[:, 30] = 0.9
    met = {share: add_strangers(images, np.random.default_rng(0), share=share, softer=(0.0, 0.0)) for share in (0.0, 0.5, 1.0)}
    assert np.array_equal(met[0.0], images)
    count = {share: (changed != images).any(axis=(1, 2, 3)).sum() for share, changed in met.items()}
    assert 8 < count[0.5] < 32 < 35 <= count[1.0]  # a line may land on itself, or outside
    assert met[1.0].dtype == np.float32 and met[1.0].max() <= 1
    assert np.allclose(met[1.0][:, 30], 0.9)


def test_silence_can_be_left_out(monkeypatch):
    images, labels, groups = lines()
    seen = []
    monkeypatch.setattr("scorecam_denoise.training.Batches", lambda *args, **options: seen.append(options["silence"]) or Batches(*args, **options))
    for options, share in (({}, 0.125), ({"silence": 0.0}, 0.0)):
        model = spec_cnn((32, 16, 1), 2, background=9)
        fit_classifier(model, images, labels, groups=groups, epochs=1, validation_fraction=0.25, show_progress=False, **options)
        assert seen.pop() == share
    batch = Batches(images, np.eye(2, dtype="float32")[labels], weights=np.ones(48, "float32"), batch_size=48, seed=0, augment=None, silence=0.0)
    assert len(batch[0][0]) == 48 and (batch[0][1].max(axis=1) == 1).all()
