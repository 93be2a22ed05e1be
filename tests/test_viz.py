"Pictures: small, the same each time, with their axes in units, and no trace in pyplot."
from io import BytesIO

import numpy
import pytest
import xarray
from PIL import Image

from scorecam_denoise.viz import (
    COLORS, edges, embedded, label_lowest, new_figure, new_grid, octave_ticks, plot_class_masks, plot_curves, plot_intervals, plot_mask,
    plot_outline, plot_result, plot_signature, plot_spectrogram, plot_truth, styles, to_png, uneven,
)

FREQUENCY, TIME = numpy.linspace(10, 1000, 64), numpy.linspace(0, 16, 32)


@pytest.fixture
def result():
    "A result of noise with one line."
    levels = 10 * numpy.log10(numpy.random.default_rng(0).exponential(size=(64, 32)))
    mask = numpy.zeros((64, 32))
    mask[20] = 0.9
    dims = ("frequency", "time")
    return xarray.Dataset(
        {"spectrogram": (dims, levels), "mask": (dims, mask), "signature": (dims, numpy.where(mask > 0.5, levels, numpy.nan))},
        coords={"frequency": FREQUENCY, "time": TIME},
        attrs={"label": "tug", "probability": 0.9, "threshold": 0.5},
    )


def test_axes_carry_coordinates_and_units(result):
    ax = plot_spectrogram(result.spectrogram, frequency=FREQUENCY, time=TIME, title="one")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("time (s)", "frequency (Hz)", "one")
    half = (FREQUENCY[1] - FREQUENCY[0]) / 2
    assert ax.get_ylim() == pytest.approx((10 - half, 1000 + half))


def test_row_0_is_at_the_bottom(result):
    assert plot_spectrogram(result.spectrogram.values).images[0].origin == "lower"


def test_a_threshold_leaves_kept_pixels_only(result):
    drawn = plot_mask(result.spectrogram, result.mask, threshold=0.5).images[1].get_array()
    assert numpy.array_equal(drawn, result.mask.values >= 0.5)


def test_removed_pixels_are_white(result):
    ax = plot_signature(numpy.full((64, 32), numpy.nan), label="", limits=(0, 1))
    pixels = numpy.asarray(Image.open(BytesIO(to_png(ax.figure))).convert("RGB"))
    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
    assert tuple(middle) == (255, 255, 255) and "0.0% of pixels left" in ax.get_title()


def test_a_result_is_three_panels_that_say_what_was_found(result):
    figure = plot_result(result)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["recording", "mask", "signature: 1.6% of pixels left"]
    assert figure.get_suptitle() == "tug, probability 0.90, threshold 0.50"
    assert len(to_png(figure)) < 60 * 1024


def test_the_same_picture_has_the_same_bytes(result):
    assert to_png(plot_result(result)) == to_png(plot_result(result))


MEL = numpy.array([140, 230, 320, 410, 500, 590, 680, 770, 860, 950, 1040, 1140, 1250, 1370, 1510, 1660, 1830, 2040, 2300, 2600])


@pytest.mark.parametrize("draw", [plot_spectrogram, plot_signature, lambda values, **where: plot_mask(values, values > 0, **where)])
def test_bands_that_are_not_evenly_spaced_are_drawn_evenly_and_named_in_hz(draw):
    ax = draw(numpy.random.default_rng(0).normal(size=(20, 32)), frequency=MEL, time=TIME)
    assert ax.get_ylim() == (-0.5, 19.5) and ax.get_ylabel() == "frequency (Hz)"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["125", "250", "500", "1000", "2000"]
    assert numpy.allclose(ax.get_yticks(), [-1 / 6, 1 + 2 / 9, 4, 9 + 5 / 9, 16 + 17 / 21])


def test_a_result_with_mel_bands_is_drawn():
    dims, levels = ("frequency", "time"), numpy.random.default_rng(0).normal(size=(20, 32))
    parts = {"spectrogram": (dims, levels), "mask": (dims, numpy.clip(levels, 0, 1)), "signature": (dims, levels)}
    figure = plot_result(xarray.Dataset(parts, coords={"frequency": MEL, "time": TIME}))
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["125", "250", "500", "1000", "2000"]


@pytest.mark.parametrize("frequency", [FREQUENCY, FREQUENCY.round(1), FREQUENCY.astype("float32"), [10, 1000], None])
def test_evenly_spaced_rows_are_drawn_as_they_are(frequency):
    values = numpy.eye(64 if frequency is None else len(frequency), 32)
    assert not uneven(frequency)
    ax = plot_spectrogram(values, frequency=frequency, time=TIME)
    plain = new_figure()[1][0]
    extent = (*edges(TIME, 32), *edges(frequency, len(values)))
    image = plain.imshow(values, origin="lower", aspect="auto", extent=extent, cmap="magma")
    plain.figure.colorbar(image, ax=plain, label="dB")
    plain.set(xlabel="time (s)", ylabel="frequency bin" if frequency is None else "frequency (Hz)")
    assert to_png(ax.figure) == to_png(plain.figure)


def test_ticks_stay_inside_the_picture():
    rows, labels = octave_ticks([300, 400, 900])
    assert labels == ["250", "500", "1000"] and numpy.allclose(rows, [-0.5, 1.2, 2.2])


