"Grad-CAM and its relatives: equal to tf-keras-vis and to their formulas, on logits, whatever the head; bad input is told."
import re
import sys
import warnings
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import ndtr
from test_scorecam import CLASSES, classifier, pictures, trained  # noqa: F401  (a fixture)

from scorecam_denoise.attribution import (
    AT_IMAGE, ATTRIBUTIONS, TOOLS, contributions_of, deeplift, ensemble, ensemble_of, grad_cam, grad_cam_plus_plus, hires_cam, kept_gradients,
    positive_slope, saliency, slope_of, smoothgrad, tf_keras_vis, unknown_layers, without_softmax,
)
from scorecam_denoise.core import ScorecamError, set_seed
from scorecam_denoise.networks import spec_cnn, thesis_cnn
from scorecam_denoise.scorecam import baseline_images, score_cam
import keras  # noqa: E402  (after the package has made it quiet)

pytestmark = pytest.mark.filterwarnings(
    "ignore:The structure of `inputs`", "ignore:Please import `zoom`", "ignore:.*maps are flat", "ignore:Do NOT specify"
)
SLOPES = {"grad-cam": grad_cam, "grad-cam++": grad_cam_plus_plus, "hires-cam": hires_cam, "saliency": saliency, "smoothgrad": smoothgrad}
LIBRARY = {name: method for name, method in ATTRIBUTIONS.items() if name.startswith("tf-keras-vis:")}
NO_LAYER = (*(name for name in LIBRARY if name in AT_IMAGE), "shap", "lime", "occlusion")
FEWER = {"lime": dict(samples=40, grid=(4, 6)), "shap": dict(evaluations=60)}  # to be fast


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
    method = partial(ATTRIBUTIONS[name], **FEWER.get(name, {}))
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
    if name in NO_LAYER and "layer" in change:
        message = "explains the image itself: leave out layer"
    with pytest.raises(ScorecamError, match=message):
        ATTRIBUTIONS[name](trained[0], **given)


@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_flat_maps_are_zeros_and_say_so(name):
    images, _ = pictures(3)
    with pytest.warns(UserWarning, match="3 of 3 maps are flat"):
        assert not ATTRIBUTIONS[name](classifier(dead=10), images, 0, **at(name, "relu_2"), **FEWER.get(name, {})).any()


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


# DeepLIFT


def stack(*layers, shape=(12, 16, 2), classes=3, seed=0):
    "A network with linear output: these layers, flattened, and a dense one."
    set_seed(seed)
    x = image = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    x = keras.layers.Flatten()(x) if len(x.shape) > 2 else x
    network = keras.Model(image, keras.layers.Dense(classes)(x))
    for weight in network.weights:  # no bias stays 0, no normalisation does nothing
        if weight.path.split("/")[-1] in ("bias", "beta", "moving_mean"):
            weight.assign(0.1 * np.random.default_rng(1).standard_normal(weight.shape))
        elif weight.path.split("/")[-1] in ("gamma", "moving_variance"):
            weight.assign(np.random.default_rng(2).uniform(0.5, 2, weight.shape))
    return network


def noise(*shape, seed=0):
    "Images in [0, 1]."
    return np.random.default_rng(seed).random(shape).astype("float32")


def gap(network, images, silence, maps):
    "How far contributions (n, classes, ...) are from adding up, relative to max(1, |difference of the outputs|)."
    difference = network(images).numpy().astype(float) - network(np.broadcast_to(silence, images.shape)).numpy()
    return (np.abs(maps.sum((-2, -1), dtype=float) - difference) / np.maximum(1, np.abs(difference))).max()


L = keras.layers
SUPPORTED = {  # by shap.DeepExplainer
    "relu, max": lambda: [L.Conv2D(4, 3, activation="relu"), L.MaxPooling2D(2), L.Conv2D(5, 3, padding="same"), L.ReLU(), L.Flatten(), L.Dense(7, "relu")],
    "average": lambda: [L.Conv2D(4, 3, activation="relu"), L.AveragePooling2D(2), L.Conv2D(5, 3, activation="tanh")],
    "sigmoid": lambda: [L.Conv2D(4, 3, activation="sigmoid"), L.MaxPooling2D((1, 2)), L.Flatten(), L.Dense(6, "tanh"), L.Dense(5, "softplus")],
    "norm": lambda: [L.Conv2D(4, 3), L.BatchNormalization(), L.Activation("elu"), L.MaxPooling2D(3, strides=2, padding="same"), L.Dropout(0.5)],
}


