"The faithfulness bench finds the right answer where it is known, equals one question at a time, and tells bad input."
import numpy as np
import pytest

from scorecam_denoise.attribution import ensemble
from scorecam_denoise.core import ScorecamError, set_seed
from scorecam_denoise.faithfulness import (
    FORMS, areas, ask_images, bench, check_maps, class_curves, curves, density, discriminativity, drop_figures, ensemble_weights, insertion_areas,
    map_correlation, mean_top_weight, noisy_images, pixel_ranks, pointing, share_table, stability,
)  # fmt: skip
from scorecam_denoise.networks import thesis_cnn
import keras  # noqa: E402  (after the package has made it quiet)

SHAPE, PIXEL = (8, 8), (2, 5)


def dense(weights, bias=(0.0, 0.0), activation="softmax"):
    "A classifier of 8 × 8 images that is linear up to its last activation; weights (64, classes)."
    image = keras.Input((*SHAPE, 1))
    network = keras.Model(image, keras.layers.Dense(np.shape(weights)[1], activation=activation)(keras.layers.Flatten()(image)))
    network.set_weights([np.float32(weights), np.float32(bias)])
    return network


def one_pixel():
    "It looks at PIXEL alone: bright is class 1."
    weights = np.zeros((*SHAPE, 2))
    weights[PIXEL] = -6, 6
    return dense(weights.reshape(64, 2), (3, -3))


def marking(*pixels, n=5):
    "Maps that mark some pixels."
    maps = np.zeros((n, *SHAPE), "float32")
    for pixel in pixels:
        maps[(slice(None), *pixel)] = 1
    return maps


@pytest.fixture(scope="module")
def pictures():
    images = np.random.default_rng(0).uniform(0, 0.4, (5, *SHAPE, 1)).astype("float32")
    images[(slice(None), *PIXEL)] = 0.9
    return images


def one_by_one(model, images, maps, targets, labels, silence, steps, seed):
    "Curves as anybody would draw them first: one question for each step and image."
    n, pixels = len(images), maps[0].size
    found = np.zeros((2, 2, n, steps + 1))
    for i in range(n):
        ranked = sorted(np.random.default_rng([seed, i]).permutation(pixels), key=lambda place: -maps[i].ravel()[place])
        for k in range(steps + 1):
            chosen = np.array(ranked[: int(np.round(k * pixels / steps))], int)
            for curve in (0, 1):
                kept = np.full(pixels, bool(curve))
                kept[chosen] = not curve
                image = np.where(kept.reshape(images.shape[1:]), images[i], silence[i])
                said = model.predict(image[None], verbose=0)[0]
                found[:, curve, i, k] = said[targets[i]], said.argmax() == labels[i]
    return found


def test_the_bench_equals_one_question_at_a_time():
    set_seed(0)
    model = thesis_cnn(seed=1)
    rng = np.random.default_rng(1)
    images = rng.random((2, 32, 32, 1)).astype("float32")
    maps = np.round(rng.random((2, 32, 32)), 1).astype("float32")  # with plateaus
    silence = np.broadcast_to(np.percentile(images, 5, axis=(1, 2), keepdims=True), images.shape)
    ours = curves(model, images, maps, [0, 1], labels=[1, 1], baseline="floor", steps=10, seed=3)
    probability, accuracy = one_by_one(model, images, maps, [0, 1], [1, 1], silence, 10, 3)
    assert np.abs(ours["probability"].values - probability).max() < 1e-5
    assert np.array_equal(ours["accuracy"].values, accuracy)
    before = model.predict(images, verbose=0)[[0, 1], [0, 1]]
    after = model.predict(silence + (images - silence) * maps[..., None], verbose=0)[[0, 1], [0, 1]]
    drops = drop_figures(model, images, maps, [0, 1], baseline="floor")["drop"]
    assert np.allclose(drops, 100 * np.maximum(0, before - after) / before, atol=1e-3)
    half = drop_figures(model, images, maps, [0, 1], baseline="floor", form="top50", seed=3)["after"]
    middle = curves(model, images, maps, [0, 1], baseline="floor", steps=2, seed=3)["probability"].sel(curve="insertion")[:, 1]
    assert np.allclose(half, middle, atol=1e-6)


