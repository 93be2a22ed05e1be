"Score-CAM: equal to plain NumPy and to tf-keras-vis, whatever else is in the batch; bad input is told."

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import zoom
from threadpoolctl import threadpool_info

from scorecam_denoise.core import ScorecamError, set_seed
from scorecam_denoise.scorecam import (
    PRESETS, Preset, Sweep, asked_copy, baseline_images, batch_size_of, clusters, energy_explained, fill_copy, foldings, head, opened, raw_maps, recipro_cam, replaced, resize_matrix, scale_maps,
    score_cam, spatial_layers, spokesmen, watched,
)
import keras  # noqa: E402  (after the package has made it quiet)

pytestmark = pytest.mark.filterwarnings("ignore:The structure of `inputs`", "ignore:Please import `zoom`")

CLASSES = 3


def pictures(n: int, shape=(24, 36), channels: int = 1, seed: int = 0):
    "Lines along time (0) or frequency (1), or nothing (2), in noise."
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    images = 0.4 + 0.08 * rng.standard_normal((n, *shape, channels))
    for image, label in zip(images, labels):
        row, column = rng.integers(2, np.array(shape) - 2)
        if label == 0:
            image[row, column // 2 : column // 2 + shape[1] // 3] += 0.4
        elif label == 1:
            image[row // 2 : row // 2 + shape[0] // 3, column] += 0.4
    return np.clip(images, 0, 1).astype("float32"), labels


def classifier(shape=(24, 36, 1), pool=(2, 2), end="softmax", units=CLASSES, dead=0):
    "A small functional network; the first `dead` of ten channels of conv_2 are silent."
    x = image = keras.Input(shape)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="conv_1")(x)
    x = keras.layers.MaxPooling2D(pool, name="pool_1")(x)
    x = keras.layers.Conv2D(10, 3, padding="same", name="conv_2")(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    x = keras.layers.ReLU(name="relu_2")(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    network = keras.Model(image, keras.layers.Dense(units, activation=end, name="out")(x))
    if dead:
        kernel, bias = network.get_layer("conv_2").get_weights()
        kernel[..., :dead], bias[:dead] = 0, -5
        network.get_layer("conv_2").set_weights([kernel, bias])
    return network


@pytest.fixture(scope="module")
def trained():
    "A network that tells the three kinds apart, and its logits twin."
    set_seed(0)
    images, labels = pictures(240)
    network = classifier()
    network.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    network.fit(images, labels, epochs=6, batch_size=16)
    assert (network.predict(images).argmax(1) == labels).mean() > 0.9
    logits = classifier(end=None)
    logits.set_weights(network.get_weights())
    return network, logits


def plain(network, image, maps, target):
    "The `official` preset in plain NumPy, after the authors' code."
    total, (F, T) = 0, image.shape[:2]
    for k in range(maps.shape[-1]):
        large = tf.image.resize(maps[..., k : k + 1], (F, T)).numpy()[..., 0]
        low, high = large.min(), large.max()
        if low == high:
            continue
        mask = (large - low) / (high - low)
        total = total + network((image * mask[..., None])[None]).numpy()[0, target] * large
    total = np.maximum(total, 0)
    return (total - total.min()) / (total.max() - total.min())


@pytest.mark.parametrize("layer", ["conv_1", "conv_2", "relu_2"])
def test_official_is_the_plain_loop(trained, layer):
    network, _ = trained
    images, labels = pictures(6, seed=1)
    features = keras.Model(network.inputs, network.get_layer(layer).output).predict(images)
    expected = [plain(network, x, a, c) for x, a, c in zip(images, features, labels)]
    assert np.abs(score_cam(network, images, labels, layer=layer, preset="official") - expected).max() < 1e-5


@pytest.mark.parametrize("layer", ["conv_1", "conv_2"])
@pytest.mark.parametrize("double", [False, True])
def test_equal_to_tf_keras_vis(trained, layer, double):
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    network, logits = trained
    given, preset = (network, "tf_keras_vis_softmax") if double else (logits, "tf_keras_vis")
    images, labels = pictures(6, seed=1)
    theirs = Scorecam(given)(CategoricalScore(labels.tolist()), images, penultimate_layer=layer, batch_size=32)
    ours = score_cam(given, images, labels, layer=layer, preset=preset)
    assert np.abs(ours - theirs).max() < 1e-6


def test_equal_to_tf_keras_vis_with_constant_maps():
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    set_seed(0)
    network = classifier(end=None, dead=4)
    kernel, bias = network.get_layer("conv_2").get_weights()
    network.get_layer("conv_2").set_weights([kernel, np.where(bias < 0, 0.3, bias)])
    images, labels = pictures(3, seed=1)
    theirs = Scorecam(network)(CategoricalScore(labels.tolist()), images, penultimate_layer="conv_2", batch_size=16)
    assert np.abs(score_cam(network, images, labels, layer="conv_2", preset="tf_keras_vis") - theirs).max() < 1e-6


def test_the_library_preset_needs_no_logits(trained):
    network, logits = trained
    images, labels = pictures(6, seed=1)
    maps = [score_cam(given, images, labels, preset="tf_keras_vis") for given in trained]
    assert np.abs(maps[0] - maps[1]).max() < 1e-5


@pytest.mark.filterwarnings("ignore:.*maps are flat")
@pytest.mark.parametrize("preset", PRESETS)
def test_maps_do_not_depend_on_batch_or_chunk(trained, preset):
    network, _ = trained
    images, labels = pictures(11, seed=2)
    maps = score_cam(network, images, labels, preset=preset)
    assert maps.shape == images.shape[:3] and maps.dtype == np.float32
    exact = score_cam(network, images, labels, preset=preset, raw=True)
    assert np.abs(exact[::-1] - score_cam(network, images[::-1], labels[::-1], preset=preset, raw=True)).max() < 1e-6
    for i in range(len(images)):
        assert np.abs(exact[i] - score_cam(network, images[i : i + 1], labels[i : i + 1], preset=preset, raw=True)[0]).max() < 1e-6
    seen = exact.max((1, 2)) > 1e-2  # what is hardly there is rounding, made large by scaling
    assert seen.sum() >= 7
    for batch_size in (1, 7, 64):
        other = score_cam(network, images, labels, preset=preset, batch_size=batch_size)
        assert np.abs(maps - other)[seen].max() < 1e-5
        assert np.abs(exact - score_cam(network, images, labels, preset=preset, batch_size=batch_size, raw=True)).max() < 1e-5


@pytest.mark.parametrize("preset", PRESETS)
def test_all_classes_come_from_one_sweep(trained, preset):
    network, _ = trained
    images, _ = pictures(5, seed=2)
    every = score_cam(network, images, classes="all", preset=preset)
    assert every.shape == (5, CLASSES, *images.shape[1:3])
    for c in range(CLASSES):
        assert np.allclose(every[:, c], score_cam(network, images, c, preset=preset, raw=True), atol=1e-5)


def test_the_default_is_signed_weights_over_the_level(trained):
    network, _ = trained
    images, labels = pictures(4, seed=3)
    silence = np.median(images, axis=(1, 2), keepdims=True)
    features = keras.Model(network.inputs, network.get_layer("conv_2").output).predict(images)
    quiet = network.predict(np.broadcast_to(silence, images.shape))
    for i, c in enumerate(labels):
        total = 0
        for k in range(features.shape[-1]):
            large = tf.image.resize(features[i, ..., k : k + 1], images.shape[1:3]).numpy()
            mask = (large - large.min()) / (large.max() - large.min())
            total = total + (network((images[i] * mask + silence[i] * (1 - mask))[None]).numpy()[0, c] - quiet[i, c]) * large
        assert np.allclose(score_cam(network, images[i : i + 1], c, raw=True)[0], total[..., 0], atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*maps are flat")
def test_a_given_baseline_equals_the_named_one(trained):
    network, _ = trained
    images, labels = pictures(5, seed=3)
    for name in ("zero", "black", "white", "floor", "median", "level"):
        given = np.broadcast_to(baseline_images(images, name), images.shape)
        assert np.allclose(score_cam(network, images, labels, baseline=name), score_cam(network, images, labels, baseline=given), atol=1e-6)
    assert baseline_images(images, np.ones((24, 1, 1))).shape == (1, 24, 1, 1)
    assert [baseline_images(images, name).tolist() for name in ("zero", "black", "white")] == [[[[[0]]]], [[[[0]]]], [[[[1]]]]]


@contextmanager
def questions(engine):
    "The numbers of the maps that are asked for meanwhile, an array for each call."
    asked, ask = [], engine.ask_masked
    with replaced(engine, "ask_masked", lambda *given: asked.append(given[4]) or ask(*given)):
        yield asked


@pytest.mark.parametrize("preset", PRESETS)
def test_constant_channels_cost_no_pass_and_change_nothing(preset):
    set_seed(1)
    network = classifier(dead=2)
    images, labels = pictures(4, seed=3)
    with questions(opened(network, "relu_2", fold=not PRESETS[preset].library)) as asked:
        maps = score_cam(network, images, labels, layer="relu_2", preset=preset, raw=True, batch_size=16)
    assert len(np.concatenate(asked)) == 32 and np.isfinite(maps).all()
    features = keras.Model(network.inputs, network.get_layer("relu_2").output).predict(images)
    assert (np.ptp(features, axis=(1, 2)) > 0).sum() == 30


@pytest.mark.parametrize("shape, pool", [((17, 40, 1), (1, 4)), ((40, 17, 1), (2, 1)), ((20, 20, 3), (3, 3))])
def test_any_shape_and_any_pooling(shape, pool):
    set_seed(0)
    network = classifier(shape, pool)
    images, labels = pictures(3, shape[:2], shape[2])
    maps = score_cam(network, images, labels, layer="relu_2", preset="official")
    features = keras.Model(network.inputs, network.get_layer("relu_2").output).predict(images)
    assert maps.shape == (3, *shape[:2])
    assert np.allclose(maps, [plain(network, x, a, c) for x, a, c in zip(images, features, labels)], atol=1e-4)


def test_interpolation_is_that_of_the_libraries():
    small = np.random.default_rng(0).random((5, 7)).astype("float32")
    for target in ((10, 21), (13, 7), (5, 16)):
        rows, columns = (resize_matrix(a, b) for a, b in zip((5, 7), target))
        assert np.allclose(rows @ small @ columns.T, tf.image.resize(small[..., None], target)[..., 0], atol=1e-6)
        rows, columns = (resize_matrix(a, b, corners=True) for a, b in zip((5, 7), target))
        theirs = zoom(small, [b / a for a, b in zip((5, 7), target)], order=1, mode="nearest")
        assert np.allclose(rows @ small @ columns.T, theirs, atol=1e-6)


def test_heads_are_told_apart():
    assert [head(classifier(end=end)) for end in ("softmax", "sigmoid", None)] == ["softmax", "sigmoid", "logits"]
    network = classifier(end="softmax")
    cast = keras.Model(network.inputs, keras.layers.Activation("linear", dtype="float32")(network.output))
    apart = keras.Model(network.inputs, keras.layers.Softmax()(classifier(end=None)(network.inputs[0])))
    assert head(cast) == head(apart) == "softmax"
    assert head(keras.Sequential([keras.Input((24, 36, 1)), network])) == "softmax"
    for end, units in (("relu", 3), ("tanh", 3), (None, 1), ("softmax", 1)):
        with pytest.raises(ScorecamError, match="neither probabilities nor logits"):
            head(classifier(end=end, units=units))


def test_a_single_sigmoid_is_two_classes():
    set_seed(0)
    network = classifier(end="sigmoid", units=1)
    images, _ = pictures(3)
    maps = score_cam(network, images, classes="all")
    assert maps.shape[1] == 2 and np.allclose(maps[:, 0], -maps[:, 1], atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*maps are flat")
def test_nested_networks_are_opened(trained):
    network, _ = trained
    image = keras.Input((24, 36, 1))
    nested = keras.Model(image, network(keras.layers.Rescaling(1.0)(image)))
    images, labels = pictures(4, seed=1)
    assert {"conv_1", "conv_2", "relu_2"} <= set(spatial_layers(nested))
    for layer in (None, "conv_1"):
        assert np.allclose(score_cam(nested, images, labels, layer=layer), score_cam(network, images, labels, layer=layer), atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
def test_flat_maps_are_zeros_and_say_so(preset):
    images, _ = pictures(3)
    with pytest.warns(UserWarning, match="3 of 3 maps are flat"):
        maps = score_cam(classifier(dead=10), images, 0, preset=preset, layer="relu_2")
    assert not maps.any()


def test_flat_maps_never_turn_into_nan():
    with pytest.warns(UserWarning, match="1 of 2"):
        maps = scale_maps(np.array([[[1.0, 1.0]], [[0.0, 1.0]]]), PRESETS["official"])
    assert maps.tolist() == [[[0, 0]], [[0, 1]]]


def test_no_images_give_no_maps(trained):
    network, _ = trained
    images, labels = pictures(3)
    assert score_cam(network, images[:0], labels[:0]).shape == (0, 24, 36)


def test_weights_trained_later_are_seen():
    set_seed(0)
    network = classifier()
    images, labels = pictures(4)
    before = score_cam(network, images, labels, raw=True)
    network.set_weights([2 * w for w in network.get_weights()])
    assert not np.allclose(before, score_cam(network, images, labels, raw=True))
    assert opened(network).asked is not network
    assert np.abs(opened(network).asked(images) - network(images)).max() < 1e-5


@pytest.mark.parametrize("change, message", [
    (dict(layer="conv_9"), "conv_1, pool_1, conv_2"),
    (dict(layer="out"), "no spatial layer 'out'"),
    (dict(targets=3), "classes 0 to 2"),
    (dict(targets=-1), "target -1"),
    (dict(targets=[0, 1]), "expected one class index or 4"),
    (dict(targets=[0.0, 1.0, 1.0, 1.0]), "int"),
    (dict(targets=None), "expected targets"),
    (dict(preset="best"), "official"),
    (dict(baseline="grey"), "baseline 'grey': expected 'zero', 'black', 'white', 'floor', 'median', 'level' or an array"),
    (dict(baseline=np.zeros((5, 5))), "broadcasts"),
    (dict(classes="some"), "classes='some'"),
    (dict(batch_size=0), "batch_size=0: expected a whole number"),
])
def test_wrong_options_are_told(trained, change, message):
    images, labels = pictures(4)
    given = dict(targets=labels) | change
    with pytest.raises(ScorecamError, match=message) as told:
        score_cam(trained[0], images, **given)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("spoil, message", [
    (lambda x: x[..., 0], "takes"),
    (lambda x: x[:, :20], "takes .n, 24, 36, 1"),
    (lambda x: np.where(np.arange(4)[:, None, None, None] == 2, np.nan, x), "image 2 holds NaN"),
])
def test_wrong_images_are_told(trained, spoil, message):
    images, labels = pictures(4)
    with pytest.raises(ScorecamError, match=message):
        score_cam(trained[0], spoil(images), labels)


def test_what_is_no_functional_network_is_told():
    with pytest.raises(ScorecamError, match="functional"):
        score_cam("network", np.zeros((1, 4, 4, 1)), 0)
    dense = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ScorecamError, match="no convolution"):
        score_cam(dense, np.zeros((1, 4, 4, 1)), 0)


@pytest.mark.filterwarnings("ignore:.*maps are flat")
def test_a_preset_of_ones_own(trained):
    network, _ = trained
    images, labels = pictures(3)
    own = score_cam(network, images, labels, preset=Preset(weight="increase", baseline="level", subtract_minimum=False))
    assert np.array_equal(own, score_cam(network, images, labels))


def normalised(network, seed=0):
    "The network with statistics in its normalisations as training would leave them."
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([
                rng.uniform(0.5, 2, v.shape) if v.name in ("gamma", "moving_variance") else rng.normal(0, 0.3, v.shape) for v in layer.weights
            ])
    return network


def folded_copy(network):
    "The copy that the engine asks, with its weights."
    copy = asked_copy(network, foldings(network))
    fill_copy(network, copy, foldings(network))
    return copy


def test_folding_changes_nothing_but_the_layers():
    set_seed(0)
    network = normalised(classifier())
    copy = folded_copy(network)
    images, labels = pictures(6)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in copy.layers)
    assert np.abs(network(images) - copy(images)).max() < 1e-5
    for layer in ("conv_2", "relu_2"):
        folded = score_cam(network, images, classes="all", layer=layer, preset="official")
        unfolded = raw_maps(opened(network, layer, fold=False), images, np.zeros_like(images), None, PRESETS["official"], Sweep())
        assert np.abs(folded - unfolded).max() < 1e-5 * np.abs(unfolded).max() and unfolded.any()


def test_what_cannot_be_folded_stays():
    x = image = keras.Input((8, 8, 1))
    a = keras.layers.Conv2D(3, 3, activation="relu", name="not_linear")(x)
    a = keras.layers.BatchNormalization(name="after_relu")(a)
    b = keras.layers.Conv2D(3, 3, name="read_twice")(x)
    c = keras.layers.BatchNormalization(name="one_of_two")(b)
    d = keras.layers.BatchNormalization(axis=1, name="of_rows")(keras.layers.Conv2D(3, 3)(x))
    e = keras.layers.BatchNormalization(name="folds", scale=False, center=False)(keras.layers.Conv2D(3, 3, use_bias=False, name="alone")(x))
    x = keras.layers.GlobalMaxPooling2D()(keras.layers.Add()([a, b, c, d, e]))
    network = normalised(keras.Model(image, keras.layers.Dense(2)(x)))
    copy = folded_copy(network)
    left = {layer.name for layer in copy.layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert left == {"after_relu", "one_of_two", "of_rows"}
    images = np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32")
    assert np.abs(network(images) - copy(images)).max() < 1e-5
    assert asked_copy(network, {}) is network


def test_folding_reaches_nested_networks(trained):
    network, _ = trained
    image = keras.Input((24, 36, 1))
    nested = keras.Model(image, network(keras.layers.Rescaling(1.0)(image)))
    assert folded_copy(nested).count_params() < nested.count_params()
    images, labels = pictures(3, seed=5)
    for layer in ("conv_1", "relu_2"):
        ours = [score_cam(each, images, labels, layer=layer, raw=True) for each in (nested, network)]
        assert np.abs(ours[0] - ours[1]).max() < 1e-5


def test_bfloat16_is_nearly_float32_and_elsewhere_float32(trained, monkeypatch):
    network, _ = trained
    images, labels = pictures(6, seed=1)
    exact = score_cam(network, images, labels, preset="official", raw=True)
    monkeypatch.setattr("scorecam_denoise.scorecam.has_bfloat16", lambda: False)
    assert np.array_equal(exact, score_cam(network, images, labels, preset="official", raw=True, precision="bfloat16"))
    monkeypatch.setattr("scorecam_denoise.scorecam.has_bfloat16", lambda: True)
    half = score_cam(network, images, labels, preset="official", raw=True, precision="bfloat16")
    assert opened(network, precision="bfloat16").asked.get_layer("conv_2").kernel.dtype == "bfloat16"
    assert not np.array_equal(exact, half)
    assert min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(exact, half)) > 0.999


def test_as_many_clusters_as_channels_is_exact(trained):
    network, _ = trained
    images, labels = pictures(4, seed=1)
    exact = score_cam(network, images, labels, raw=True)
    for channels in ("kmeans", "std"):
        maps, share = score_cam(network, images, labels, raw=True, channels=channels, n=10, explained=4)
        assert np.abs(maps - exact).max() < 1e-5 and np.allclose(share[exact.max((1, 2)) > 0], 1)


@pytest.mark.filterwarnings("ignore:.*maps are flat")
@pytest.mark.parametrize("preset", ["default", "official", "paper_v2", "tf_keras_vis"])
@pytest.mark.parametrize("channels", ["kmeans", "std"])
def test_fewer_questions_explain_most_and_do_not_depend_on_the_batch(trained, channels, preset):
    network, _ = trained
    images, labels = pictures(6, seed=1)
    options = dict(channels=channels, n=4, preset=preset, batch_size=8, raw=True)
    with questions(opened(network, fold=not PRESETS[preset].library)) as asked:
        maps = score_cam(network, images, labels, **options)
    assert len(np.concatenate(asked)) == 24
    for i in range(6):
        assert np.abs(maps[i] - score_cam(network, images[i : i + 1], labels[i], **options)[0]).max() < 1e-5
    _, share = score_cam(network, images, labels, explained=5, **options)
    exact = score_cam(network, images[:5], labels[:5], preset=preset, raw=True)
    assert np.allclose(share, energy_explained(maps[:5], exact), atol=1e-4, equal_nan=True)
    assert preset != "official" or np.nanmean(share) > 0.5


def test_std_is_faster_score_cam_of_tf_keras_vis_for_one_image(trained):
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    _, logits = trained
    images, labels = pictures(3, seed=1)
    for image, label in zip(images, labels):
        theirs = Scorecam(logits)(CategoricalScore(int(label)), image[None], penultimate_layer="conv_2", max_N=4)[0]
        ours = score_cam(logits, image[None], label, layer="conv_2", preset="tf_keras_vis", channels="std", n=4, batch_size=4)[0]
        assert np.abs(ours - theirs).max() < 1e-5


def test_std_leaves_constant_maps_out():
    set_seed(0)
    network = classifier(dead=8)
    images, labels = pictures(3)
    exact = score_cam(network, images, labels, layer="conv_2", raw=True)
    assert np.abs(score_cam(network, images, labels, layer="conv_2", raw=True, channels="std", n=5) - exact).max() < 1e-5
    with questions(opened(network, "conv_2", fold=False)) as asked:
        kept = score_cam(network, images, labels, layer="conv_2", preset="tf_keras_vis", raw=True, channels="std", n=5, batch_size=2)
    assert len(np.concatenate(asked)) == 6
    features = keras.Model(network.inputs, network.get_layer("conv_2").output).predict(images)
    whole = score_cam(network, images, labels, layer="conv_2", preset="tf_keras_vis", raw=True)
    constant = [score_cam(network, images, labels, layer="conv_2", preset="tf_keras_vis", raw=True)[i] - kept[i] for i in range(3)]
    assert (np.ptp(features[..., :8], axis=(1, 2)) == 0).all() and np.ptp(constant, axis=(1, 2)).max() < 1e-4 and not np.allclose(whole, kept)


def places(network, image, features, target, gaussian):
    "Recipro-CAM in plain NumPy, place by place."
    head_alone = keras.Model(network.get_layer("relu_2").output, network.output)
    f, t, _ = features.shape
    window = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]) if gaussian else np.outer([0, 1, 0], [0, 1, 0])
    answers = np.zeros((f, t))
    for i in range(f):
        for j in range(t):
            mask = np.zeros((f + 2, t + 2))
            mask[i : i + 3, j : j + 3] = window
            answers[i, j] = head_alone((features * mask[1:-1, 1:-1, None])[None].astype("float32")).numpy()[0, target]
    large = tf.image.resize(answers[..., None], image.shape[:2]).numpy()[..., 0]
    return (large - large.min()) / (large.max() - large.min())


@pytest.mark.parametrize("width", [1, 2])
def test_recipro_cam_is_the_plain_loop(trained, width):
    network, _ = trained
    images, labels = pictures(2, seed=1)
    features = keras.Model(network.inputs, network.get_layer("relu_2").output).predict(images)
    maps = recipro_cam(network, images, labels, layer="relu_2", width=width)
    for ours, image, own, target in zip(maps, images, features, labels):
        assert np.abs(ours - places(network, image, own, target, gaussian=width == 2)).max() < 1e-5


def test_recipro_cam_keeps_the_rules_of_the_house(trained):
    network, _ = trained
    images, labels = pictures(3, seed=1)
    maps, share = recipro_cam(network, images, labels, explained=2)
    assert maps.shape == (3, 24, 36) and maps.dtype == np.float32 and share.shape == (2,) and maps.min() >= 0 and maps.max() <= 1
    every = recipro_cam(network, images, classes="all")
    assert every.shape == (3, CLASSES, 24, 36) and np.allclose(every.sum(1), 1, atol=1e-5)
    for batch_size in (7, 64):
        assert np.abs(every[1] - recipro_cam(network, images[1:2], classes="all", batch_size=batch_size)[0]).max() < 1e-5
    image = keras.Input((24, 36, 1))
    nested = keras.Model(image, network(image))
    assert np.abs(recipro_cam(nested, images, labels, layer="relu_2") - recipro_cam(network, images, labels, layer="relu_2")).max() < 1e-4
    with pytest.raises(ScorecamError, match="conv_1, pool_1"):
        recipro_cam(network, images, labels, layer="out")


def test_recipro_cam_hides_a_layer_that_others_go_around():
    "What bypasses the layer still sees the image."
    set_seed(0)
    image = keras.Input((12, 12, 1))
    a = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="explained")(image)
    x = keras.layers.Concatenate()([a, image])
    network = keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalMaxPooling2D()(x)))
    one, other = np.random.default_rng(0).random((2, 1, 12, 12, 1)).astype("float32")
    features = np.asarray(opened(network, "explained").maps(one)).transpose(0, 2, 3, 1)
    asked = [np.asarray(opened(network, "explained").ask_features(x, features)) for x in (one, other)]
    assert np.allclose(asked[0], tf.nn.softmax(network(one)), atol=1e-6) and not np.allclose(*asked)


