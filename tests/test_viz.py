"Pictures: small, the same each time, with their axes in units, and no trace in pyplot."
from io import BytesIO

import numpy
import pytest
import xarray
from PIL import Image

from scorecam_denoise.viz import plot_curves, plot_mask, plot_result, plot_signature, plot_spectrogram, to_png

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


def test_curves_have_names_and_bands():
    x = numpy.arange(3)
    ax = plot_curves({"ours": (x, x, x - 1, x + 1), "theirs": (x, -x)}, x="threshold", y="pixels (%)")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours", "theirs"]
    assert len(ax.collections) == 1 and ax.get_xlabel() == "threshold"


def test_pyplot_knows_nothing_of_it(result):
    import matplotlib.pyplot as plt

    before = dict(plt.rcParams)
    plot_result(result)
    assert not plt.get_fignums() and dict(plt.rcParams) == before