@pytest.fixture
def policy(request):
    "A number format for new layers."
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("kind, policy", [("relu, max", "float32"), ("average", "float32"), ("norm", "float32"), *((kind, "float64") for kind in SUPPORTED)], indirect=["policy"])
@pytest.mark.filterwarnings("ignore:Your TensorFlow version", "ignore:The set_.* function will be deprecated")
def test_deeplift_is_that_of_shap(kind, policy):
    "In float64 as well: the rise of a bent function over a small step has few digits in float32, theirs as well as ours."
    import shap

    network, images, silence = stack(*SUPPORTED[kind]()), noise(3, 12, 16, 2), noise(1, 12, 16, 2, seed=1)
    with kept_gradients():
        theirs = shap.DeepExplainer(network, silence).shap_values(images).sum(3).transpose(0, 3, 1, 2)
    ours = deeplift(network, images, classes="all", baseline=silence)
    assert np.abs(ours - theirs).max() < 1e-6 * np.abs(theirs).max()
    assert gap(network, images, silence, ours) < 1e-5


SINGLE = {  # a function, and the layers that make it
    "leaky": (lambda x: np.where(x > 0, x, 0.3 * x), lambda: L.LeakyReLU(0.3)),
    "leaky, by name": (lambda x: np.where(x > 0, x, 0.2 * x), lambda: L.Activation("leaky_relu")),
    "gelu": (lambda x: x * ndtr(x), lambda: L.Activation("gelu")),
    "silu": (lambda x: x / (1 + np.exp(-x)), lambda: L.Activation("silu")),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda: L.ELU()),
    "prelu": (lambda x: np.where(x > 0, x, 0.25 * x), lambda: L.PReLU(keras.initializers.Constant(0.25))),
    "a function of one's own": (lambda x: x**3, lambda: L.Activation(lambda x: x**3)),
    "a layer as activation": (lambda x: np.where(x > 0, x, 0.1 * x), lambda: L.Activation(L.LeakyReLU(0.1))),
}


@pytest.mark.parametrize("kind", SINGLE)
def test_the_multiplier_of_an_activation_is_its_rise_over_its_step(kind):
    function, make = SINGLE[kind]
    network = stack(L.Flatten(), L.Dense(5), make())
    images, silence = noise(3, 12, 16, 2), noise(1, 12, 16, 2, seed=1)
    first, last = [layer.get_weights() for layer in network.layers if layer.get_weights() and isinstance(layer, L.Dense)]
    before, quiet = (each.reshape(len(each), -1).astype(float) @ first[0] + first[1] for each in (images, silence))
    multiplier = ((function(before) - function(quiet)) / (before - quiet))[:, None] * last[0].T  # (n, classes, units)
    expected = (multiplier @ first[0].T).reshape(3, 3, *images.shape[1:]) * (images - silence)[:, None]
    ours = deeplift(network, images, classes="all", baseline=silence)
    assert np.abs(ours - expected.sum(-1)).max() < 1e-5 * np.abs(expected.sum(-1)).max()
    assert gap(network, images, silence, ours) < 1e-5


def test_the_multiplier_of_a_global_maximum_shares_out_its_rise():
    network = stack(L.GlobalMaxPooling2D(), shape=(4, 5, 2))
    kernel = network.layers[-1].kernel.numpy()
    images, silence = noise(4, 4, 5, 2), noise(1, 4, 5, 2, seed=1)
    expected = np.zeros((4, 3, 4, 5))
    for i, image in enumerate(images):
        for k in range(2):
            x, r = image[..., k], silence[0, ..., k]
            place = np.unravel_index((x if x.max() > r.max() else r).argmax(), x.shape)
            expected[i][(slice(None), *place)] += kernel[k] * (x.max() - r.max())
    assert np.allclose(deeplift(network, images, classes="all", baseline=silence), expected, atol=1e-6)


def test_the_multiplier_of_a_global_mean_is_its_slope():
    network = stack(L.GlobalAveragePooling2D())
    images, silence = noise(3, 12, 16, 2), np.float32(0.4)
    expected = np.einsum("nftk,kc->ncft", images - silence, network.layers[-1].kernel.numpy()) / (12 * 16)
    assert np.allclose(deeplift(network, images, classes="all", baseline=silence), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["larger", "smaller"])