@pytest.mark.filterwarnings("ignore:.*maps are flat")
def test_progress_is_shown_where_asked_for(trained, monkeypatch):
    network, _ = trained
    images, labels = pictures(3)
    shown = []
    monkeypatch.setattr("scorecam_denoise.scorecam.progress", lambda what, *, desc, disable: shown.append((desc, disable)) or what)
    for method, name in ((score_cam, "Score-CAM"), (recipro_cam, "Recipro-CAM")):
        shown.clear()
        method(network, images, labels)
        method(network, images, labels, show_progress=True)
        assert shown == [(name, True), (name, False)]


@pytest.mark.parametrize("change, message", [
    (dict(channels="pca"), "'kmeans' or 'std'"),
    (dict(n=4), "n=4"),
    (dict(channels="std", n=0), "n=0"),
    (dict(channels="std", n=2.5), "n=2.5"),
    (dict(precision="float16"), "bfloat16"),
    (dict(batch_size="large"), "batch_size='large'"),
    (dict(explained=-1), "explained=-1"),
    (dict(preset=["official"]), "expected one of default"),
])
def test_wrong_approximations_are_told(trained, change, message):
    images, labels = pictures(2)
    with pytest.raises(ScorecamError, match=message):
        score_cam(trained[0], images, labels, **change)


