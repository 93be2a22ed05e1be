"WGAN: Algorithm 1's steps, resuming, stopping, what is refused, and what its measures say."

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from scorecam_denoise import wgan
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.networks import critic, generator
from scorecam_denoise.wgan import LOSSES, WganTrainer, copy_ratio, fit_wgan, frechet_distance, has_converged, latent_noise, gradient_penalty, two_sample_accuracy

SMALL = dict(latent_dim=4, generator_options=dict(filters=(4, 4)), critic_options=dict(filters=(4, 4)), batch_size=8, show_progress=False)


def lines(n=12, seed=0, shape=(20, 12)):
    "Images with a line at a third of the band, in noise."
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 0.3, (n, *shape)).astype("float32")
    images[:, shape[0] // 3] += 0.5
    return images[..., None]


def trainer(loss, images=None, seed=0):
    options = {name: value for name, value in SMALL.items() if name != "show_progress"}
    return WganTrainer(lines() if images is None else images, LOSSES[loss], seed=seed, **options)


@pytest.mark.parametrize("shape", [(20, 12, 1), (33, 17, 1), (64, 64, 1), (7, 5, 1)])
def test_networks_of_any_size_make_and_judge_images_of_that_size(shape):
    made = generator(shape, latent_dim=6)(np.zeros((3, 6), "float32")).numpy()
    assert made.shape == (3, *shape) and 0 <= made.min() and made.max() <= 1
    assert critic(shape)(made).shape == (3, 1)


def test_the_same_seed_makes_the_same_networks():
    for build in (generator, critic):
        same, again, other = (build((16, 16, 1), seed=seed).get_weights() for seed in (1, 1, 2))
        assert all((a == b).all() for a, b in zip(same, again)) and any((a != b).any() for a, b in zip(same, other))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_moves_its_own_network_alone(loss):
    fight = trainer(loss)
    states = lambda: [[w.numpy() for w in model.trainable_variables] for model in (fight.generator, fight.critic)]
    changed = lambda before, after: any((a != b).any() for a, b in zip(before, after))
    start = states()
    fight.critic_step(tf.constant(0))
    first = states()
    assert not changed(start[0], first[0]) and changed(start[1], first[1])
    fight.generator_step(tf.constant(0))
    second = states()
    assert changed(first[0], second[0]) and not changed(first[1], second[1])


def test_clipping_bounds_the_weights_and_nothing_else_does():
    bound = {name: max(np.abs(w).max() for w in run.critic.get_weights()) for name in LOSSES if (run := fit_wgan(lines(), loss=name, updates=1, **SMALL))}
    assert bound["clip"] <= 0.01 + 1e-7 and bound["penalty"] > 0.1 and bound["cross-entropy"] > 0.1


def test_the_critic_climbs_the_distance_that_algorithm_1_estimates():
    fight = trainer("clip")
    first, *_, last = [float(fight.critic_step(tf.constant(k))[0]) for k in range(60)]
    assert last > max(first, 0)


def test_a_step_of_the_critic_is_that_of_the_formula():
    fight, images = trainer("clip"), lines(8)
    fight.images = tf.constant(images)
    real, fake = fight.critic(images).numpy(), fight.critic(fight.generator(latent_noise(8, 4, [0, 1]), training=True)).numpy()
    assert np.isclose(fight.critic_step(tf.constant(0))[0], real.mean() - fake.mean(), atol=1e-5)


def test_the_penalty_is_the_slopes_distance_from_one():
    scaled = keras.Sequential([keras.Input((2, 3, 1)), keras.layers.Flatten(), keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.5))])
    assert np.allclose(gradient_penalty(scaled, tf.zeros((2, 2, 3, 1))), (0.5 * np.sqrt(6) - 1) ** 2, atol=1e-5)


def test_a_training_taken_up_again_ends_where_it_would_have_ended(tmp_path):
    whole = fit_wgan(lines(), loss="penalty", updates=4, span=2, **SMALL)
    fit_wgan(lines(), loss="penalty", updates=2, span=2, folder=tmp_path / "a", **SMALL)
    again = fit_wgan(lines(), loss="penalty", updates=4, span=2, folder=tmp_path / "a", **SMALL)
    assert np.allclose(whole.history, again.history, atol=1e-4) and np.allclose(whole.sample(3), again.sample(3), atol=1e-4)


def test_another_training_is_not_taken_up(tmp_path):
    fit_wgan(lines(), updates=1, folder=tmp_path / "a", **SMALL)
    for other in (dict(loss="clip"), dict(n_critic=3), dict(seed=1)):
        with pytest.raises(ScorecamError, match=f"other {next(iter(other))}"):
            fit_wgan(lines(), updates=2, folder=tmp_path / "a", **SMALL | other)
    with pytest.raises(ScorecamError, match="other images"):
        fit_wgan(lines(seed=1), updates=2, folder=tmp_path / "a", **SMALL)