@pytest.mark.parametrize("frequency", [MEL, numpy.linspace(10, 1000, 20)])
def test_an_outline_follows_the_edges_of_its_pixels(frequency):
    mask = numpy.zeros((20, 32), bool)
    mask[3:5, 10:20] = True
    ax = plot_spectrogram(mask, frequency=frequency, time=numpy.arange(32), label="")
    before = ax.get_xlim(), ax.get_ylim()
    plot_outline(mask, ax=ax, frequency=frequency, time=numpy.arange(32))
    assert (ax.get_xlim(), ax.get_ylim()) == before
    line = numpy.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    rows = numpy.interp([2.5, 4.5], [-0.5, 19.5], before[1])
    assert line.min(axis=0) == pytest.approx([9.5, rows[0]], abs=0.1 * (rows[1] - rows[0]))
    assert line.max(axis=0) == pytest.approx([19.5, rows[1]], abs=0.1 * (rows[1] - rows[0]))
    nothing = plot_spectrogram(mask, label="")
    assert not plot_outline(mask & False, ax=nothing).collections


def test_curves_have_names_and_bands():
    x = numpy.arange(3)
    ax = plot_curves({"ours": (x, x, x - 1, x + 1), "theirs": (x, -x)}, x="threshold", y="pixels (%)")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours", "theirs"]
    assert len(ax.collections) == 1 and ax.get_xlabel() == "threshold"


@pytest.mark.parametrize("name, key", [
    ("ours", "ours"), ("ours, class told", "class told"), ("the paper's settings", "paper"), ("Faster Score-CAM", "faster score-cam"),
    ("Score-CAM (ours)", "score-cam"), ("Grad-CAM++", "grad-cam++"), ("split window 25/31", "split window"), ("random order", "random"),
])
def test_a_method_has_the_same_colour_whatever_stands_beside_it(name, key):
    for others in ([], ["shape", "course"], ["raw energy", "a stranger"]):
        assert styles([*others, name])[name]["color"] == COLORS[key]


def test_what_one_figure_tells_apart_looks_different():
    names = ["ours", "split window", "line detector", "split-window detector", "shape", "course", *map(str, range(9))]
    told = [(style["color"], style["linestyle"]) for style in styles(names).values()]
    assert len(set(told)) == len(names)


def test_strangers_leave_the_colours_of_known_names_alone():
    told = styles(["first", "second", "ours", "paper"])
    assert len({style["color"] for style in told.values()}) == 4


def test_intervals_stand_in_the_order_of_their_names_from_the_top():
    ax = plot_intervals({"ours": (98, 97, 99), "raw energy": (55, 54, 57)}, x="removed (%)", reference=50)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["ours", "raw energy"]
    reference, *bars = [line.get_xdata() for line in ax.lines]
    assert list(reference) == [50, 50] and [list(each) for each in bars] == [[97, 99], [98], [54, 57], [55]]
    assert ax.get_ylim()[0] > ax.get_ylim()[1] and ax.get_xlabel() == "removed (%)"


def test_truth_is_in_the_colours_that_its_title_names():
    ax = plot_truth(numpy.array([[-1, 0], [1, 7]]))
    red, green, blue = numpy.moveaxis(ax.images[0].to_rgba(ax.images[0].get_array())[..., :3], -1, 0)
    assert "own blue, others' orange" in ax.get_title() and (blue > red)[1, 0] and (red > blue)[1, 1]
    assert numpy.ptp([red[0], green[0], blue[0]]) < 0.05


def test_letters_are_as_large_with_pyplots_own_settings():
    ax = plot_spectrogram(numpy.eye(3), title="one")
    sizes = [text.get_fontsize() for text in (ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels())]
    assert min(sizes) >= 11


@pytest.mark.parametrize("name", ["ship$_{1.wav and $x", r"a$\foo$b", "100 $"])
def test_a_name_is_no_formula(name, result):
    ax = plot_spectrogram(result.spectrogram, title=name)
    masked = plot_mask(result.spectrogram, result.mask, title=name)
    whole = plot_result(result.assign_attrs(label=name))
    assert all(to_png(figure).startswith(b"\x89PNG") for figure in (ax.figure, masked.figure, whole))


@pytest.mark.parametrize("panels, across", [(1, 4), (4, 4), (5, 4), (6, 4), (7, 4), (3, 2)])
def test_each_column_of_a_grid_ends_with_its_axis_named(panels, across):
    figure, axes = new_grid(panels, across=across)
    for ax in axes:
        plot_spectrogram(numpy.eye(3), time=[0, 1, 2], ax=ax, label="")
    label_lowest(axes)
    to_png(figure)
    lowest = {ax.get_subplotspec().colspan.start: ax for ax in axes}.values()
    assert len(figure.axes) == panels and len(lowest) <= across
    for ax in axes:
        assert (ax.get_xlabel() == "time (s)" and any(text.get_visible() for text in ax.get_xticklabels())) == (ax in lowest)


def test_class_masks_share_their_colours():
    figure = plot_class_masks({"tug": numpy.full((4, 4), 0.2), "cargo": numpy.full((4, 4), 0.9)})
    assert {ax.images[0].get_clim() for ax in figure.axes if ax.images} == {(0, 1)}
    assert [ax.get_title() for ax in figure.axes[:2]] == ["tug", "cargo"] and figure.axes[-1].get_ylabel() == "mask"


def test_a_player_and_a_picture_take_a_style():
    assert embedded(b"\x89PNG", text="x", style="width:1em") == '<img alt="x" style="width:1em" src="data:image/png;base64,iVBORw==">'
    player = embedded(b"RIFF", text="a tone", style="width:1em", autoplay=True)
    assert '<audio controls autoplay preload="metadata" style="width:1em" aria-label="a tone"' in player


def test_pyplot_knows_nothing_of_it(result):
    import matplotlib.pyplot as plt

    before = dict(plt.rcParams)
    plot_result(result)
    assert not plt.get_fignums() and dict(plt.rcParams) == before