def stack(*, conv="conv", bn="bn", activation=None, bias=True):
    "A nested network of a convolution and a normalisation."
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 3, padding="same", activation=activation, use_bias=bias, name=conv)(image)
    return keras.Model(image, keras.layers.BatchNormalization(name=bn)(x))


def randomised(network, seed=0):
    "All statistics of a network's normalisations away from their start, nested ones included."
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            randomised(layer, seed + 1)
    return normalised(network, seed)


def ending(x):
    "A classifier's end."
    return keras.layers.Dense(2)(keras.layers.GlobalMaxPooling2D()(x))


def awkward():
    "Networks that are easily folded wrongly, by name."
    image = keras.Input((8, 8, 1))
    inner = keras.layers.Conv2D(2, 3, padding="same")(image)
    twice = keras.layers.BatchNormalization()
    both = keras.Model(image, [inner, keras.layers.BatchNormalization()(inner)])
    statistics = keras.layers.Normalization(axis=None)
    statistics.adapt(np.random.default_rng(0).normal(5, 3, (50, 8, 8, 1)))
    apart = [keras.layers.Conv2D(2, 3, padding="same")(image) for _ in range(2)]
    same = stack()
    return {
        "an output beside": keras.Model(image, ending(keras.layers.Add()(both(image)))),
        "a shared normalisation": keras.Model(image, ending(keras.layers.Add()([twice(x) for x in apart]))),
        "equal names": keras.Model(image, ending(keras.layers.Add()([stack(activation="relu")(image), stack(bias=False)(image)]))),
        "a network used twice": keras.Model(image, ending(keras.layers.Add()([same(image), same(keras.layers.Rescaling(2.0)(image))]))),
        "adapted statistics": keras.Model(image, ending(stack()(statistics(image)))),
        "one after the other": keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3), keras.layers.BatchNormalization(), keras.layers.Flatten(), keras.layers.Dense(2)]),
        "a lambda": keras.Model(image, ending(stack()(keras.layers.Lambda(lambda x: 2 * x)(image)))),
    }