def test_a_damaged_training_is_one_clear_error(tmp_path):
    fit_wgan(lines(), updates=1, folder=tmp_path / "a", **SMALL)
    variables, history = tmp_path / "a" / "variables.npz", tmp_path / "a" / "history.json"
    whole, told = variables.read_bytes(), history.read_text()
    for bad in (whole[: len(whole) // 2], b"", b"half"):
        variables.write_bytes(bad)
        with pytest.raises(ScorecamError, match="no training that can be taken up"):
            fit_wgan(lines(), updates=2, folder=tmp_path / "a", **SMALL)
    variables.write_bytes(whole)
    for bad in ("{}", "[]", told.replace('"settings"', '"other"')):
        history.write_text(bad)
        with pytest.raises(ScorecamError, match="no training that can be taken up"):
            fit_wgan(lines(), updates=2, folder=tmp_path / "a", **SMALL)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "precious.wav").write_bytes(b"sound")
    (tmp_path / "file").write_text("text")
    for name in ("recordings", "file"):
        with pytest.raises(ScorecamError, match="choose another folder"):
            fit_wgan(lines(), updates=1, folder=tmp_path / name, **SMALL)
    assert (tmp_path / "recordings" / "precious.wav").read_bytes() == b"sound" and (tmp_path / "file").read_text() == "text"
    (tmp_path / "empty").mkdir()
    assert len(fit_wgan(lines(), updates=1, folder=tmp_path / "empty", **SMALL).history) == 1


def test_a_critic_that_diverges_ends_it_and_the_last_sound_state_is_kept(tmp_path, monkeypatch):
    sound = wgan.one_update
    monkeypatch.setattr(wgan, "one_update", lambda fight, update, n: sound(fight, update, n) | ({"estimate": np.nan} if update == 3 else {}))
    with pytest.raises(ScorecamError, match="diverged at update 3.*update 2 is kept"):
        fit_wgan(lines(), updates=9, span=2, folder=tmp_path / "a", **SMALL)
    assert len(json.loads((tmp_path / "a" / "history.json").read_text())["history"]) == 2
    for options in (dict(span=50, folder=tmp_path / "b"), dict(span=2)):
        with pytest.raises(ScorecamError, match="nothing was kept"):
            fit_wgan(lines(), updates=9, **options, **SMALL)
    assert not (tmp_path / "b").exists()


def test_it_stops_where_the_estimate_has_converged(monkeypatch):
    monkeypatch.setattr(wgan, "one_update", lambda fight, update, n: dict(estimate=1.0 if update > 10 else 2.0, accuracy=1.0, critic_loss=0.0, generator_loss=0.0))
    done = fit_wgan(lines(), updates=200, span=4, **SMALL)
    assert done.converged and 20 <= len(done.history) <= 40
    assert not fit_wgan(lines(), updates=8, span=4, **SMALL).converged


def test_flat_is_neither_falling_nor_short():
    assert not has_converged(np.ones(7), span=1) and has_converged(np.ones(8), span=1)
    assert not has_converged(np.linspace(2, 1, 80), span=10)


@pytest.mark.parametrize(
    "images, options, words",
    [
        (lines(3), {}, "3 images: a batch takes at least 4"), (lines() * np.nan, {}, "NaN"), (lines() + 1, {}, "outside"),
        (lines()[..., 0], {}, "frequency, time, 1"), (lines(), {"loss": "hinge"}, "clip, penalty"),
        (lines(), {"span": 0}, "span=0: expected a whole number"), (lines(), {"n_critic": 0}, "n_critic=0"), (lines(), {"batch_size": 2.5}, "batch_size=2.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_imitated_says_why(images, options, words):
    with pytest.raises(ScorecamError, match=words):
        fit_wgan(images, **dict(updates=1) | SMALL | options)


def test_samples_are_images_and_repeat():
    done = fit_wgan(lines(), updates=1, **SMALL)
    made = done.sample(70, seed=1)
    assert made.shape == (70, 20, 12, 1) and made.dtype == np.float32 and 0 <= made.min() and made.max() <= 1
    assert (made == done.sample(70, seed=1)).all() and (made != done.sample(70, seed=2)).any()
    assert done.sample(0).shape == (0, 20, 12, 1)


def test_measures_of_samples_know_the_same_the_other_and_the_copied():
    rng = np.random.default_rng(0)
    one, same, other = rng.normal(size=(150, 5)), rng.normal(size=(150, 5)), rng.normal(2, 1, (150, 5))
    assert two_sample_accuracy(one, same) < 0.6 and two_sample_accuracy(one, other) > 0.95
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-4) and frechet_distance(one, other) == pytest.approx(20, rel=0.15)
    assert copy_ratio(one, one + 1e-4) < 0.01 and 0.8 < copy_ratio(one, same) < 1.3
    assert np.isnan(copy_ratio(one, same, groups=np.zeros(150)))
    assert frechet_distance(one[:, :1], other[:, :1]) == pytest.approx(4, rel=0.25) and np.isnan(copy_ratio(np.zeros((4, 2)), other[:, :2]))


def test_measures_of_samples_do_not_take_a_ship_for_another_image():
    rng = np.random.default_rng(0)
    ships = rng.normal(size=(2, 40, 30))
    first, second = (np.repeat(some, 2, axis=0) + 0.01 * rng.normal(size=(80, 30)) for some in ships)  # two recordings of each
    pairs = np.repeat(np.arange(80), 2)
    blind, grouped = two_sample_accuracy(first, second), two_sample_accuracy(first, second, groups=pairs)
    assert grouped < 0.6 < grouped + 0.15 < blind
    near = first + 0.01 * rng.normal(size=first.shape)
    assert copy_ratio(first, near) > 0.5 and copy_ratio(first, near, groups=pairs[:80]) < 0.1


def test_generators_are_kept_by_what_they_saw_and_how_they_learn(tmp_path, monkeypatch):
    images, index, options = np.concatenate([lines(8), lines(8, seed=1)]), np.repeat([0, 1], 8), dict(updates=1, folder=tmp_path, **SMALL)
    first, again = wgan.made_images(images, index, **options), wgan.made_images(images, index, **options | dict(show_progress=False))
    assert (first[0] == again[0]).all() and len(list(tmp_path.iterdir())) == 2
    monkeypatch.setitem(LOSSES, "penalty", wgan.replace(LOSSES["penalty"], penalty=5.0))
    wgan.made_images(images, index, **options)
    assert len(list(tmp_path.iterdir())) == 4
