"Spec-CNN: its shape, its names, its repeatability."

import numpy as np
import pytest

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.networks import Excess, Speeds, keras, song_cnn, spec_cnn, thesis_cnn

RNG = np.random.default_rng(0)


def test_frequency_is_never_pooled():
    model = spec_cnn((64, 32, 1), 3, levels=(), filters=(16, 32, 32), pool=(1, 2))
    for k, frames in ((1, 16), (2, 8), (3, 4)):
        assert model.get_layer(f"pool_{k}").output.shape[1:3] == (64, frames)


def test_layers_are_found_by_name():
    model = spec_cnn((64, 32, 1), 3, filters=(4, 8), embedding=16)
    assert model.get_layer("embedding").output.shape == (None, 16)
    assert model.get_layer("probability").output.shape == (None, 3)
    assert model.get_layer("norm_2").momentum == 0.9
    assert model.get_layer("relu_2").output.shape == (None, 64, 4, 8)
    assert model.get_layer("presence").output.shape == (None, 64, 4, 4)


def test_speed_hardly_matters_to_a_network_that_reads_at_every_speed():
    lines = np.zeros((3, 128, 16, 1), "float32")
    for image, stretch in zip(lines, (1.0, 1.04, 0.96)):
        image[[round(row * stretch) for row in (25, 50, 75, 100)]] = 0.4
    change = {}
    for speeds in (0.0, 0.05):
        value = keras.Model((model := spec_cnn((128, 16, 1), 3, smooth=8, speeds=speeds)).inputs[0], model.get_layer("best_speed").output)(lines)
        change[speeds] = np.abs(value[1:] - value[0]).mean() / np.abs(value[0]).mean()
    assert change[0.05] < 0.6 * change[0.0]


@pytest.mark.parametrize("layer, x", [(Excess(9, clip=0.1), RNG.random((2, 32, 8, 1))), (Speeds(0.03, first_row=4, step=0.01), RNG.random((2, 32, 3)))])
def test_own_layers_are_saved_with_their_settings(layer, x):
    again = type(layer).from_config(layer.get_config())
    assert np.array_equal(layer(x.astype("float32")), again(x.astype("float32")))


def test_weights_depend_on_the_seed_alone():
    first, same, other = (spec_cnn((32, 16, 1), 2, seed=seed).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, same))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other))


def test_probabilities_sum_to_one():
    images = np.random.default_rng(0).random((5, 32, 16, 1), dtype="float32")
    probability = spec_cnn((32, 16, 1), 4).predict(images)
    assert np.allclose(probability.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "shape, n_classes, words",
    [((64, 32), 2, "expected (frequency, time, 1)"), ((0, 32, 1), 2, "too small"), ((64, 32, 1), 1, "at least two")],
)
def test_what_cannot_be_built_says_why(shape, n_classes, words):
    with pytest.raises(ScorecamError, match=words.replace("(", r"\(").replace(")", r"\)")):
        spec_cnn(shape, n_classes)


def test_the_thesis_cnn_is_as_the_thesis_says():
    network = thesis_cnn(seed=3)
    kernels = [(layer.filters, layer.kernel_size) for layer in network.layers if layer.name.startswith("conv_")]
    assert kernels == [(16, (8, 4)), (32, (8, 4)), (64, (8, 4)), (128, (8, 4))]
    assert [type(layer).__name__ for layer in network.layers[1:5]] == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]
    assert network.get_layer("dense").units == 200 and network.get_layer("embedding").units == 100 and network.output_shape == (None, 2)
    assert network.count_params() == 468_678 and thesis_cnn((80, 144, 1)).count_params() == 1_518_278
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), thesis_cnn(seed=3).get_weights()))
    with pytest.raises(ScorecamError, match="too small for 4 blocks"):
        thesis_cnn((8, 32, 1))


def test_the_song_cnn_is_as_the_study_says():
    network = song_cnn(seed=3)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [16, 32, 64, 128, 256] and {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert [network.get_layer(f"pool_{k}").output.shape[1:3] for k in range(1, 6)] == [(60, 120), (30, 60), (15, 30), (7, 15), (3, 7)]
    assert [network.get_layer(name).units for name in ("dense", "embedding", "probability")] == [512, 1024, 2]
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), song_cnn(seed=3).get_weights()))


def test_the_song_cnn_sees_black_and_white_pixels_as_opposites():
    network = song_cnn((32, 32, 1), filters=(4,))
    centred = keras.Model(network.input, network.get_layer("centred").output)
    image = RNG.random((2, 32, 32, 1)).astype("float32")
    assert np.allclose(centred(image), -centred(1 - image), atol=1e-6)


@pytest.mark.parametrize("shape, classes, words", [((16, 240, 1), 2, "too small for 5 blocks"), ((120, 240), 2, "expected"), ((120, 240, 1), 1, "at least two")])
def test_a_song_cnn_that_cannot_be_built_says_why(shape, classes, words):
    with pytest.raises(ScorecamError, match=words):
        song_cnn(shape, classes)