def test_a_network_that_looks_at_one_pixel(pictures):
    model, right, wrong = one_pixel(), marking(PIXEL), marking((6, 1))
    for form in FORMS:
        assert drop_figures(model, pictures, right, 1, form=form)["drop"].max() < 1
        assert drop_figures(model, pictures, right, 1, form=form)["changed"].max() == 0
    lost = drop_figures(model, pictures, wrong, 1)
    assert lost["drop"].min() > 90 and lost["changed"].min() == 100 and lost["increase"].max() == 0
    found = areas(curves(model, pictures, right, 1, steps=64))
    assert (found["insertion_accuracy"] > 0.98).all() and (found["deletion_accuracy"] < 0.02).all()
    last = areas(curves(model, pictures, 1 - right, 1, steps=64))
    assert (last["insertion_accuracy"] < 0.02).all() and (last["deletion_accuracy"] > 0.98).all()


def test_a_linear_network_is_taken_apart_best_in_the_order_of_its_products(pictures):
    rng = np.random.default_rng(2)
    weights = rng.normal(0, 1, 64)
    model = dense(np.stack([0 * weights, weights], 1), (0.0, -float(weights @ pictures[0].ravel()) / 2))
    products = weights * pictures[..., 0].reshape(5, -1)
    scaled = (products - products.min(1, keepdims=True)) / np.ptp(products, axis=1)[:, None]
    orders = {"products": scaled.reshape(5, *SHAPE), "reversed": 1 - scaled.reshape(5, *SHAPE), "chance": rng.random((5, *SHAPE)).astype("float32")}
    table, _ = bench(model, pictures, orders, 1, baseline="zero", steps=64, show_progress=False)
    best = {name: table[table.explainer == name].reset_index() for name in orders}
    assert (best["products"].insertion_probability > best["chance"].insertion_probability).all()
    assert (best["products"].deletion_probability < best["chance"].deletion_probability).all()
    assert (best["reversed"].insertion_probability < best["chance"].insertion_probability).all()
    logits = lambda p: np.log(p / (1 - p))
    drawn = curves(model, pictures, orders["products"], 1, baseline="zero", steps=64)["probability"].sel(curve="insertion").values.astype(float)
    expected = np.concatenate([np.zeros((5, 1)), np.cumsum(-np.sort(-products, axis=1), axis=1)], 1)
    assert np.allclose(logits(drawn), expected - weights @ pictures[0].ravel() / 2, atol=1e-3)


def test_a_constant_network_has_nothing_to_lose(pictures):
    model = dense(np.zeros((64, 2)), (0.0, 1.0))
    maps = np.random.default_rng(3).random((5, *SHAPE))
    for form in FORMS:
        drops = drop_figures(model, pictures, maps, 1, form=form)
        assert not drops[["drop", "increase", "changed"]].any(axis=None)
    found = areas(curves(model, pictures, maps, 1, labels=[0, 1, 1, 0, 1]))
    assert np.allclose(found[["insertion_probability", "deletion_probability"]], 1 / (1 + np.exp(-1)), atol=1e-5)
    assert found["insertion_accuracy"].tolist() == [0, 1, 1, 0, 1]


def test_emptied_into_one_baseline_one_class_is_right_and_the_other_is_not(pictures):
    "The reason why per-class accuracies cannot both end at one half."
    drawn = curves(one_pixel(), pictures, marking(PIXEL), 1, labels=[0, 0, 1, 1, 1], steps=4, baseline="zero")
    ends = class_curves(drawn, [0, 1])["accuracy"].sel(curve="deletion", share=1).values
    assert sorted(ends) == [0, 1]


@pytest.mark.parametrize("activation, classes", [("sigmoid", 1), (None, 2), ("softmax", 2)])
def test_every_head_is_read_as_probabilities(pictures, activation, classes):
    weights = np.zeros((64, classes))
    weights[21, -1] = 12
    said = ask_images(dense(weights, [0.0] * (classes - 1) + [-6.0], activation), pictures)
    assert said.shape == (5, 2) and np.allclose(said.sum(1), 1, atol=1e-6) and (said[:, 1] > 0.9).all()


def test_equal_pixels_are_drawn_by_chance_for_each_image_and_alike_for_all_methods():
    flat = np.zeros((2, 32, 32))
    ranks = pixel_ranks(flat, seed=4)
    assert np.array_equal(ranks, pixel_ranks(flat + 0.5, seed=4)) and not np.array_equal(ranks, pixel_ranks(flat, seed=5))
    assert abs(np.corrcoef(ranks[0].ravel(), ranks[1].ravel())[0, 1]) < 0.1
    assert abs(ranks[:, :16].mean() / ranks[:, 16:].mean() - 1) < 0.1  # low rows are no better off
    maps = np.random.default_rng(0).random((3, 32, 32))
    assert np.array_equal(np.sort(-maps.reshape(3, -1)), np.take_along_axis(-maps.reshape(3, -1), np.argsort(pixel_ranks(maps).reshape(3, -1), axis=1), axis=1))


