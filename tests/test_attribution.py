"Grad-CAM and its relatives: equal to tf-keras-vis and to their formulas, on logits, whatever the head; bad input is told."
import re
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf
from test_scorecam import CLASSES, classifier, pictures, trained  # noqa: F401  (a fixture)

from scorecam_denoise.attribution import (
    AT_IMAGE, ATTRIBUTIONS, TOOLS, grad_cam, grad_cam_plus_plus, hires_cam, positive_slope, saliency, slope_of, smoothgrad, tf_keras_vis,
)
from scorecam_denoise.core import ScorecamError, set_seed
from scorecam_denoise.scorecam import score_cam
import keras  # noqa: E402  (after the package has made it quiet)

pytestmark = pytest.mark.filterwarnings(
    "ignore:The structure of `inputs`", "ignore:Please import `zoom`", "ignore:.*maps are flat", "ignore:Do NOT specify"
)
SLOPES = {"grad-cam": grad_cam, "grad-cam++": grad_cam_plus_plus, "hires-cam": hires_cam, "saliency": saliency, "smoothgrad": smoothgrad}
LIBRARY = {name: method for name, method in ATTRIBUTIONS.items() if name.startswith("tf-keras-vis:")}


def at(name, layer):
    "The layer to explain as an option; none where the image itself is explained."
    return {} if name in AT_IMAGE else {"layer": layer}


@pytest.mark.parametrize("layer", ["conv_1", "conv_2"])
@pytest.mark.parametrize("name", ["grad-cam", "grad-cam++"])
def test_equal_to_tf_keras_vis(trained, name, layer):
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.utils.scores import CategoricalScore

    _, logits = trained
    images, labels = pictures(6, seed=1)
    explainer = {"grad-cam": Gradcam, "grad-cam++": GradcamPlusPlus}[name](logits)
    theirs = explainer(CategoricalScore(labels.tolist()), images, penultimate_layer=layer, expand_cam=False)
    features, slopes = slope_of(logits, layer).of(images, labels.astype("int32")).numpy().swapaxes(0, 1)
    weights = slopes.mean((1, 2), keepdims=True) if name == "grad-cam" else positive_slope(features, slopes)
    small = (weights * features).sum(-1)
    ours = np.maximum(small, 0)
    low, high = ours.min((1, 2), keepdims=True), ours.max((1, 2), keepdims=True)
    assert np.abs(np.divide(ours - low, high - low, out=np.zeros_like(ours), where=high > low) - theirs).max() < 1e-5
    large = tf.image.resize(small[..., None], (24, 36)).numpy()[..., 0]
    assert np.allclose(ATTRIBUTIONS[name](logits, images, labels, layer=layer, raw=True), large, atol=1e-5)


@pytest.mark.parametrize("name", SLOPES)
def test_the_softmax_is_left_out_and_the_network_left_alone(trained, name):
    network, logits = trained
    images, labels = pictures(4, seed=1)
    before = network.predict(images)
    maps = [SLOPES[name](each, images, labels, raw=True) for each in (network, logits)]
    assert np.abs(maps[0] - maps[1]).max() < 1e-5 * np.abs(maps[1]).max()
    assert np.array_equal(before, network.predict(images))
    sure = keras.models.clone_model(network)
    sure.set_weights([*network.get_weights()[:-2], *(60 * w for w in network.get_weights()[-2:])])
    assert sure.predict(images).max(1).min() > 0.9999
    assert np.isfinite(SLOPES[name](sure, images, labels)).all() and SLOPES[name](sure, images, labels).any()


def test_a_softmax_layer_of_its_own_is_left_out(trained):
    network, logits = trained
    images, labels = pictures(4, seed=1)
    apart = keras.Model(logits.inputs, keras.layers.Softmax()(logits.output))
    assert np.allclose(grad_cam(apart, images, labels, raw=True), grad_cam(logits, images, labels, raw=True), atol=1e-6)


@pytest.mark.parametrize("name", SLOPES)
def test_all_classes_are_the_single_ones(trained, name):
    network, _ = trained
    images, _ = pictures(5, seed=2)
    every = SLOPES[name](network, images, classes="all")
    assert every.shape == (5, CLASSES, 24, 36)
    for c in range(CLASSES):
        assert np.allclose(every[:, c], SLOPES[name](network, images, c, raw=True), atol=1e-6)