@pytest.mark.parametrize("name", awkward())
def test_awkward_networks_are_folded_rightly_or_not_at_all(name):
    set_seed(0)
    network = randomised(awkward()[name])
    images = np.random.default_rng(1).normal(3, 2, (3, 8, 8, 1)).astype("float32")
    engine = opened(network, next(iter(spatial_layers(network))))
    assert np.abs(engine.asked(images) - network(images)).max() < 1e-4 * np.abs(network(images)).max()
    for weight in network.trainable_variables:
        weight.assign(1.5 * weight)
    assert np.abs(engine.refresh().asked(images) - network(images)).max() < 1e-4 * np.abs(network(images)).max()


def test_in_bfloat16_probabilities_still_add_up(monkeypatch):
    monkeypatch.setattr("scorecam_denoise.scorecam.has_bfloat16", lambda: True)
    image = keras.Input((24, 36, 1))
    x = keras.layers.Activation("linear")(classifier()(image))
    network = keras.Model(image, keras.layers.Dropout(0.1)(x))
    asked = opened(network, "conv_2", precision="bfloat16").ask(pictures(4)[0]).numpy()
    assert np.abs(asked.sum(1) - 1).max() < 1e-6


def test_fewer_different_maps_than_clusters():
    rng = np.random.default_rng(0)
    shapes = rng.random((3, 8, 8))
    maps = np.concatenate([gain * shapes for gain in (1, 2, 3, 4)]).astype("float32")[None]
    for n in (2, 3, 8, 12, 50):
        asked, member = spokesmen(maps, np.ones((1, 12), bool), "kmeans", n)
        assert np.isfinite(asked).all() and (member >= 0).all()
        assert all(len(set(member[0][k::3])) == 1 for k in range(3)) or n >= 12