def test_a_map_of_ones_changes_nothing_not_even_by_rounding():
    images = np.random.default_rng(1).random((40, 32, 32, 1)).astype("float32")
    left = drop_figures(thesis_cnn(seed=1), images, np.ones((40, 32, 32)), 0, flat="chance")
    assert not left[["drop", "increase", "changed"]].any(axis=None)


def test_more_steps_than_pixels_are_as_many_as_there_are_pixels(pictures):
    drawn = curves(one_pixel(), pictures, marking(PIXEL), 1, steps=100)
    assert drawn.sizes["share"] == 65 and drawn.indexes["share"].is_unique


def test_marking_more_drops_less_so_the_mean_weight_stands_beside(pictures):
    everything, sharp = np.ones((5, *SHAPE), "float32"), marking((0, 0))
    assert drop_figures(one_pixel(), pictures, everything, 1, flat="chance")["drop"].max() == 0
    assert mean_top_weight(everything).min() == 1 and mean_top_weight(sharp).max() < 0.04
    assert density(everything)[0.9].min() == 100 and density(sharp)[0.4].max() < 2


def test_whatever_does_not_depend_on_the_class_discriminates_by_chance():
    rng = np.random.default_rng(5)
    events = rng.choice([0, 0, 0, 1, 1, 1, 2], (40, 16, 16))  # of unequal size
    for maps in (rng.random((40, 16, 16)), np.ones((40, 16, 16))):
        assert np.allclose(discriminativity(maps, maps, events, flat="chance")["own"].mean(), 0.5, atol=0.01)
    own = discriminativity((events == 1) * 1.0, (events == 2) * 1.0, events)
    assert (own["own"] == 1).all() and (own["correlation"] < 0).all()
    assert np.allclose(discriminativity(0 * events, 0 * events, events, flat="chance"), [[0.5, 1]])


def test_correlations_of_constant_maps_have_a_value():
    a, flat = np.random.default_rng(6).random((2, 4, 4)), np.full((2, 4, 4), 0.3)
    assert np.allclose(map_correlation(a, a), 1) and np.allclose(map_correlation(a, -a), -1)
    assert map_correlation(flat, flat).tolist() == [1, 1] and map_correlation(a, flat).tolist() == [0, 0]
    for first, second, shape in ((0.1, 0.3, (24, 36)), (0.1, 0.7, (32, 32)), (0.0, 1.0, (7, 5))):
        assert map_correlation(np.full((1, *shape), first), np.full((1, *shape), second)).tolist() == [1]


def test_stability_compares_runs_and_noisy_inputs(pictures):
    drawn = lambda images, seed: np.random.default_rng(seed).random(images.shape[:3])
    steady = lambda images, seed: np.clip(images[..., 0], 0, 1)
    assert abs(stability(drawn, pictures)["runs"]).max() < 0.5 and np.allclose(stability(steady, pictures, repeats=3)["runs"], 1)
    table = stability(steady, pictures, snr_db=(30, 0))
    nothing = lambda images, seed: np.zeros(images.shape[:3])
    assert not stability(nothing, pictures, flat="chance").any(axis=None)
    for bad, message in ((nothing, "constant maps"), (lambda images, seed: images, "expected .5, 8, 8."), (lambda images, seed: images[..., 0] + np.nan, "NaN")):
        with pytest.raises(ScorecamError, match=message):
            stability(bad, pictures)
    assert list(table) == ["runs", "30 dB", "0 dB"] and (table["30 dB"] > 0.9).all() and (table["0 dB"] < table["30 dB"]).all()
    noise = noisy_images(np.random.default_rng(0).random((1, 64, 64, 1)), 6, seed=1) - np.random.default_rng(0).random((1, 64, 64, 1))
    assert abs(10 * np.log10(1 / 12 / noise.var()) - 6) < 0.3


def test_pointing_stands_beside_the_area(pictures):
    event = np.zeros((5, *SHAPE), bool)
    event[:, :2] = True
    assert np.allclose(pointing(np.ones((5, *SHAPE)), event, flat="chance"), 0.25)
    assert (pointing(marking((1, 1)), event)["inside"] == 1).all() and (pointing(marking((5, 1)), event)["inside"] == 0).all()