def test_a_single_sigmoid_is_two_classes():
    set_seed(0)
    network = classifier(end="sigmoid", units=1)
    images, _ = pictures(3)
    every = hires_cam(network, images, classes="all")
    assert every.shape[1] == 2 and every.any() and np.allclose(every[:, 0], -every[:, 1], atol=1e-6)


def test_hires_cam_adds_up_behind_a_mean():
    "Where only means and a dense layer follow, the map's mean is the logit without its bias."
    set_seed(0)
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="explained")(image)
    network = keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
    images = np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32")
    every = hires_cam(network, images, layer="explained", classes="all")
    assert np.allclose(every.sum((2, 3)), network(images) - network.layers[-1].bias, atol=1e-5)


def test_nested_networks_are_opened(trained):
    network, _ = trained
    image = keras.Input((24, 36, 1))
    nested = keras.Model(image, network(keras.layers.Rescaling(1.0)(image)))
    images, labels = pictures(4, seed=1)
    for method in SLOPES.values():
        assert np.allclose(method(nested, images, labels, layer="conv_1"), method(network, images, labels, layer="conv_1"), atol=1e-5)


@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_every_explainer_has_one_call_shape(trained, name):
    network, _ = trained
    images, labels = pictures(5, seed=2)
    method = ATTRIBUTIONS[name]
    maps = method(network, images, labels, **at(name, "relu_2"))
    assert maps.shape == (5, 24, 36) and maps.dtype == np.float32 and 0 <= maps.min() and maps.max() <= 1
    raw = method(network, images, labels, raw=True, **at(name, "relu_2"))
    assert raw.shape == (5, 24, 36) and raw.dtype == np.float32 and np.isfinite(raw).all()
    every = method(network, images, classes="all", **at(name, "relu_2"))
    assert every.shape == (5, CLASSES, 24, 36) and every.dtype == np.float32
    for i in range(5):
        alone = method(network, images[i : i + 1], labels[i], raw=True, **at(name, "relu_2"))[0]
        for other in (raw[i], every[i, labels[i]]):
            assert np.abs(other - alone).max() < 1e-5 * max(1, np.abs(alone).max())
    assert method(network, images[:0], labels[:0]).shape == (0, 24, 36)
    assert method(network, images[:0], classes="all").shape == (0, CLASSES, 24, 36)


@pytest.mark.parametrize("name", ATTRIBUTIONS)
@pytest.mark.parametrize("change, message", [
    (dict(layer="conv_9"), "conv_1, pool_1, conv_2"),
    (dict(layer="out"), "no spatial layer 'out'"),
    (dict(targets=3), "classes 0 to 2"),
    (dict(targets=None), "expected targets"),
    (dict(classes="some"), "classes='some'"),
    (dict(batch_size=0), "batch_size=0"),
    (dict(images=np.full((2, 24, 36, 1), np.nan)), "image 0 holds NaN"),
    (dict(images=np.zeros((2, 24, 35, 1))), "takes .n, 24, 36, 1"),
])
def test_wrong_input_is_told_by_every_explainer(trained, name, change, message):
    images, labels = pictures(2)
    given = dict(images=images, targets=labels) | change
    if name in LIBRARY and name in AT_IMAGE and "layer" in change:
        message = "explains the image itself: leave out layer"
    with pytest.raises(ScorecamError, match=message):
        ATTRIBUTIONS[name](trained[0], **given)


@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_flat_maps_are_zeros_and_say_so(name):
    images, _ = pictures(3)
    with pytest.warns(UserWarning, match="3 of 3 maps are flat"):
        assert not ATTRIBUTIONS[name](classifier(dead=10), images, 0, **at(name, "relu_2")).any()


# saliency and SmoothGrad


@pytest.mark.parametrize("end", [None, "softmax"])
def test_saliency_of_a_linear_network_is_its_weights(end):
    network = keras.Sequential([keras.Input((4, 6, 2)), keras.layers.Flatten(), keras.layers.Dense(2, activation=end)])
    weights = network.layers[-1].kernel.numpy()[:, 1].reshape(4, 6, 2)
    expected = np.abs(weights).max(-1)
    images = np.random.default_rng(0).random((3, 4, 6, 2)).astype("float32")
    assert np.allclose(saliency(network, images, 1), expected / expected.max(), atol=1e-6)
    raw = saliency(network, images, 1, raw=True)
    steepest = np.take_along_axis(weights, np.abs(weights).argmax(-1)[..., None], axis=-1)[..., 0]
    assert np.allclose(raw, steepest, atol=1e-6) and raw.min() < 0 < raw.max()
    for average in ("absolute", "signed"):
        assert np.allclose(smoothgrad(network, images, 1, average=average, samples=3), expected / expected.max(), atol=1e-5)


