"What an archive's results say: tables, masks, averages, selections and pictures, of a real run and of results made up for odd cases."
import io
import json
import warnings
from dataclasses import asdict

import duckdb
import numpy as np
import pandas as pd
import pytest
from archives import SETTINGS, recordings
from machines import trained
from PIL import Image
from pyarrow import parquet

from scorecam_denoise import overview
from scorecam_denoise.archive import ArchiveSettings, denoise_archive, read_summary
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import read_audacity, read_raven
from scorecam_denoise.overview import (
    COLUMNS, average_over, count_hours, export_selections, open_masks, open_table, overview_picture, plot_averages,
    plot_hours, read_averages, read_detections, span_of, step_for, write_overview,
)
from scorecam_denoise.spectrogram import SpectrogramConfig

CONFIG = SpectrogramConfig(n_frequency=8, fmin=100)
MINUTE = 64.0  # s, of an average
CLASSES = ["10", "small craft", "tug"]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    "Results of a run over four short recordings."
    out = tmp_path_factory.mktemp("real") / "out"
    denoise_archive(trained() / "model", recordings(), out, workers=0, show_progress=False, **SETTINGS)
    return out


def made_up(out, rows, found=(), *, minutes=2, **settings):
    "Results in the archive's layout: of recordings (name, start, seconds), and of detections (name, seconds in, class)."
    about = dict(settings=asdict(ArchiveSettings(**settings)), config=asdict(CONFIG), classes=CLASSES)
    (out / "detections").mkdir(parents=True)
    (out / "averages").mkdir()
    (out / "archive.json").write_text(json.dumps(about))
    clocks = {name: pd.Timestamp(start) if start else pd.NaT for name, start, _ in rows}
    table = pd.DataFrame([dict(recording=name, utc=start, seconds=length, rate=4000, channel=1, status="done", reason="", asked=1.0) for name, start, length in rows])
    table.reindex(columns=["recording", "utc", "seconds", "rate", "channel", "status", "reason", "asked"]).to_csv(out / "recordings.csv", index=False)
    marks = [dict(recording=name, start=float(at), end=at + 3.0, low=95.0, high=105.0, frequency=100.0, probability=0.9, level_db=-40.0, snr_db=12.0, **{"class": label}) for name, at, label in found]
    levels = [
        dict(recording=name, start=i * MINUTE, before=[-50.0] * 8, after=[-50.0] + [-np.inf] * 7)
        for name, _, length in rows for i in range(min(minutes, int(np.ceil(length / MINUTE))))
    ]  # fmt: skip
    for kind, keys, lines in (("detections", ["class", "day"], marks), ("averages", ["day"], levels)):
        if lines:
            store(out / kind, keys, pd.DataFrame(lines), clocks)
    return out


def store(folder, keys, lines, clocks):
    "Rows with their time, as Parquet in folders."
    utc = pd.to_datetime(lines["recording"].map(clocks), utc=True) + pd.to_timedelta(lines["start"], unit="s")
    lines = lines.assign(utc=utc.astype("datetime64[ms, UTC]"), day=utc.dt.strftime("%Y-%m-%d").fillna("unknown"))
    for values, part in lines.groupby(keys):
        place = folder.joinpath(*(f"{key}={value}" for key, value in zip(keys, values)))
        place.mkdir(parents=True)
        part.drop(columns=keys).to_parquet(place / f"{folder.name}.parquet", index=False)


@pytest.fixture
def odd(tmp_path):
    "Two days, a class of digits and one with a space, a folder, and a recording without a clock."
    rows = [("b/night.wav", "2024-06-01T23:59:00Z", 128.0), ("a.wav", "2024-06-01T10:00:00Z", 60.0), ("dive.wav", None, 60.0), ("empty.flac", "2024-06-03T00:00:00Z", 60.0)]
    found = [("b/night.wav", 90, "small craft"), ("b/night.wav", 5, "10"), ("a.wav", 1, "small craft"), ("dive.wav", 2, "tug")]
    return made_up(tmp_path / "odd", rows, found)


@pytest.fixture
def nothing(tmp_path):
    "A recording in which nothing was found."
    return made_up(tmp_path / "nothing", [("a.wav", "2024-06-01T10:00:00Z", 60.0)])


def text_of(figure):
    "All that is written in a figure."
    return " ".join(text.get_text() for ax in figure.axes for text in (*ax.texts, ax.title)) + (figure.get_suptitle() or "")


# ---------------------------------------------------------------- detections