def test_a_table_holds_every_figure_of_every_method_and_image(pictures):
    event = marking(PIXEL) > 0
    maps = {"right": marking(PIXEL), "flat": np.zeros((5, *SHAPE))}
    table, drawn = bench(one_pixel(), pictures, maps, 1, labels=[1, 1, 0, 1, 1], events=event, flat="chance", steps=10, show_progress=False)
    assert len(table) == 10 and not table.isna().any(axis=None) and drawn["probability"].shape == (2, 2, 5, 11)
    assert np.allclose(areas(drawn)["insertion_probability"], table["insertion_probability"]) and areas(drawn).index.names == ["explainer", "sample"]
    figures = {f"{name}_{form}" for form in FORMS for name in ("drop", "increase", "changed")} | {"density_0.4", "density_0.9", "mean_top50", "inside", "area"}
    assert figures | {f"{curve}_{by}" for curve in ("insertion", "deletion") for by in ("probability", "accuracy")} <= set(table)

def test_insertion_alone_is_insertion_of_both_curves():
    rng = np.random.default_rng(7)
    images, maps = rng.random((3, 32, 32, 1)).astype("float32"), np.round(rng.random((3, 32, 32)), 1).astype("float32")
    for options in (dict(steps=10), dict(steps=7, baseline="floor", seed=3)):
        found = insertion_areas(thesis_cnn(seed=1), images, maps, [0, 1, 1], **options)
        assert np.allclose(found, areas(curves(thesis_cnn(seed=1), images, maps, [0, 1, 1], **options))["insertion_probability"], atol=1e-6)


@pytest.mark.parametrize("members, parts", [(1, 10), (2, 10), (3, 10), (4, 10), (3, 1), (5, 4)])
def test_every_way_to_share_is_there_once(members, parts):
    rows = share_table(members, parts)
    every = [row for row in np.ndindex(*(parts + 1,) * members) if sum(row) == parts]
    assert sorted(map(tuple, rows.tolist())) == every


@pytest.mark.parametrize("how", ["mean", "max"])
def test_the_weight_goes_to_the_good_map(pictures, how):
    rng = np.random.default_rng(8)
    good = np.maximum(marking(PIXEL), 0.3 * rng.random((5, *SHAPE))).astype("float32")
    members = {"chance": rng.random((5, *SHAPE)), "good": good, "wrong": 1 - good}
    weights, tried = ensemble_weights(one_pixel(), pictures, members, 1, steps=64, how=how, show_progress=False)
    assert list(weights) == list(members) and abs(sum(weights.values()) - 1) < 1e-9 and weights["good"] >= (0.6 if how == "mean" else 0.4)
    assert weights["good"] == max(weights.values())
    assert list(tried) == [*members, "insertion"] and len(tried) == 66 and np.allclose(tried[list(members)].sum(axis=1), 1)
    best = insertion_areas(one_pixel(), pictures, ensemble(members, how=how, weights=weights), 1, steps=64)
    assert np.isclose(best.mean(), tried["insertion"].max(), atol=1e-6)
    alone = {name: tried.loc[tried[name] == 1, "insertion"].item() for name in members}
    assert alone["good"] > alone["chance"] > alone["wrong"]
    assert np.isclose(alone["chance"], insertion_areas(one_pixel(), pictures, members["chance"], 1, steps=64).mean(), atol=1e-6)


def test_each_half_of_the_truth_is_weighed():
    "A network that needs two pixels, two members that know one each, and one that knows the wrong ones best."
    kernel = np.zeros((*SHAPE, 2))
    kernel[PIXEL] = kernel[6, 1] = -6, 6
    images = np.full((4, *SHAPE, 1), 0.1, "float32")
    images[:, 2, 5] = images[:, 6, 1] = 0.9
    rng = np.random.default_rng(9)
    members = {"first": np.maximum(marking(PIXEL, n=4), 0.4 * rng.random((4, *SHAPE))), "second": np.maximum(marking((6, 1), n=4), 0.4 * rng.random((4, *SHAPE)))}
    weights, tried = ensemble_weights(dense(kernel.reshape(64, 2), (6, -6)), images, members, 1, steps=64, show_progress=False)
    assert 0.3 <= weights["first"] <= 0.7 and tried["insertion"].max() > 0.02 + tried["insertion"].iloc[[0, -1]].max()