def test_a_layer_that_is_called_twice_is_refused():
    image = keras.Input((8, 8, 1))
    conv = keras.layers.Conv2D(2, 3, padding="same", name="twice")
    network = keras.Model(image, ending(keras.layers.Add()([conv(image), conv(keras.layers.Rescaling(2.0)(image))])))
    for method in (score_cam, recipro_cam):
        with pytest.raises(ScorecamError, match="called 2 times"):
            method(network, np.zeros((1, 8, 8, 1)), 0, layer="twice")


def test_opening_a_network_leaves_it_as_it_was(trained):
    network, _ = trained
    images, labels = pictures(2)
    score_cam(network, images, labels, layer="conv_1", raw=True)
    recipro_cam(network, images, labels, layer="conv_1", raw=True)
    assert not any("call" in vars(layer) for layer in network.layers)


@pytest.mark.parametrize("change, message", [
    (dict(width=0), "width=0"), (dict(batch_size=0), "batch_size=0"), (dict(explained=-1), "explained=-1"),
])
def test_wrong_options_of_recipro_cam_are_told(trained, change, message):
    images, labels = pictures(2)
    with pytest.raises(ScorecamError, match=message):
        recipro_cam(trained[0], images, labels, **change)


def test_readers_that_come_later_change_nothing():
    set_seed(0)
    network, (images, labels) = normalised(classifier()), pictures(3)
    before = score_cam(network, images, labels, raw=True)
    keras.Model(network.inputs, keras.layers.GlobalMaxPooling2D()(network.get_layer("conv_2").output))
    assert np.abs(before - score_cam(network, images, labels, raw=True)).max() < 1e-6