def test_saliency_is_what_a_small_change_does(trained):
    network, logits = trained
    images, labels = pictures(3, seed=4)
    slopes = saliency(network, images, labels, raw=True)
    for i, slope in enumerate(slopes):
        row, column = np.unravel_index(np.abs(slope).argmax(), slope.shape)
        step = np.zeros_like(images[:1])
        step[0, row, column] = 1e-3
        up, down = (logits(images[i : i + 1] + sign * step).numpy()[0, labels[i]] for sign in (1, -1))
        assert np.isclose((up - down) / 2e-3, slope[row, column], rtol=0.05)


@pytest.mark.parametrize("method", [saliency, smoothgrad])
def test_the_slope_at_a_layer_is_its_largest_over_channels_at_the_images_size(trained, method):
    network, _ = trained
    images, labels = pictures(4, seed=1)
    _, slopes = slope_of(network, "conv_2").of(images, labels.astype("int32")).numpy().swapaxes(0, 1)
    large = tf.image.resize(np.abs(slopes).max(-1)[..., None], (24, 36)).numpy()[..., 0]
    options = {"noise": 0} if method is smoothgrad else {}
    maps = method(network, images, labels, layer="conv_2", **options)
    assert np.allclose(maps, large / large.max((1, 2), keepdims=True), atol=1e-5)


def test_without_noise_smoothgrad_is_saliency(trained):
    images, labels = pictures(4, seed=1)
    plain = saliency(trained[0], images, labels)
    for average in ("absolute", "signed"):
        assert np.allclose(smoothgrad(trained[0], images, labels, noise=0, samples=3, average=average), plain, atol=1e-6)
    assert np.allclose(smoothgrad(trained[0], images, labels, noise=0, samples=3, average="signed", raw=True), saliency(trained[0], images, labels, raw=True), atol=1e-6)


def test_smoothgrad_depends_on_its_seed_and_on_nothing_else(trained):
    images, labels = pictures(7, seed=1)
    maps = smoothgrad(trained[0], images, labels, seed=3)
    assert np.array_equal(maps, smoothgrad(trained[0], images, labels, seed=3))
    assert np.abs(maps - smoothgrad(trained[0], images, labels, seed=4)).max() > 0.01
    assert np.allclose(maps, smoothgrad(trained[0], images, labels, seed=3, batch_size=2), atol=1e-5)
    assert np.allclose(maps[4:6], smoothgrad(trained[0], images[4:6], labels[4:6], seed=3), atol=1e-5)
    brighter = np.concatenate([images[:1], 5 * images[1:]])
    assert np.allclose(maps[0], smoothgrad(trained[0], brighter, labels, seed=3)[0], atol=1e-5)


def test_the_mean_of_magnitudes_is_at_least_the_magnitude_of_the_mean(trained):
    images, labels = pictures(3, seed=1)
    absolute, signed = (smoothgrad(trained[0], images, labels, raw=True, average=average) for average in ("absolute", "signed"))
    assert (np.abs(signed) <= absolute + 1e-6).all() and signed.min() < 0 <= absolute.min() and absolute.mean() > 1.1 * np.abs(signed).mean()


@pytest.mark.parametrize("change, message", [
    (dict(samples=0), "samples=0"), (dict(noise=-0.1), "noise=-0.1"), (dict(noise="much"), "noise='much'"), (dict(noise=np.nan), "noise=nan"),
    (dict(average="mean"), "average='mean'.*'absolute' or 'signed'"), (dict(seed=-1), "seed=-1"), (dict(seed=None), "seed=None"),
])
def test_wrong_options_of_smoothgrad_are_told(trained, change, message):
    images, labels = pictures(2)
    with pytest.raises(ScorecamError, match=message):
        smoothgrad(trained[0], images, labels, **change)


@pytest.mark.parametrize("network, message", [
    ("a name", "str is no functional Keras model"),
    (keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)]), "expected .n, frequency, time, channels."),
    (keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Dense(2)]), "to one output .n, classes."),
    (keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "relu")]), "neither probabilities nor logits"),
])
def test_what_is_no_classifier_of_images_is_told(network, message):
    with pytest.raises(ScorecamError, match=message):
        saliency(network, np.zeros((1, 5, 5, 1)), 0)