def test_equally_good_members_share_alike(pictures):
    weights, tried = ensemble_weights(one_pixel(), pictures, {"one": marking(PIXEL), "other": marking(PIXEL)}, 1, steps=8, show_progress=False)
    assert weights == {"one": 0.5, "other": 0.5} and np.ptp(tried["insertion"]) < 1e-6
    assert ensemble_weights(one_pixel(), pictures, {"only": marking(PIXEL)}, 1, steps=8, show_progress=False)[0] == {"only": 1}
    flat = {"one": 0 * marking(PIXEL), "other": marking(PIXEL)}
    assert ensemble_weights(one_pixel(), pictures, flat, 1, steps=64, flat="chance", show_progress=False)[0]["other"] >= 0.5


def test_members_that_cancel_each_other_count_as_chance(pictures):
    members = {"one": marking(PIXEL), "against": 1 - marking(PIXEL)}
    weights, tried = ensemble_weights(one_pixel(), pictures, members, 1, steps=64, show_progress=False)
    assert weights["one"] > 0.5 and tried.loc[tried["one"] == 0.5, "insertion"].item() < tried["insertion"].max() - 0.1


@pytest.mark.parametrize("change, message", [
    (dict(maps={}), "maps dict: expected the maps of at least one explainer"),
    (dict(maps=marking(PIXEL)), "maps ndarray: expected the maps"),
    (dict(maps={"good": marking(PIXEL), "bad": 0 * marking(PIXEL)}), "bad: constant maps"),
    (dict(maps={"good": marking(PIXEL), "small": np.zeros((5, 4, 4))}), r"small: maps of shape \(5, 4, 4\): expected \(5, 8, 8\)"),
    (dict(maps={name: marking(PIXEL) for name in "abcde"}), "5 members in shares of 1/10: 1001 combinations, expected at most 400: give fewer members or fewer parts"),
    (dict(parts=0), "parts=0"), (dict(parts=2.5), "parts=2.5"), (dict(parts=500), "501 combinations"),
    (dict(how="product"), "how='product'"), (dict(steps=0), "steps=0"), (dict(baseline="noise"), "baseline 'noise'"), (dict(seed=-1), "seed=-1"),
    (dict(targets=2), "classes 0 to 1"), (dict(flat="ignore"), "flat='ignore'"),
    (dict(images=np.zeros((5, 8, 9, 1))), "takes .n, 8, 8, 1"), (dict(images=np.zeros((0, 8, 8, 1)), maps={"none": np.zeros((0, 8, 8))}), "no images"),
])
def test_bad_input_of_the_weights_is_told(pictures, change, message):
    given = dict(images=pictures, maps={"right": marking(PIXEL), "wrong": marking((6, 1))}, targets=1) | change
    with pytest.raises(ScorecamError, match=message):
        ensemble_weights(one_pixel(), given.pop("images"), given.pop("maps"), given.pop("targets"), show_progress=False, **given)


@pytest.mark.parametrize("call", [lambda m, x, maps, t, **o: drop_figures(m, x, maps, t, **o), lambda m, x, maps, t, **o: curves(m, x, maps, t, steps=2, **o), lambda m, x, maps, t, **o: bench(m, x, {"a": maps}, t, show_progress=False, **o), lambda m, x, maps, t, **o: insertion_areas(m, x, maps, t, steps=2, **o)], ids=["drop", "curves", "bench", "insertion"])
@pytest.mark.parametrize("change, message", [
    (dict(maps=np.full((5, *SHAPE), np.nan)), "maps with NaN or infinity: 0, 1, 2, 3, 4"),
    (dict(maps=np.full((5, *SHAPE), 0.5)), "constant maps, which mark nothing: 0, 1"),
    (dict(maps=5 * marking(PIXEL)), "outside .0, 1.: 0, 1.*raw=False"),
    (dict(maps=marking(PIXEL, n=4)), r"maps of shape \(4, 8, 8\): expected \(5, 8, 8\)"),
    (dict(maps=np.zeros((5, 4, 4))), r"maps of shape \(5, 4, 4\): expected \(5, 8, 8\)"),
    (dict(targets=2), "classes 0 to 1"),
    (dict(targets=[0, 1]), "expected one class index or 5"),
    (dict(images=np.zeros((5, 8, 9, 1))), "takes .n, 8, 8, 1"),
    (dict(images=np.full((5, 8, 8, 1), np.inf)), "image 0 holds NaN"),
    (dict(images=np.zeros((0, 8, 8, 1)), maps=np.zeros((0, 8, 8))), "no images"),
    (dict(flat="ignore"), "flat='ignore'"),
    (dict(baseline="noise"), "baseline 'noise'"),
])
def test_bad_input_is_told_by_every_test(pictures, call, change, message):
    given = dict(images=pictures, maps=marking(PIXEL), targets=1) | change
    model, options = one_pixel(), {name: given[name] for name in ("flat", "baseline") if name in given}
    with pytest.raises(ScorecamError, match=message):
        call(model, given["images"], given["maps"], given["targets"], **options)


