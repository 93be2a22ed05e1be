"Occlusion, LIME and SHAP: what they say of networks whose answer is known, and of wrong input; what they leave behind."
import re
import sys

import numpy as np
import pytest
import tensorflow as tf

from scorecam_denoise.attribution import kept_gradients, lime, occluders, occlusion, saliency, shap_values, sliding_windows
from scorecam_denoise.core import ScorecamError
import keras  # noqa: E402  (after the package has made it quiet)

pytestmark = pytest.mark.filterwarnings("ignore:.*maps are flat", "ignore:The structure of `inputs`")

SHAPE = (12, 16)
FOR, AGAINST, LATE = (slice(2, 4), slice(4, 8)), (slice(8, 10), slice(0, 4)), (slice(4, 6), slice(12, 16))  # weights 2, -2, 1
METHODS = {"occlusion": occlusion, "lime": lime, "shap": shap_values}
OPTIONS = {"occlusion": dict(size=(2, 4), step=(1, 2)), "lime": dict(grid=(6, 4), samples=300), "shap": dict(evaluations=600)}
DEEP = dict(explainer="deep")


def weights(channels: int = 1):
    "What each pixel weighs in the logit of class 1; those of class 2 are half of it, those of class 0 nothing."
    kernel = np.zeros((*SHAPE, channels, 3), "float32")
    for region, weight in ((FOR, 2), (AGAINST, -2), (LATE, 1)):
        kernel[region] = np.array([0, weight, weight / 2]) / (8 * channels)
    return kernel


def linear(end="softmax", channels: int = 1):
    "A network whose logits are a weighted sum of three regions."
    network = keras.Sequential([keras.Input((*SHAPE, channels)), keras.layers.Flatten(), keras.layers.Dense(3, activation=end)])
    network.set_weights([weights(channels).reshape(-1, 3), np.zeros(3, "float32")])
    return network


def convolutional(*layers, end="softmax", units: int = 3):
    "A small network with weights that repeat."
    keras.utils.set_random_seed(0)
    x = image = keras.Input((*SHAPE, 1))
    for layer in (keras.layers.Conv2D(4, 3), *layers, keras.layers.Flatten(), keras.layers.Dense(units, activation=end)):
        x = layer(x)
    return keras.Model(image, x)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0.5, 1, (4, *SHAPE, 1)).astype("float32")


def call(name, network, images, targets=1, **options):
    return METHODS[name](network, images, targets, **OPTIONS[name] | options)


# what they find


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("end", [None, "softmax"])
def test_the_regions_are_found_and_their_signs(images, name, end):
    options = dict(evaluations=1500) if name == "shap" else {}
    maps = call(name, linear(end), images, raw=True, baseline="zero", **options)
    size = np.abs(maps).max((1, 2))
    mean = lambda region: maps[:, region[0], region[1]].mean((1, 2)) / size
    nowhere = np.ones(SHAPE, bool)
    for region in (FOR, AGAINST, LATE):
        nowhere[region] = False
    assert (mean(FOR) > 0.5).all() and (mean(AGAINST) < -0.5).all() and (mean(LATE) > 0.2).all() and (mean(LATE) < mean(FOR)).all()
    assert np.abs(maps[:, nowhere]).mean() < 0.2 * size.mean()
    scaled = call(name, linear(end), images, baseline="zero", **options)
    assert scaled[:, AGAINST[0], AGAINST[1]].mean() < 0.05 and np.allclose(scaled.max((1, 2)), 1)


@pytest.mark.parametrize("name", METHODS)
def test_they_explain_what_the_baseline_hides(images, name):
    "Where the image is its baseline already nothing can be taken away."
    silence = images.copy()
    silence[:, 0:6] = 0
    maps = call(name, linear(None), images, raw=True, baseline=silence)
    assert np.abs(maps[:, 8:]).max() < 0.1 * np.abs(maps).max() and (maps[:, FOR[0], FOR[1]] > 0).all()
    assert np.abs(maps - call(name, linear(None), images, raw=True, baseline="zero")).max() > 0.1 * np.abs(maps).max()