@pytest.mark.parametrize("name", [*SLOPES, *LIBRARY])
def test_nan_never_gets_through(name):
    network = classifier()
    kernel, bias = network.get_layer("out").get_weights()
    network.get_layer("out").set_weights([kernel + np.nan, bias])
    with pytest.raises(ScorecamError, match="NaN or infinity"):
        ATTRIBUTIONS[name](network, pictures(2)[0], 0)


# tf-keras-vis


@pytest.fixture
def their_noise(monkeypatch):
    "Makes tf-keras-vis draw the noise that our SmoothGrad draws."
    monkeypatch.setattr(np.random, "normal", lambda mean, sigma, shape: sigma * np.random.default_rng(0).standard_normal((shape[0], *shape[2:]), "float32")[:, None])


@pytest.mark.parametrize("end", [None, "softmax", "sigmoid"])
def test_saliency_and_smoothgrad_are_those_of_tf_keras_vis(end):
    set_seed(0)
    network = classifier((24, 36, 2), end=end, units=1 if end == "sigmoid" else CLASSES)
    images, labels = pictures(4, channels=2, seed=1)
    labels = labels % 2
    for name in ("saliency", "smoothgrad"):
        ours, theirs = ATTRIBUTIONS[name](network, images, labels), LIBRARY[f"tf-keras-vis:{name}"](network, images, labels)
        low = ours.min((1, 2), keepdims=True)
        assert theirs.any() and np.abs((ours - low) / (1 - low) - theirs).max() < 1e-5
        raw = LIBRARY[f"tf-keras-vis:{name}"](network, images, labels, raw=True)
        assert np.allclose(raw, np.abs(ATTRIBUTIONS[name](network, images, labels, raw=True)), atol=1e-5)


def test_smoothgrad_is_the_library_with_noise_of_its_own(trained):
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    images, labels = pictures(2, seed=1)
    np.random.seed(0)
    theirs = [Saliency(trained[1])(CategoricalScore(labels.tolist()), images, smooth_samples=20, smooth_noise=0.2, normalize_map=False) for _ in range(8)]
    ours, another = (smoothgrad(trained[0], images, labels, samples=160, seed=seed, raw=True) for seed in (0, 1))
    alike = lambda one, other: np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert alike(ours, np.mean(theirs, axis=0)) > alike(ours, another) - 0.02 > 0.9
    assert not np.allclose(theirs[0], theirs[1], atol=0.01)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_adapters_give_what_the_library_gives(trained, their_noise, tool):
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    network, _ = trained
    images, labels = pictures(1, seed=5)
    kind = {"grad-cam++": GradcamPlusPlus, "faster-score-cam": Scorecam}.get(tool, Saliency)
    options = {"smoothgrad": dict(smooth_samples=20, smooth_noise=0.2), "faster-score-cam": dict(max_N=10)}.get(tool, {})
    explainer = kind(network) if tool == "faster-score-cam" else kind(network, model_modifier=ReplaceToLinear(), clone=True)
    theirs = explainer(CategoricalScore(labels.tolist()), images, **options)
    assert np.abs(tf_keras_vis(network, images, labels, tool=tool) - theirs).max() < 1e-5


@pytest.mark.parametrize("layer", ["conv_1", "conv_2", "relu_2", None])
def test_their_faster_score_cam_is_our_preset_of_it_image_by_image(trained, layer):
    images, labels = pictures(5, seed=1)
    theirs = tf_keras_vis(trained[0], images, labels, tool="faster-score-cam", layer=layer)
    ours = score_cam(trained[0], images, labels, layer=layer, preset="tf_keras_vis_softmax", channels="std")
    assert np.abs(ours - theirs).max() < 1e-5


def test_their_faster_score_cam_adds_constant_maps_where_too_few_vary():
    set_seed(0)
    network = classifier(dead=8)
    kernel, bias = network.get_layer("conv_2").get_weights()
    network.get_layer("conv_2").set_weights([kernel, np.where(bias < 0, 0.3, bias)])
    images, _ = pictures(3, seed=1)
    theirs = tf_keras_vis(network, images, 0, tool="faster-score-cam", layer="conv_2", raw=True)
    ours = score_cam(network, images, 0, layer="conv_2", preset="tf_keras_vis_softmax", channels="std", raw=True)
    every = score_cam(network, images, 0, layer="conv_2", preset="tf_keras_vis_softmax", raw=True)
    assert np.abs(theirs - every).max() < 1e-5 < 0.5 < np.abs(theirs - ours).max()