@pytest.mark.parametrize("shape", [(128, 16), (256, 24), (60, 50)])
def test_clusters_see_every_row(shape):
    rng = np.random.default_rng(0)
    rows = rng.choice(shape[0], 3, replace=False)
    maps = np.zeros((12, *shape), "float32")
    for k, map_ in enumerate(maps):
        map_[rows[k % 3], : rng.integers(shape[1] // 2, shape[1] + 1)] = 1
    found = clusters(maps, 3)
    assert len(set(found)) == 3 and all(len(set(found[k::3])) == 1 for k in range(3))


def test_clusters_repeat_and_warn_of_nothing():
    maps = np.random.default_rng(0).random((20, 40, 30)).astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [clusters(maps, 5) for _ in range(2)]
    assert (found[0] == found[1]).all() and set(found[0]) == set(range(max(found[0]) + 1))


def test_threads_leave_blas_as_they_found_it():
    maps = np.random.default_rng(0).random((1, 64, 32, 32)).astype("float32")
    counts = lambda: [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    before = counts()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: spokesmen(maps, np.ones((1, 64), bool), "kmeans", 8), range(24)))
    assert counts() == before


def test_a_layer_is_watched_as_it_is_while_another_thread_replaces_it():
    model, inside, done = classifier(), Event(), Event()
    layer = model.get_layer("conv_2")

    def replace_it():
        with replaced(layer, "call", lambda *_, **__: tf.zeros((1, 2, 2, 1))):
            inside.set()
            done.wait(0.5)

    other = Thread(target=replace_it)
    other.start()
    inside.wait()
    with watched(layer) as caught:
        model(pictures(2)[0])
    other.join()
    assert len(caught) == 1 and caught[0].shape[0] == 2 and "call" not in vars(layer)
    with pytest.raises(ZeroDivisionError), watched(layer):
        1 / 0
    assert "call" not in vars(layer)


def test_images_and_masked_images_in_memory_are_bounded():
    assert [Sweep(batch_size=size).step for size in (1, 16, 64, 512)] == [1, 4, 8, 8]
    big, small = (keras.Sequential([keras.Input((side, side, 1)), keras.layers.Conv2D(8, 1), keras.layers.GlobalMaxPooling2D()]) for side in (1024, 8))
    assert (batch_size_of(big), batch_size_of(small)) == (4, 64)
