"Grad-CAM and its relatives: equal to tf-keras-vis and to their formulas, on logits, whatever the head; bad input is told."
import numpy as np
import pytest
import tensorflow as tf
from test_scorecam import CLASSES, classifier, pictures, trained  # noqa: F401  (a fixture)

from scorecam_denoise.attribution import ATTRIBUTIONS, grad_cam, grad_cam_plus_plus, hires_cam, positive_slope, slope_of
from scorecam_denoise.core import ScorecamError, set_seed
import keras  # noqa: E402  (after the package has made it quiet)

pytestmark = pytest.mark.filterwarnings(
    "ignore:The structure of `inputs`", "ignore:Please import `zoom`", "ignore:.*maps are flat", "ignore:Do NOT specify"
)
SLOPES = {"grad-cam": grad_cam, "grad-cam++": grad_cam_plus_plus, "hires-cam": hires_cam}


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
    maps = method(network, images, labels, layer="relu_2")
    assert maps.shape == (5, 24, 36) and maps.dtype == np.float32 and 0 <= maps.min() and maps.max() <= 1
    raw = method(network, images, labels, layer="relu_2", raw=True)
    assert raw.shape == (5, 24, 36) and np.isfinite(raw).all()
    for i in range(5):
        assert np.abs(raw[i] - method(network, images[i : i + 1], labels[i], layer="relu_2", raw=True)[0]).max() < 1e-5
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
    with pytest.raises(ScorecamError, match=message):
        ATTRIBUTIONS[name](trained[0], **given)


@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_flat_maps_are_zeros_and_say_so(name):
    images, _ = pictures(3)
    with pytest.warns(UserWarning, match="3 of 3 maps are flat"):
        assert not ATTRIBUTIONS[name](classifier(dead=10), images, 0, layer="relu_2").any()