def test_nan_of_a_baseline_or_a_network_is_told(pictures):
    with pytest.raises(ScorecamError, match="the baseline holds NaN"):
        drop_figures(one_pixel(), pictures, marking(PIXEL), 1, baseline=np.nan)
    for call in (drop_figures, curves):
        with pytest.raises(ScorecamError, match="the network.s answer .* 0 holds NaN or infinity: see whether the network's weights"):
            call(dense(np.full((64, 2), np.nan)), pictures, marking(PIXEL), 1)


def test_a_probability_of_zero_is_told(pictures):
    weights = np.zeros((64, 2))
    weights[21] = 500, -500
    with pytest.raises(ScorecamError, match="image 0 has probability 0 of its target class"):
        drop_figures(dense(weights), pictures, marking(PIXEL), 1)


@pytest.mark.parametrize("call, message", [
    (lambda x: drop_figures(one_pixel(), x, marking(PIXEL), 1, form="top60"), "form 'top60': expected one of weighted, top50, top25"),
    (lambda x: class_curves(curves(one_pixel(), x, marking(PIXEL), 1, steps=2), [0, 1]), "class 0 has no image in the sample .classes there: 1"),
    (lambda x: curves(one_pixel(), x, marking(PIXEL), 1, steps=0), "steps=0"),
    (lambda x: bench(one_pixel(), x, {}, 1), "maps dict: expected the maps of at least one explainer"),
    (lambda x: bench(one_pixel(), x, marking(PIXEL), 1), "maps ndarray: expected the maps"),
    (lambda x: bench(one_pixel(), x, {"good": marking(PIXEL), "bad": 0 * marking(PIXEL)}, 1), "bad: constant maps"),
    (lambda x: bench(one_pixel(), x, {"good": marking(PIXEL)}, 1, labels=["a"] * 5), "labels <U1 of shape"),
    (lambda x: curves(one_pixel(), x, marking(PIXEL), 1, labels=2), "label 2: this network has classes 0 to 1"),
    (lambda x: discriminativity(marking(PIXEL), marking(PIXEL), np.ones((5, *SHAPE), bool)), "events bool .* expected int"),
    (lambda x: pointing(marking(PIXEL), np.zeros((5, *SHAPE), bool)), "image 0 has no event"),
    (lambda x: pointing(marking(PIXEL), np.zeros((5, *SHAPE))), "no booleans"),
    (lambda x: discriminativity(marking(PIXEL), marking(PIXEL), np.ones((5, *SHAPE), int)), "without one of its events"),
    (lambda x: map_correlation(marking(PIXEL), marking(PIXEL, n=4)), "expected the same shape"),
    (lambda x: stability(lambda images, seed: images[..., 0], x, repeats=1), "repeats=1"),
    (lambda x: drop_figures("model", x, marking(PIXEL), 1), "str is no functional Keras model"),
    (lambda x: ask_images([1], x), "list is no functional Keras model"),
    (lambda x: ask_images(one_pixel(), x, batch_size=0), "batch_size=0"),
    (lambda x: drop_figures(one_pixel(), x, marking(PIXEL), 1, form="top50", seed=-1), "seed=-1"),
    (lambda x: density(np.zeros((8, 8))), "expected .n, frequency, time."),
    (lambda x: mean_top_weight(marking(PIXEL), share=2), "share=2"),
    (lambda x: ask_images(keras.Sequential(), x), "is no functional Keras model"),
    (lambda x: check_maps(np.full((7, 4, 4), np.nan), (7, 4, 4)), "0, 1, 2, 3, 4 and 2 more"),
])
def test_what_cannot_be_computed_is_told(pictures, call, message):
    with pytest.raises(ScorecamError, match=message):
        call(pictures)