def test_their_saliency_goes_without_a_layer_and_their_cams_not_into_nested_networks(trained):
    images, labels = pictures(2)
    image = keras.Input((24, 36, 1))
    nested = keras.Model(image, trained[0](keras.layers.Rescaling(1.0)(image)))
    for tool in ("saliency", "smoothgrad"):
        with pytest.raises(ScorecamError, match=f"layer='conv_1': tf-keras-vis:{tool} explains the image itself: leave out layer"):
            tf_keras_vis(trained[0], images, labels, tool=tool, layer="conv_1")
        assert np.allclose(tf_keras_vis(nested, images, labels, tool=tool), tf_keras_vis(trained[0], images, labels, tool=tool), atol=1e-5)
    for tool in ("grad-cam++", "faster-score-cam"):
        with pytest.raises(ScorecamError, match=f"layer 'conv_1' is in a nested network.*take '{re.escape(tool)}'"):
            tf_keras_vis(nested, images, labels, tool=tool, layer="conv_1")


def test_their_softmax_of_one_unit_is_refused():
    images, _ = pictures(2)
    network = classifier(end="sigmoid", units=1)
    with pytest.raises(ScorecamError, match="one unit, which is always 1"):
        tf_keras_vis(network, images, 1, tool="faster-score-cam")
    assert tf_keras_vis(network, images, classes="all", tool="grad-cam++").any()


def test_their_grad_cam_plus_plus_never_gives_nan_and_says_when_it_is_faint(trained):
    images, labels = pictures(2)
    kernel, bias = trained[1].get_layer("out").get_weights()
    moved = keras.models.clone_model(trained[1])
    moved.set_weights([*trained[1].get_weights()[:-2], kernel, bias + 100])
    with pytest.raises(ScorecamError, match="gives NaN or infinity.*exp of the logit.*take 'grad-cam[+][+]'"):
        tf_keras_vis(moved, images, labels, tool="grad-cam++")
    moved.set_weights([*trained[1].get_weights()[:-2], kernel, bias - 30])
    with pytest.warns(UserWarning, match="2 of 2 maps are faint"):
        tf_keras_vis(moved, images, labels, tool="grad-cam++")
    for shift in (100, -30):
        moved.set_weights([*trained[1].get_weights()[:-2], kernel, bias + shift])
        assert np.allclose(grad_cam_plus_plus(moved, images, labels).max((1, 2)), 1)


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.filterwarnings("error")
def test_the_adapters_are_quiet_and_leave_everything_as_it_was(trained, name, capfd):
    network, _ = trained
    images, labels = pictures(3, seed=1)
    before, weights, state = network.predict(images), network.get_weights(), np.random.get_state()
    keras.config.enable_interactive_logging()
    for module in [module for module in sys.modules if module.partition(".")[0] == "tf_keras_vis"]:
        del sys.modules[module]  # its import warns as well
    try:
        LIBRARY[name](network, images, labels)
        assert keras.config.is_interactive_logging_enabled()
    finally:
        keras.config.disable_interactive_logging()
    assert capfd.readouterr() == ("", "")
    assert all(np.array_equal(one, other) for one, other in zip(state, np.random.get_state()))
    assert np.array_equal(before, network.predict(images)) and all(map(np.array_equal, weights, network.get_weights()))
    assert not [layer.name for layer in network.layers if "call" in vars(layer)]


@pytest.mark.parametrize("name", LIBRARY)
def test_without_the_package_one_is_told_how_to_get_it(trained, name, monkeypatch):
    for module in [module for module in sys.modules if module.partition(".")[0] == "tf_keras_vis"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "tf_keras_vis", None)
    images, labels = pictures(2)
    with pytest.raises(ScorecamError, match=re.escape("tf-keras-vis is not installed: pip install 'scorecam_denoise[explain]'")):
        LIBRARY[name](trained[0], images, labels)


def test_a_package_that_cannot_be_imported_is_no_missing_one(trained, monkeypatch):
    for module in [module for module in sys.modules if module.partition(".")[0] == "tf_keras_vis"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "deprecated", None)
    with pytest.raises(ScorecamError, match="tf-keras-vis cannot be imported .*deprecated"):
        tf_keras_vis(trained[0], *pictures(2), tool="saliency")


@pytest.mark.parametrize("name", [name for name in ATTRIBUTIONS if not name.startswith("tf-keras-vis")])
def test_weights_of_nan_are_told_and_not_passed_on(name):
    network = classifier()
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    images, labels = pictures(2)
    with pytest.raises(ScorecamError, match="the map of image 0 holds NaN or infinity"):
        ATTRIBUTIONS[name](network, images, labels)