def test_of_two_inputs_the_difference_gets_the_multiplier(kind):
    set_seed(0)
    image = keras.Input((4, 5, 1))
    one, other = L.Conv2D(3, 1)(image), L.Conv2D(3, 1)(image)
    x = (L.Maximum if kind == "larger" else L.Minimum)()([one, other])
    network = keras.Model(image, L.Dense(2)(L.Flatten()(x)))
    images, silence = noise(3, 4, 5, 1), np.full((3, 4, 5, 1), 0.5, "float32")
    a, b, r, s = (keras.Model(image, part)(given).numpy() for given in (images, silence) for part in (one, other))
    sign = 1 if kind == "larger" else -1
    share = (np.maximum(sign * (a - b), 0) - np.maximum(sign * (r - s), 0)) / (sign * ((a - b) - (r - s)))
    rise = share * (a - r) + (1 - share) * (b - s)
    expected = np.einsum("nftk,ftkc->ncft", rise, network.layers[-1].kernel.numpy().reshape(4, 5, 3, 2))
    assert np.allclose(deeplift(network, images, classes="all", baseline=silence), expected, atol=1e-5)


OTHERS = {
    "depthwise": lambda: [L.DepthwiseConv2D(3, depth_multiplier=2, activation="gelu"), L.GlobalMaxPooling2D()],
    "separable": lambda: [L.SeparableConv2D(5, 3, activation="leaky_relu"), L.SeparableConv2D(5, 3, activation="silu")],
    "transposed": lambda: [L.Conv2DTranspose(4, 3, strides=2, activation="relu"), L.Cropping2D(2), L.UpSampling2D(2, interpolation="bilinear")],
    "norm": lambda: [L.Rescaling(2.0, -1.0), L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(6.0), L.GlobalAveragePooling2D(), L.Dense(8, "selu")],
    "along time": lambda: [L.Permute((2, 1, 3)), L.Reshape((16, 24)), L.Conv1D(6, 3, activation="mish"), L.MaxPooling1D(2), L.GlobalMaxPooling1D()],
    "shared": lambda: [layer := L.Conv2D(2, 3, padding="same", activation="gelu"), L.MaxPooling2D(1), layer],
    "nested": lambda: [stack(L.Conv2D(4, 3, activation="relu"), L.MaxPooling2D(2), classes=40), L.Activation("gelu"), L.Reshape((5, 8, 1)), L.Conv2D(3, 3), L.PReLU()],
    "sequential": lambda: [keras.Sequential([L.Conv2D(4, 3, activation="relu"), L.GlobalMaxPooling2D()]), L.Dense(9, "tanh")],
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("baseline", ["white", "black", "level"])
def test_contributions_add_up_whatever_the_layers(kind, baseline):
    network, images = stack(*OTHERS[kind]()), noise(5, 12, 16, 2)
    ours = deeplift(network, images, classes="all", baseline=baseline)
    assert ours.any() and gap(network, images, baseline_images(images, baseline), ours) < 1e-5


def test_contributions_add_up_past_a_shortcut():
    set_seed(0)
    image = keras.Input((12, 16, 1))
    x = L.Conv2D(4, 3, padding="same", activation="relu")(image)
    y = L.Concatenate()([x, L.Average()([L.Add()([x, L.Conv2D(4, 3, padding="same", activation="gelu")(x)]), x])])
    network = keras.Model(image, L.Dense(2)(L.GlobalMaxPooling2D()(y)))
    images = noise(3, 12, 16, 1)
    assert gap(network, images, np.zeros(1, "float32"), deeplift(network, images, classes="all", baseline="black")) < 1e-5


@pytest.mark.parametrize("network", [
    pytest.param(lambda: spec_cnn((40, 64, 1), 3, background=9, speeds=0.01, dense=8, embedding=6), id="spec_cnn"),
    pytest.param(lambda: spec_cnn((40, 64, 1), 3, levels=(), filters=(4, 6), pool=(1, 2)), id="spec_cnn of convolutions"),
    pytest.param(lambda: thesis_cnn((32, 32, 1), 3, filters=(4, 8), dense=10, embedding=6), id="thesis_cnn"),
])
def test_contributions_add_up_in_our_networks(network):
    set_seed(0)
    network = network()
    assert not unknown_layers(network)
    images = noise(4, *network.input_shape[1:])
    images[:, 10] += 0.5
    with without_softmax(network):
        x, r = network(images).numpy().astype(float), network(np.broadcast_to(baseline_images(images), images.shape)).numpy()
    ours = deeplift(network, images, classes="all")
    assert ours.any() and (np.abs(ours.sum((2, 3), dtype=float) - (x - r)) < 1e-5 * np.maximum(1, np.abs(x - r))).all()


def test_where_nothing_differs_the_slope_decides():
    network = stack(L.Conv2D(4, 3, activation="relu"), L.MaxPooling2D(2))
    images = noise(2, 12, 16, 2)
    with pytest.warns(UserWarning, match="2 of 2 maps are flat"):
        assert not deeplift(network, images, 0, baseline=images).any()
    barely = deeplift(stack(L.Conv2D(4, 3, activation="gelu")), images, 0, baseline=images - np.float32(5e-7), raw=True)
    assert np.isfinite(barely).all() and np.abs(barely).max() < 1e-5


@pytest.mark.parametrize("end, units", [("softmax", 3), ("sigmoid", 3), ("sigmoid", 1)])
def test_contributions_are_those_of_the_logits(end, units):
    set_seed(0)
    images, silence = pictures(4)[0], np.float32(0.4)
    plain = classifier(end=None, units=max(2, units))
    network = classifier(end=end, units=units)
    weights = plain.get_weights()
    network.set_weights([*weights[:-2], weights[-2][:, -units:], weights[-1][-units:]])
    ours, theirs = (deeplift(each, images, classes="all", baseline=silence) for each in (network, plain))
    assert np.allclose(ours[:, -1], theirs[:, -1], atol=1e-6) and (units > 1 or np.allclose(ours[:, 0], -ours[:, 1]))
    assert network.predict(images).max() <= 1


def test_each_image_has_the_baseline_that_was_given_for_it(trained):
    images, labels = pictures(5, seed=2)
    own = noise(5, 24, 36, 1)
    together = deeplift(trained[0], images, labels, baseline=own, raw=True, batch_size=2)
    assert np.allclose(deeplift(trained[0], images, classes="all", baseline=own)[np.arange(5), labels], together, atol=1e-6)
    for i in range(5):
        assert np.abs(deeplift(trained[0], images[i : i + 1], labels[i], baseline=own[i], raw=True)[0] - together[i]).max() < 1e-5
    mean = deeplift(trained[0], images, labels, baseline=images.mean(0))
    assert np.allclose(mean, deeplift(trained[0], images, labels, baseline=np.broadcast_to(images.mean(0), images.shape)), atol=1e-6)


@pytest.mark.parametrize("layer", ["conv_1", "conv_2", "relu_2"])
def test_contributions_of_a_layer_add_up_as_well(trained, layer):
    _, logits = trained
    images, labels = pictures(4, seed=1)
    parts, at_image, difference = contributions_of(logits, layer).of(images, np.full_like(images, 0.4), labels.astype("int32"))
    assert np.allclose(parts.numpy().sum((1, 2)), difference, atol=1e-5) and np.allclose(at_image, difference, atol=1e-5)
    large = tf.image.resize(parts[..., None], (24, 36)).numpy()[..., 0]
    assert np.allclose(deeplift(logits, images, labels, layer=layer, baseline=np.float32(0.4), raw=True), large, atol=1e-5)


def attended(kind):
    "A network with a layer that is not linear and has no rule."
    set_seed(0)
    x = image = keras.Input((12, 16, 2))
    x = L.Conv2D(4, 3, activation="relu")(x)
    if kind == "LayerNormalization":
        x = L.LayerNormalization(name="odd")(x)
    elif kind == "Multiply":
        x = L.Multiply(name="odd")([x, L.Conv2D(4, 1, activation="sigmoid")(x)])
    elif kind == "Activation":
        x = L.Activation("softmax", name="odd")(x)
    elif kind == "Relu":
        x = keras.ops.relu(L.Conv2D(4, 3, name="odd")(x))
    else:
        x = L.MultiHeadAttention(2, 4, name="odd")(L.Reshape((140, 4))(x), L.Reshape((140, 4))(x))
    return keras.Model(image, L.Dense(3, kernel_initializer=keras.initializers.RandomNormal(0, 1))(L.Flatten()(x)))


@pytest.mark.parametrize("kind", ["LayerNormalization", "Multiply", "Activation", "Relu", "MultiHeadAttention"])
@pytest.mark.parametrize("nested", [False, True])
def test_layers_without_a_rule_are_named(kind, nested):
    network = attended(kind)
    if nested:
        image = keras.Input((12, 16, 2))
        network = keras.Model(image, network(L.Rescaling(1.0)(image)))
    with pytest.raises(ScorecamError, match=rf"add up to .* it has no rule for [\w]+ [(]{kind}[)]: take 'score-cam', 'occlusion'"):
        deeplift(network, 3 * noise(2, 12, 16, 2), 0)
    assert len(unknown_layers(network)) == 1


@pytest.mark.parametrize("depth", [1, 2])
def test_the_last_layer_of_a_network_inside_another_is_named_too(depth):
    inner = keras.Sequential([keras.Input((12, 16, 2)), L.Conv2D(4, 3, activation="relu"), L.LayerNormalization(name="odd")])
    for _ in range(depth):
        image = keras.Input((12, 16, 2))
        inner = keras.Model(image, inner(image))
    network = keras.Sequential([inner, L.Flatten(), L.Dense(3, "softmax", kernel_initializer=keras.initializers.RandomNormal(0, 1))])
    assert unknown_layers(network) == ["odd (LayerNormalization)"]
    with pytest.raises(ScorecamError, match="it has no rule for odd .LayerNormalization.: take"):
        deeplift(network, 3 * noise(2, 12, 16, 2), 0)


def test_the_output_of_a_nested_network_is_the_output_and_needs_no_rule():
    image = keras.Input((12, 16, 2))
    network = keras.Model(image, keras.Sequential([L.Flatten(), L.Dense(3), L.Softmax()])(L.Conv2D(4, 3, activation="relu")(image)))
    assert not unknown_layers(network)


def test_a_layer_without_a_rule_that_does_no_harm_is_no_error():
    network = stack(L.RandomFlip(name="odd"), L.Conv2D(4, 3, activation="relu"))
    assert unknown_layers(network) == ["odd (RandomFlip)"] and deeplift(network, noise(2, 12, 16, 2), 0).any()


@pytest.mark.parametrize("change, message", [
    (dict(baseline="grey"), "baseline 'grey': expected 'zero', 'black', 'white'"),
    (dict(baseline=np.ones((7, 1, 1))), "baseline of shape .7, 1, 1.: expected one that broadcasts to .2, 24, 36, 1."),
    (dict(baseline=np.nan), "the baseline holds NaN"),
    (dict(targets=[0, 1, 2]), "expected one class index or 2"),
    (dict(targets=0.5), "expected one class index"),
])
def test_wrong_options_of_deeplift_are_told(trained, change, message):
    images, labels = pictures(2)
    with pytest.raises(ScorecamError, match=message):
        deeplift(trained[0], **dict(images=images, targets=labels) | change)


def test_deeplift_leaves_the_network_as_it_was_and_sees_new_weights(trained):
    network = keras.models.clone_model(trained[0])
    network.set_weights(trained[0].get_weights())
    images, labels = pictures(3, seed=1)
    before, held = network.predict(images), [dict(vars(layer)).keys() for layer in network.layers]
    first = deeplift(network, images, labels, raw=True)
    assert [dict(vars(layer)).keys() for layer in network.layers] == held and np.array_equal(before, network.predict(images))
    assert network.get_layer("conv_1").activation is keras.activations.relu
    kernel, bias = network.get_layer("out").get_weights()
    network.get_layer("out").set_weights([2 * kernel, bias])
    assert np.allclose(deeplift(network, images, labels, raw=True), 2 * first, atol=1e-5)


# ensembles


def test_the_ensemble_is_the_mean_or_the_maximum_of_its_members():
    rng = np.random.default_rng(0)
    a, b, c = (rng.random((4, 6, 8)).astype("float32") for _ in range(3))
    assert np.allclose(ensemble([a, b, c]), (a + b + c) / 3, atol=1e-6)
    assert np.array_equal(ensemble([a, b, c], "max"), np.maximum(np.maximum(a, b), c))
    assert np.allclose(ensemble(dict(a=a, b=b, c=c), weights=dict(c=1, a=3, b=0)), (3 * a + c) / 4, atol=1e-6)
    assert np.allclose(ensemble((a, b), "max", weights=(1, 4)), np.maximum(a / 4, b), atol=1e-6)
    assert np.array_equal(ensemble([a]), a) and ensemble(np.stack([a, b])).dtype == np.float32
    assert ensemble([np.ones((2, 3, 4, 5))] * 3, weights=[0.1, 0.2, 0.3]).max() <= 1


@pytest.mark.parametrize("change, message", [
    (dict(maps=[]), "no maps: give at least one"),
    (dict(how="median"), "how='median': expected 'mean' or 'max'"),
    (dict(maps={"a": np.zeros((2, 3, 4)), "b": np.zeros((2, 3, 5))}), r"shapes {'a': \(2, 3, 4\), 'b': \(2, 3, 5\)}: expected the same"),
    (dict(maps={"a": np.zeros((2, 3, 4)), "b": np.full((2, 3, 4), 1.5)}), r"maps of 'b' from 1.5 to 1.5: expected \[0, 1\].*without raw=True"),
    (dict(maps=[np.full((2, 3, 4), np.nan)] * 2), r"maps of 0 from nan to nan: expected \[0, 1\]"),
    (dict(weights=[1]), r"weights=\[1\]: expected 2 numbers, 0 or more"),
    (dict(weights=[1, -1]), "0 or more and not all 0, for a, b"),
    (dict(weights=[0, 0]), "not all 0"),
    (dict(weights=[1, np.inf]), "expected 2 numbers"),
    (dict(weights="ab"), "weights='ab': expected 2 numbers, for a, b"),
    (dict(weights={"a": 1}), "weights for a: expected one for each of a, b"),
    (dict(weights={"a": 1, "c": 1}), "weights for a, c: expected one for each of a, b"),
])
def test_wrong_ensembles_are_told(change, message):
    with pytest.raises(ScorecamError, match=message):
        ensemble(**dict(maps={"a": np.zeros((2, 3, 4)), "b": np.ones((2, 3, 4))}) | change)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_the_studys_ensemble_is_grad_cam_of_the_last_convolution_and_deeplift_against_white(trained, how):
    images, labels = pictures(4, seed=1)
    members = [grad_cam(trained[0], images, labels), deeplift(trained[0], images, labels, baseline="white")]
    expected = (members[0] + members[1]) / 2 if how == "mean" else np.maximum(*members)
    assert np.abs(ATTRIBUTIONS[f"ensemble-{how}"](trained[0], images, labels) - expected).max() < 1e-5
    members[0] = grad_cam(trained[0], images, labels, layer="conv_1")
    expected = (members[0] + members[1]) / 2 if how == "mean" else np.maximum(*members)
    assert np.abs(ensemble_of(trained[0], images, labels, how=how, layer="conv_1") - expected).max() < 1e-5


def test_an_ensemble_takes_other_members_and_weights(trained):
    images, labels = pictures(4, seed=1)
    members = {name: ATTRIBUTIONS[name] for name in ("saliency", "score-cam")}
    weighed = ensemble_of(trained[0], images, labels, members=members, weights={"score-cam": 3, "saliency": 1}, layer="conv_2")
    expected = (saliency(trained[0], images, labels) + 3 * score_cam(trained[0], images, labels, layer="conv_2")) / 4
    assert np.abs(weighed - expected).max() < 1e-5
    every = ensemble_of(trained[0], images, classes="all", members=members)
    assert every.shape == (4, CLASSES, 24, 36)
    assert np.abs(every[:, 1] - ensemble_of(trained[0], images, 1, members=members)).max() < 1e-5


@pytest.mark.parametrize("change, message", [
    (dict(how="sum"), "how='sum'"), (dict(members=["grad-cam"]), "expected a dictionary name → explainer"), (dict(members={"a": None}), "name → explainer"),
    (dict(members={}), "no maps"), (dict(weights={"grad-cam": 1}), "expected one for each of grad-cam, deeplift"), (dict(model="a name"), "no functional Keras model"),
])
def test_wrong_members_are_told_before_anything_is_computed(trained, change, message, monkeypatch):
    monkeypatch.setattr("scorecam_denoise.attribution.maps_by_pairs", None)
    images, labels = pictures(2)
    with pytest.raises(ScorecamError, match=message):
        ensemble_of(**dict(model=trained[0], images=images, targets=labels) | change)


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