@pytest.mark.parametrize("name", METHODS)
def test_channels_are_hidden_together(name):
    images = np.random.default_rng(1).uniform(0.5, 1, (2, *SHAPE, 3)).astype("float32")
    maps = call(name, linear(channels=3), images, raw=True, baseline="zero")
    assert maps.shape == (2, *SHAPE) and (maps[:, FOR[0], FOR[1]] > 0).all() and (maps[:, AGAINST[0], AGAINST[1]] < 0).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_single_sigmoid_is_two_classes(images, name):
    network = convolutional(end="sigmoid", units=1)
    every = call(name, network, images, None, classes="all")
    assert every.shape == (4, 2, *SHAPE) and every.any() and np.allclose(every[:, 0], -every[:, 1], atol=1e-5)


# occlusion


def test_occlusion_is_its_formula():
    rng = np.random.default_rng(2)
    network, images = convolutional(keras.layers.ReLU()), rng.random((2, *SHAPE, 1)).astype("float32")
    silence = rng.random((2, *SHAPE, 1)).astype("float32")
    with_logits = keras.Model(network.inputs, network.layers[-1].output)
    with_logits.layers[-1].activation = keras.activations.linear
    maps = occlusion(with_logits, images, [2, 0], size=(4, 5), step=(3, 2), baseline=silence, raw=True)
    whole = with_logits(images).numpy()
    for i, target in enumerate((2, 0)):
        total, count = np.zeros(SHAPE), np.zeros(SHAPE)
        for row in (0, 3, 6, 8):
            for column in (0, 2, 4, 6, 8, 10, 11):
                place = (slice(row, row + 4), slice(column, column + 5))
                without = images[i : i + 1].copy()
                without[(0, *place)] = silence[(i, *place)]
                total[place] += whole[i, target] - with_logits(without).numpy()[0, target]
                count[place] += 1
        assert np.allclose(maps[i], total / count, atol=1e-5)


@pytest.mark.parametrize("by, flat_axis", [("band", 2), ("frame", 1)])
def test_bands_are_hidden_over_all_time_and_frames_over_all_frequencies(images, by, flat_axis):
    maps = occlusion(linear(None), images, 1, by=by, size=1, baseline="zero", raw=True)
    assert np.abs(np.ptp(maps, axis=flat_axis)).max() == 0
    products = (images * weights()[..., 1])[..., 0].sum(flat_axis, keepdims=True)
    assert np.allclose(maps, np.broadcast_to(products, maps.shape), atol=1e-5)


@pytest.mark.parametrize("side, size, step", [(12, 1, 1), (12, 5, 5), (13, 4, 3), (7, 7, 2), (240, 24, 12), (5, 3, 1)])
def test_windows_cover_everything(side, size, step):
    found = sliding_windows(side, size, step)
    assert found.any(0).all() and (found.sum(1) == size).all() and found[0, 0] and found[-1, -1]


def test_a_window_is_a_tenth_of_a_side_and_half_of_it_a_step():
    rows, columns = occluders((120, 240), "patch", None, None)
    assert rows.sum(1).max() == 12 and columns.sum(1).max() == 24 and rows[1, 6] and not rows[1, 5] and columns[1, 12] and not columns[1, 11]


# SHAP


@pytest.mark.parametrize("options", [dict(evaluations=60), dict(evaluations=2000), DEEP], ids=["few", "many", "deep"])
def test_shap_values_add_up_to_what_the_image_has_over_its_baseline(images, options):
    network = convolutional(keras.layers.ReLU(), keras.layers.MaxPooling2D(2))
    silence = np.random.default_rng(3).random(images.shape).astype("float32")
    every = shap_values(network, images, classes="all", baseline=silence, **options)
    with_logits = keras.Model(network.inputs, network.layers[-1].output)
    with_logits.layers[-1].activation = keras.activations.linear
    over = with_logits.predict(images, verbose=0) - with_logits.predict(silence, verbose=0)
    assert np.allclose(every.sum((2, 3)), over, atol=1e-4)


