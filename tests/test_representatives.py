"Representatives: real images, one for each cluster, the same every time."
import matplotlib
import numpy as np
import pytest

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.networks import spec_cnn
from scorecam_denoise.representatives import elbow, embeddings, representatives


def clusters(counts=(30, 30, 20, 20), spread=0.05, seed=0):
    "Unit vectors around len(counts) directions, and which."
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(len(counts)), counts)
    points = rng.standard_normal((len(counts), 8))[kinds] + spread * rng.standard_normal((len(kinds), 8))
    return points / np.linalg.norm(points, axis=1, keepdims=True), kinds


def test_embeddings_have_unit_length_and_keep_the_direction():
    network = spec_cnn((32, 16, 1), 3)
    images = np.random.default_rng(0).random((7, 32, 16, 1), dtype="float32")
    points = embeddings(network, images, batch_size=3)
    assert points.shape == (7, 32) and np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    assert embeddings(network, images, layer="best_speed").shape == (7, 64)


def test_a_silent_layer_gives_zeros_not_nan():
    network = spec_cnn((32, 16, 1), 3)
    network.get_layer("embedding").set_weights([0 * w for w in network.get_layer("embedding").get_weights()])
    assert not embeddings(network, np.ones((2, 32, 16, 1), "float32")).any()


def test_a_wrong_layer_lists_the_right_ones():
    for layer in ("second", "conv_1"):
        with pytest.raises(ScorecamError, match="best_speed, .*embedding"):
            embeddings(spec_cnn((32, 16, 1), 3), np.ones((2, 32, 16, 1), "float32"), layer=layer)


def test_the_elbow_is_the_number_of_clusters():
    points, _ = clusters()
    k, tried, distortion = elbow(points)
    assert k == 4
    assert tried.tolist() == list(range(2, 34)) and len(distortion) == len(tried)
    assert (np.diff(distortion[:3]) < 0).all()
    assert elbow(points, k_max=8)[1].tolist() == list(range(2, 9))


def test_the_elbow_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    elbow(clusters()[0], k_max=6)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("points", [clusters((2, 3))[0], np.tile([[1.0, 0.0]], (50, 1))], ids=["few", "identical"])
def test_no_elbow_is_said(points):
    with pytest.warns(UserWarning, match="no elbow"):
        k, tried, distortion = elbow(points)
    assert k == 1 and len(tried) == len(distortion) == 0


def test_each_cluster_sends_its_image_nearest_to_the_centre():
    points, kinds = clusters()
    chosen = representatives(points, n=4)
    assert sorted(kinds[chosen]) == [0, 1, 2, 3]
    for i in chosen:
        own = points[kinds == kinds[i]]
        distance = np.linalg.norm(own - own.mean(0), axis=1)
        assert np.isclose(np.linalg.norm(points[i] - own.mean(0)), distance.min())
    assert np.array_equal(chosen, representatives(points))


def test_representatives_are_distinct_and_repeat():
    points = np.random.default_rng(0).standard_normal((60, 5))
    chosen = representatives(points, n=25)
    assert len(set(chosen)) == 25 and np.array_equal(chosen, representatives(points, n=25))


def test_a_small_class_sends_everyone_once():
    points = np.repeat(np.eye(3), 4, axis=0)
    assert len(representatives(points, n=10)) == 3
    assert representatives(np.eye(3)[:1], n=1).tolist() == [0]


@pytest.mark.parametrize("points, n, message", [
    (np.eye(3), 0, "at least 1"), (np.eye(3), "knee", "'elbow'"), (np.eye(3), 2.5, "2.5"),
    (np.ones(3), 1, "expected finite"), (np.full((3, 2), np.nan), 1, "expected finite"), (np.ones((0, 2)), 1, "at least one image"),
])
def test_wrong_input_is_told(points, n, message):
    with pytest.raises(ScorecamError, match=message):
        representatives(points, n=n)