@pytest.mark.parametrize("name", ["detections", "averages"])
def test_columns_are_those_that_a_run_writes(real, name):
    path = next((real / name).rglob("*.parquet"))
    written = parquet.read_schema(path)
    keys = [part.partition("=")[0] for part in path.relative_to(real / name).parts[:-1]]
    assert [*written.names, *keys] == list(COLUMNS[name]) == open_table(real, name).schema.names
    assert all(written.field(column).type == open_table(real, name).schema.field(column).type for column in written.names)


def test_all_detections_of_a_run_are_read_in_order_of_time(real):
    table, summary = read_detections(real), read_summary(real)
    assert len(table) == summary[["fan", "pump"]].sum().sum() > 0
    assert table["utc"].is_monotonic_increasing and list(table) == list(COLUMNS["detections"])
    assert (table["utc"] - table["recording"].map(summary.set_index("recording")["utc"])).dt.total_seconds().to_numpy() == pytest.approx(table["start"], abs=1e-3)


def test_pandas_and_duckdb_read_the_same(real):
    ours = read_detections(real, label="fan")
    plain = pd.read_parquet(real / "detections", filters=[("class", "==", "fan")])
    theirs = duckdb.sql(f"select * from read_parquet('{real}/detections/**/*.parquet', hive_partitioning=true) where class = 'fan'").df()
    assert len(ours) == len(plain) == len(theirs) > 0 and sorted(ours["level_db"]) == sorted(plain["level_db"]) == sorted(theirs["level_db"])


def test_classes_and_days_are_text(odd):
    table = read_detections(odd)
    assert table["class"].tolist() == ["small craft", "10", "small craft", "tug"]
    assert table["day"].tolist() == ["2024-06-01", "2024-06-01", "2024-06-02", "unknown"]


def test_a_class_with_a_space_is_found(odd):
    assert read_detections(odd, label="small craft")["recording"].tolist() == ["a.wav", "b/night.wav"]


@pytest.mark.parametrize(
    ("times", "count"),
    [
        (dict(start="2024-06-01", end="2024-06-02"), 2), (dict(start="2024-06-02"), 1), (dict(end="2024-06-01T10:00:01Z"), 0),
        (dict(end="2024-06-01T10:00:01.001Z"), 1), (dict(start="2024-06-01T12:00+02:00"), 3), (dict(start=pd.Timestamp("2025-01-01")), 0),
    ],
    ids=str,
)  # fmt: skip
def test_a_span_holds_what_begins_in_it(odd, times, count):
    assert len(read_detections(odd, **times)) == count


def test_files_of_other_classes_and_days_are_not_opened(odd):
    for path in odd.glob("detections/class=*/day=*/*.parquet"):
        if "tug" in str(path) or "06-02" in str(path):
            path.write_bytes(b"no Parquet")
    assert len(read_detections(odd, label="small craft", end="2024-06-02")) == 1


def test_some_columns_are_enough(odd):
    assert list(read_detections(odd, columns=["class", "utc"])) == ["class", "utc"]