@pytest.mark.parametrize("options", [dict(evaluations=20000), DEEP], ids=["partition", "deep"])
def test_shap_of_a_linear_network_is_weight_times_difference(images, options):
    images = images[:1]
    every = shap_values(linear(None), images, classes="all", baseline="level", **options)
    silence = np.median(images, axis=(1, 2, 3), keepdims=True)
    assert np.allclose(every, ((images - silence) * weights()[..., 0, :]).transpose(0, 3, 1, 2), atol=1e-5)


def test_more_evaluations_say_more(images):
    exact = (images * weights()[..., 1])[..., 0]
    off = [np.abs(shap_values(linear(None), images, 1, evaluations=n, baseline="zero", raw=True) - exact).mean() for n in (10, 100, 600)]
    assert off[0] > off[1] > off[2]


# DeepExplainer's guard


@pytest.mark.parametrize("layer, operation", [
    (lambda: keras.layers.LeakyReLU(), "LeakyRelu"), (lambda: keras.layers.Activation("gelu"), "Erf"), (lambda: keras.layers.DepthwiseConv2D(3), "DepthwiseConv2dNative"),
])
def test_a_network_that_deep_shap_cannot_handle_is_told_and_gradients_stay(images, layer, operation):
    network = convolutional(layer())
    before = saliency(network, images, 1, raw=True)
    with pytest.raises(ScorecamError, match=f"cannot handle the operation {operation}.*take 'deeplift', or explainer='partition'"):
        shap_values(network, images, 1, explainer="deep")
    fresh = convolutional(layer())  # the same weights, traced only now
    assert before.any() and np.array_equal(before, saliency(fresh, images, 1, raw=True))
    with tf.GradientTape() as tape:
        tape.watch(values := tf.constant([3.0]))
        out = tf.nn.leaky_relu(values**2)
    assert tape.gradient(out, values).numpy().tolist() == [6]
    fresh.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(fresh.fit(images, np.array([0, 1, 2, 0]), verbose=0).history["loss"]).all()


def test_deep_shap_leaves_the_registry_as_it_was(images):
    from tensorflow.python.eager import execute
    from tensorflow.python.framework import ops

    registry, record = ops._gradient_registry._registry, execute.record_gradient
    before = {name: dict(entry) for name, entry in registry.items()}
    shap_values(convolutional(keras.layers.ReLU()), images, 1, explainer="deep")
    assert {name: dict(entry) for name, entry in registry.items()} == before and execute.record_gradient is record
    with pytest.raises(RuntimeError), kept_gradients():
        registry.clear()
        execute.record_gradient = None
        raise RuntimeError
    assert {name: dict(entry) for name, entry in registry.items()} == before and execute.record_gradient is record


def test_values_that_do_not_add_up_are_no_answer(images, monkeypatch):
    import shap

    monkeypatch.setattr(shap.DeepExplainer, "shap_values", lambda self, inputs, **_: np.ones((1, *SHAPE, 1, 3)))
    with pytest.raises(ScorecamError, match="miss their sum by .*explainer='partition'"):
        shap_values(convolutional(), images, 1, explainer="deep")


# LIME