def test_no_detections_are_an_empty_table_of_the_same_columns(nothing, odd):
    empty, full = read_detections(nothing), read_detections(odd)
    assert empty.empty and empty.dtypes.to_dict() == full.dtypes.to_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(label="yacht"), "label 'yacht' is not known: this model knows 10, small craft, tug"), (dict(recording="c.wav"), "recording='c.wav': not in"),
        (dict(columns=["class", "depth"]), "columns='depth': not in"), (dict(start="soon"), "start='soon': expected a time such as 2024-06-01"),
        (dict(end=pd.NaT), "end=NaT: expected a time"), (dict(start="2024-06-02", end="2024-06-01"), "expected a time after start=2024-06-02T00:00:00Z"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_there_is_said_in_a_line(odd, options, message):
    with pytest.raises(ScorecamError) as error:
        read_detections(odd, **options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_folder_of_something_else_is_turned_away(tmp_path):
    with pytest.raises(ScorecamError, match="no archive.json that can be read"):
        read_detections(tmp_path)


def test_a_run_that_has_not_ended_is_told_from_one_that_found_nothing(nothing):
    (nothing / "detections").rmdir()
    with pytest.raises(ScorecamError, match="holds no detections yet"):
        read_detections(nothing)


# ---------------------------------------------------------------- averages and masks


def test_averages_of_a_run_have_their_clock_and_units(real):
    averages = read_averages(real, "2024-01-01T23:00", "2024-01-02")
    assert str(averages.time.values[0])[:19] == "2024-01-01T23:50:00" and averages.before.attrs["units"] == "dB re full scale"
    assert averages.before.dims == ("time", "frequency") and averages.sizes["frequency"] > 8 and averages.time.to_index().is_monotonic_increasing
    assert (averages.after <= averages.before + 1e-3).all() and np.isneginf(averages.after).any()


def test_averages_span_what_was_recorded_and_no_more(real):
    last = read_summary(real).iloc[-1]
    averages = read_averages(real, recording=last["recording"])
    begin, end = span_of(averages)
    assert begin == last["utc"].timestamp() and end - begin == pytest.approx(last["seconds"])


def test_a_sensitivity_changes_the_unit(tmp_path):
    out = made_up(tmp_path / "out", [("a.wav", "2024-06-01T10:00:00Z", 60.0)], sensitivity_db=-170.0)
    assert read_averages(out).before.attrs["units"] == "dB re 1 uPa"


def test_recordings_without_a_clock_are_left_out_with_a_warning(odd):
    with pytest.warns(UserWarning, match="1 recordings have no clock"):
        assert "dive.wav" not in read_averages(odd).recording.values


def test_a_recording_without_a_clock_is_read_by_its_name(odd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        averages = read_averages(odd, recording="dive.wav")
    assert averages.time.values.tolist() == [0] and averages.time.attrs["units"] == "s"


def test_averages_of_an_unknown_recording_are_refused(odd):
    with pytest.raises(ScorecamError, match="recording='c.wav': not in"):
        read_averages(odd, recording="c.wav")


def test_gaps_stay_gaps_and_what_is_removed_is_not_one(odd):
    averages = read_averages(odd, "2024-06-01", "2024-06-04")
    grid = average_over([averages], *span_of(averages))
    gap = np.isnan(grid.before.values)
    assert (gap.all(axis=1) == gap.any(axis=1)).all() and 0 < (~gap.any(axis=1)).sum() < 6 and np.array_equal(gap, np.isnan(grid.after.values))
    assert np.isneginf(grid.after.values[~gap.any(axis=1), 1:]).all() and grid.before.values[~gap] == pytest.approx(-50)


@pytest.mark.parametrize("seconds", [1, 7, 64, 86400, 30 * 86400, 366 * 86400, 20 * 366 * 86400])
def test_a_picture_has_few_columns_and_none_without_an_average(seconds):
    step = step_for(seconds, 64)
    assert seconds / step < 750 and step >= 64 and (86400 % step == 0 or step % 86400 == 0)


def test_an_average_weighs_what_was_recorded_of_it(tmp_path):
    out = made_up(tmp_path / "out", [("a.wav", None, 70.4)])
    averages = read_averages(out, recording="a.wav")
    averages["before"][1] = -30.0
    (level,) = average_over([averages], *span_of(averages)).before.values[:, 0]
    assert level == pytest.approx(10 * np.log10((1e-5 + 0.1 * 1e-3) / 1.1))


def test_masks_are_opened_without_being_read(real):
    masks = open_masks(real, "hall_20240101_235500.wav")
    assert masks.mask.dims == ("time", "frequency") and str(masks.utc.values[0]).startswith("2024-01-01T23:55") and not masks.mask._in_memory
    assert 0 <= float(masks.mask.min()) < float(masks.mask.max()) <= 1


def test_masks_of_an_unknown_recording_are_refused(real):
    with pytest.raises(ScorecamError, match="c.wav: no recording that is done in"):
        open_masks(real, "c.wav")


def test_masks_that_were_not_written_are_refused(odd):
    with pytest.raises(ScorecamError, match="was done without masks"):
        open_masks(odd, "a.wav")


# ---------------------------------------------------------------- selections


def test_raven_gets_a_file_for_each_recording_with_detections(odd, tmp_path):
    paths = export_selections(odd, tmp_path / "raven")
    assert sorted(path.relative_to(tmp_path / "raven").as_posix() for path in paths) == ["a.wav.selections.txt", "b/night.wav.selections.txt", "dive.wav.selections.txt"]
    night = read_raven(tmp_path / "raven" / "b" / "night.wav.selections.txt")
    assert night["start"].tolist() == [5, 90] and night["label"].astype(str).tolist() == ["10", "small craft"]
    assert "\t2\t" in paths[0].read_text().splitlines()[1]  # the second channel


def test_audacity_gets_label_tracks(odd, tmp_path):
    export_selections(odd, tmp_path, form="audacity")
    assert read_audacity(tmp_path / "dive.wav.txt").iloc[0].tolist() == [2, 5, 95, 105, "tug"]


def test_selections_of_a_run_are_its_detections(real, tmp_path):
    paths = export_selections(real, tmp_path)
    assert sum(len(read_raven(path)) for path in paths) == len(read_detections(real))


def test_selections_are_read_a_day_at_a_time(odd, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(overview, "read_detections", lambda out, **options: asked.append(options["recording"]) or read_detections(out, **options))
    export_selections(odd, tmp_path)
    assert asked == [["a.wav", "b/night.wav"], ["empty.flac"], ["dive.wav"]]


def test_nothing_found_is_no_file(nothing, tmp_path):
    assert export_selections(nothing, tmp_path / "raven") == [] and not (tmp_path / "raven").exists()


def test_another_form_is_refused(odd, tmp_path):
    with pytest.raises(ScorecamError, match="form='praat': expected raven or audacity"):
        export_selections(odd, tmp_path, form="praat")


# ---------------------------------------------------------------- pictures


def test_an_hour_without_detections_is_not_one_without_recordings(odd):
    counts = count_hours(read_detections(odd), read_summary(odd))
    assert counts.loc["2024-06-02T00:00Z"].tolist() == [0, 1] and counts.loc["2024-06-03T00:00Z"].tolist() == [0, 0]
    assert counts.loc["2024-06-01T12:00Z"].isna().all() and counts.sum().sum() == 3


def year_of(classes):
    "Detections every seven hours."
    utc = pd.date_range("2023-01-01", "2024-01-01", freq="7h", tz="UTC")
    return pd.concat([pd.DataFrame({"class": name, "utc": utc}) for name in classes])


@pytest.mark.parametrize("classes", [["tug"], CLASSES, list("abcdefgh")], ids=len)
def test_a_year_is_a_map_for_each_class(classes):
    figure = plot_hours(year_of(classes))
    maps = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in maps] == classes and maps[-1].images[0].get_array().shape == (24, 365)


def test_a_day_is_bars():
    figure = plot_hours(year_of(["tug"]).head(4))
    assert len(figure.axes) == 1 and not figure.axes[0].images and figure.axes[0].get_xlabel() == "time (UTC)"


def test_before_and_after_have_the_same_colours_and_axes(odd):
    before, after, bar = plot_averages(read_averages(odd, "2024-06-01", "2024-06-04")).axes
    assert before.images[0].get_clim() == after.images[0].get_clim() and before.get_xlim() == after.get_xlim()
    assert bar.get_ylabel() == "dB re full scale" and before.get_ylabel() == "frequency (Hz)" and after.get_xlabel() == "time (UTC)"


def test_a_line_of_one_row_is_seen_among_thousands():
    frequency, time = np.arange(3000.0), np.arange(4.0)
    level = np.full((4, 3000), -60.0)
    level[:, 1234] = 0
    grid = overview.xr.Dataset({name: (("time", "frequency"), level, dict(units="dB")) for name in ("before", "after")}, dict(time=time, frequency=frequency, recorded=("time", np.ones(4))), dict(seconds=1.0))
    shown = plot_averages(grid).axes[1].images[0].get_array()
    assert shown.shape[0] <= 128 and (shown == shown.max()).any(axis=0).all()


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_the_axis_is_in_utc_whatever_the_user_s_zone(odd, zone):
    with overview.matplotlib.rc_context({"timezone": zone}):
        figure = plot_hours(read_detections(odd, end="2024-06-01T12:00"))
        figure.canvas.draw()
        assert figure.axes[0].get_xticklabels()[0].get_text() == "10:00"


@pytest.mark.parametrize(
    ("rows", "found", "text"),
    [
        ([], [], "no detections"), ([("a.wav", "2024-06-01T10:00:00Z", 60.0)], [], "no detections"),
        ([("a.wav", None, 60.0)], [("a.wav", 1, "tug")], "detections in recordings without a clock: 1"),
        ([("a.wav", "2024-06-01T10:00:00Z", 60.0)], [("a.wav", 1, "tug")], "what was found"),
        ([("a.wav", "2024-06-01T10:00:00Z", 60.0), ("b.wav", None, 60.0)], [("a.wav", 1, "tug"), ("b.wav", 1, "tug")], "detections in recordings without a clock: 1"),
    ],
    ids=["no recordings", "no detections", "no clocks", "a minute", "some clocks"],
)  # fmt: skip
def test_there_is_a_picture_of_everything(tmp_path, rows, found, text):
    out = made_up(tmp_path / "out", rows, found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = overview_picture(out)
        assert text in text_of(plot_hours(read_detections(out), read_summary(out)))
    assert Image.open(io.BytesIO(picture)).width == 900 and len(picture) < 60 * 1024


def test_the_picture_lies_beside_the_results_and_repeats(real):
    path = write_overview(real)
    first = path.read_bytes()
    assert path == real / "overview.png" and write_overview(real).read_bytes() == first


def test_a_name_is_not_taken_for_a_formula():
    figure = plot_hours(year_of(["$x", "y$_"]))
    figure.canvas.draw()
    assert [ax.get_title() for ax in figure.axes[:2]] == ["$x", "y$_"]