def test_lime_orders_the_places_of_a_linear_network_by_their_products():
    rng = np.random.default_rng(4)
    products = rng.permutation(np.linspace(-1, 1, 12)).reshape(3, 4)
    network = keras.Sequential([keras.Input((*SHAPE, 1)), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    kernel = np.zeros((*SHAPE, 2), "float32")
    kernel[..., 1] = np.kron(products, np.ones((4, 4))) / 16
    network.set_weights([kernel.reshape(-1, 2), np.zeros(2, "float32")])
    (found,) = lime(network, np.ones((1, *SHAPE, 1), "float32"), 1, grid=(3, 4), samples=800, baseline="zero", raw=True)
    assert np.array_equal(np.kron(found[::4, ::4], np.ones((4, 4))), found)
    assert np.array_equal(np.argsort(found[::4, ::4].ravel()), np.argsort(products.ravel()))


def test_lime_is_the_packages_own():
    from lime.lime_image import LimeImageExplainer

    network, images = convolutional(keras.layers.ReLU()), np.random.default_rng(5).random((1, *SHAPE, 1)).astype("float32")
    silence, places = 0.3, np.arange(6).repeat(2)[:, None] * 8 + np.arange(8).repeat(2)
    ask = lambda pictures: network.predict(pictures[..., :1], verbose=0)
    picture = np.repeat(images[0].astype(float), 3, -1)
    theirs = LimeImageExplainer(random_state=7).explain_instance(picture, ask, labels=[2], top_labels=None, hide_color=silence, num_samples=100, segmentation_fn=lambda _: places)
    expected = np.array([weight for _, weight in sorted(theirs.local_exp[2])])[places]
    ours = lime(network, images, 2, grid=(6, 8), samples=100, baseline=np.float32(silence), seed=7, raw=True)
    assert np.allclose(ours[0], expected, atol=1e-6)


def test_a_grid_need_not_divide_the_image(images):
    maps = lime(linear(), images, 1, grid=(5, 7), samples=50, raw=True)
    assert maps.shape == (4, *SHAPE) and len(np.unique(maps[0])) == 35


# one call shape


@pytest.mark.parametrize("name, options", [*((name, {}) for name in METHODS), ("occlusion", dict(by="band", size=3)), ("occlusion", dict(by="frame", size=3)), ("shap", DEEP)])
def test_all_classes_are_the_single_ones_and_images_do_not_depend_on_each_other(images, name, options):
    network = convolutional(keras.layers.ReLU())
    options = options if "by" not in options else options | dict(step=1)
    every = call(name, network, images, None, classes="all", **options)
    assert every.shape == (4, 3, *SHAPE) and every.dtype == np.float32
    for i, target in enumerate((0, 1, 2, 1)):
        alone = call(name, network, images[i : i + 1], target, raw=True, **options)[0]
        assert np.abs(every[i, target] - alone).max() < 1e-6 and alone.any()
    scaled = call(name, network, images, [0, 1, 2, 1], batch_size=3, **options)
    assert scaled.dtype == np.float32 and 0 <= scaled.min() and scaled.max() <= 1
    assert np.allclose(scaled[2], np.maximum(every[2, 2], 0) / every[2, 2].max(), atol=1e-4)


@pytest.mark.parametrize("name", ["lime", "shap"])
def test_maps_depend_on_their_seed_and_on_nothing_else(images, name):
    network, state = convolutional(keras.layers.ReLU()), np.random.get_state()[1].copy()
    maps = call(name, network, images, seed=3)
    assert np.array_equal(state, np.random.get_state()[1])
    np.random.seed(5)
    assert np.array_equal(maps, call(name, network, images, seed=3))
    if name == "lime":
        assert np.abs(maps - call(name, network, images, seed=4)).max() > 0.01


@pytest.mark.parametrize("name", METHODS)
def test_a_network_that_always_says_the_same_gives_flat_maps(images, name):
    network = linear()
    network.set_weights([0 * weights().reshape(-1, 3), np.array([0.3, 0.1, 0.7], "float32")])
    with pytest.warns(UserWarning, match="4 of 4 maps are flat"):
        assert not call(name, network, images).any()


@pytest.mark.parametrize("name, options", [*((name, {}) for name in METHODS), ("shap", DEEP)])
@pytest.mark.filterwarnings("error")
def test_they_are_quiet(images, name, options, capfd):
    call(name, convolutional(keras.layers.ReLU()), images[:2], **options)
    assert capfd.readouterr() == ("", "")


# wrong input


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("change, message", [
    (dict(layer="conv_1"), "layer='conv_1': {name} explains the image itself: leave out layer"),
    (dict(targets=3), "classes 0 to 2"),
    (dict(targets=None), "expected targets"),
    (dict(classes="some"), "classes='some'"),
    (dict(batch_size=0), "batch_size=0"),
    (dict(batch_size="all"), "batch_size='all'"),
    (dict(baseline="noise"), "baseline 'noise'"),
    (dict(baseline=np.zeros((3, 12, 16, 1))), "expected one that broadcasts"),
    (dict(images=np.full((2, 12, 16, 1), np.nan)), "image 0 holds NaN"),
    (dict(images=np.zeros((2, 12, 15, 1))), "takes .n, 12, 16, 1"),
    (dict(images=np.zeros((12, 16))), "takes .n, 12, 16, 1"),
    (dict(model="a name"), "str is no functional Keras model"),
])
def test_bad_input_is_told_by_all(images, name, change, message):
    given = dict(model=linear(), images=images, targets=1) | OPTIONS[name] | change
    with pytest.raises(ScorecamError, match=message.format(name=name)):
        METHODS[name](given.pop("model"), given.pop("images"), given.pop("targets"), **given)


@pytest.mark.parametrize("name, change, message", [
    ("occlusion", dict(by="pixel"), "by='pixel': expected 'band'.*'frame'.*'patch'"),
    ("occlusion", dict(by="band", size=13), "size=13 with by='band': expected a whole number from 1 to 12"),
    ("occlusion", dict(by="frame", size=0), "size=0 with by='frame': expected a whole number from 1 to 16"),
    ("occlusion", dict(by="band", size=(2, 2)), "with by='band': expected a whole number"),
    ("occlusion", dict(by="band", size=2.5), "size=2.5"),
    ("occlusion", dict(by="band", size=3, step=4), "step=4 with by='band': expected a whole number from 1 to 3"),
    ("occlusion", dict(size=(2, 17)), r"size=\(2, 17\) with by='patch': expected \(bands, frames\) from 1 to \(12, 16\)"),
    ("occlusion", dict(size=(2,)), r"size=\(2,\) with by='patch'"),
    ("occlusion", dict(size="small"), "size='small'|size=\\('small'"),
    ("occlusion", dict(size=(2, 2), step=(0, 1)), r"step=\(0, 1\) with by='patch': expected \(bands, frames\) from 1 to \(2, 2\)"),
    ("lime", dict(grid=(13, 4)), r"grid=\(13, 4\): expected .bands, stretches of frames., from 1 to \(12, 16\)"),
    ("lime", dict(grid=(0, 4)), r"grid=\(0, 4\)"), ("lime", dict(grid=5), "grid=5"), ("lime", dict(grid=(2, 3, 4)), "grid="),
    ("lime", dict(samples=1), "samples=1: expected a whole number of 2 or more"), ("lime", dict(samples=10.5), "samples=10.5"),
    ("lime", dict(seed=-1), "seed=-1"), ("lime", dict(seed=None), "seed=None"), ("lime", dict(seed=2**32), "seed=4294967296: expected less"),
    ("shap", dict(evaluations=3), "evaluations=3: expected a whole number of 4 or more"), ("shap", dict(evaluations="all"), "evaluations='all'"),
    ("shap", dict(seed=-1), "seed=-1"), ("shap", dict(explainer="kernel"), "explainer='kernel': expected 'partition' or 'deep'"),
])
def test_wrong_options_are_told(images, name, change, message):
    with pytest.raises(ScorecamError, match=message):
        METHODS[name](linear(), images, 1, **change)


@pytest.mark.parametrize("name, options", [*((name, {}) for name in METHODS), ("shap", DEEP)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_never_get_through(images, name, options, value):
    network = convolutional()
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel, bias + value])
    with pytest.raises(ScorecamError, match="the map of image 0 holds NaN or infinity"):
        call(name, network, images, **options)


@pytest.mark.parametrize("name, package, options", [("lime", "lime", {}), ("shap", "shap", {}), ("shap", "shap", DEEP)])
def test_without_the_package_one_is_told_how_to_get_it(images, name, package, options, monkeypatch):
    for module in [module for module in sys.modules if module.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ScorecamError, match=re.escape(f"{package} is not installed: pip install 'scorecam_denoise[explain]'")):
        call(name, linear(), images, **options)
    assert call("occlusion", linear(), images).any()


@pytest.mark.parametrize("name, package, needed", [("lime", "lime", "skimage.color"), ("shap", "shap", "slicer")])
def test_a_package_that_cannot_be_imported_is_no_missing_one(images, name, package, needed, monkeypatch):
    for module in [module for module in sys.modules if module.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, needed, None)
    with pytest.raises(ScorecamError, match=f"{package} cannot be imported .*{needed}"):
        call(name, linear(), images)
