"What belongs to an archive, when it began, and what is wrong with it: one clear line each."
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from scorecam_denoise.core import ScorecamError
from scorecam_denoise.recordings import (
    check_clocks, find_clock, list_recordings, name_of, read_infos, series_of, start_from_metadata, start_from_name,
)
from scorecam_denoise.spectrogram import SpectrogramConfig

SOUND = np.random.default_rng(0).normal(0, 0.1, 8000)  # 2 s at 4 kHz
NOON = "2024-01-05T12:30:00Z"
MOTH = "by AudioMoth 24F3190160371CD9 at medium gain while battery was 4.2V and temperature was 21.1C."


def write(path, samples=SOUND, rate=4000, **metadata):
    "A recording with what is said inside."
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(path, "w", rate, channels) as file:
        for name, value in metadata.items():
            setattr(file, name, value)
        file.write(samples)
    return path


def chunk(name: bytes, content: bytes) -> bytes:
    "A chunk of a WAV file."
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def broadcast(path, date=b"2024-01-05", time=b"12:30:00", *, behind=False):
    "A Broadcast Wave file, its description full of other times."
    described = b"copied 2001-01-01T00:00:00Z".ljust(256, b"\0") + bytes(64)
    bext = chunk(b"bext", described + date + time + struct.pack("<QH", 0, 1) + bytes(254))
    sound = chunk(b"data", (SOUND * 32767).astype("<i2").tobytes())
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 4000, 8000, 2, 16))
    parts = form + sound + bext if behind else bext + form + sound
    path.write_bytes(b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WAVE" + parts)
    return path


def table_of(rows):
    "A table as read_infos gives it, of (recording, utc, seconds)."
    table = pd.DataFrame(rows, columns=["recording", "utc", "seconds"]).assign(path=lambda rows: rows.recording)
    return table.assign(seconds=table.seconds.astype(float), utc=pd.to_datetime(table.utc, utc=True).astype("datetime64[ns, UTC]"))


@pytest.fixture
def archive(tmp_path):
    "A folder of three recordings."
    folder = tmp_path / "archive"
    write(folder / "south" / "SM4_20240105_123000.wav")
    write(folder / "north" / "dive2.flac", date="2024-01-05T12:30:00Z")
    write(folder / "north" / "dive1.WAV")
    (folder / "notes.txt").write_text("calm sea")
    return folder


@pytest.mark.parametrize("name, expected", {
    "67416073.210610033655.flac": "2021-06-10T03:36:55Z",  # SoundTrap
    "5146.171128113000.wav": "2017-11-28T11:30:00Z",
    "1234.200110101010.wav": "2020-01-10T10:10:10Z",
    "20240105_123000.WAV": NOON,  # AudioMoth
    "20240105_123000T.WAV": NOON,
    "24F3190160371CD9_20240105_123000.WAV": NOON,
    "5A3B2C1D.WAV": "2017-12-21T03:35:57Z",
    "5DB0D594T.WAV": "2019-10-23T22:35:00Z",
    "PAM_20240105_123000_123.wav": "2024-01-05T12:30:00.123Z",  # PAMGuard
    "S1234_20240105_123000_123456.wav": "2024-01-05T12:30:00.123456Z",  # Wildlife Acoustics
    "SM4_20240105_123000.wav": NOON,
    "SM3_0+1_20240105$123000.wav": NOON,
    "RB1234_2020-01-01T00-00-00Z.wav": "2020-01-01T00:00:00Z",  # icListen and who copies it
    "ICLISTENHF1266_20200101T000000.000Z.wav": "2020-01-01T00:00:00Z",
    "ICLISTENAF2556_20191009T000003.363Z-HPF.wav": "2019-10-09T00:00:03.363Z",
    "AMAR538.1.20200101T000000Z.wav": "2020-01-01T00:00:00Z",  # JASCO
    "MARS_20150910_000000.wav": "2015-09-10T00:00:00Z",  # MBARI
    "MARS_20150910_000000.2kHz.wav": "2015-09-10T00:00:00Z",
    "GofMX_DC01_100909_080001.d20.x.wav": "2010-09-09T08:00:01Z",  # HARP
    "OO-HYVM2--YDH-2018-01-02T00:05:00.000015.flac": "2018-01-02T00:05:00.000015Z",  # OOI
    "T2024-01-05_12-30-00_0000001.wav": NOON,  # Avisoft
    "20240105T123000+1000_REC.flac": "2024-01-05T02:30:00Z",  # Frontier Labs
    "20240105T123000-0330_REC.flac": "2024-01-05T16:00:00Z",
    "20240105_120000-0015.wav": "2024-01-05T12:00:00Z",  # the number of a part
    "20240105T123000+05:45.flac": "2024-01-05T06:45:00Z",
    "20240105T123000-0030.flac": "2024-01-05T13:00:00Z",
    "20240105_123000-0001.wav": NOON,  # a part's number
    "20240105_123000_20240105_124000.wav": NOON,
    "20240105-123000-ST4037.wav": NOON,
    "2024_01_05_12_30_00.mp3": NOON,
    "20240105123000.w64": NOON,
    "9901_20240105_123000.wav": NOON,
    "buoy 2024-01-05 12-30-00.123456789.wav": "2024-01-05T12:30:00.123456789Z",
    "20241305_123000_20240105_123000.wav": NOON,  # the first that is a time
}.items())  # fmt: skip
def test_a_clock_in_a_name_is_read(name, expected):
    found = start_from_name(name)
    assert found == pd.Timestamp(expected) and str(found.tz) == "UTC" and found.unit == "ns"


@pytest.mark.parametrize("name", [
    "dive.wav", "67416073.wav", "20240105.wav", "10160435.wav", "59201234.wav", "FACEB00C.WAV", "5A3B2C1D_1.WAV", "x5A3B2C1D.WAV",
    "20241305_123000.wav", "20240230_123000.wav", "20240105_243000.wav", "20240105_126000.wav", "20240105_123060.wav", "19700101_000010.WAV",
    "67416073.211310033655.wav", "123456789012345678.wav", "320240105123000.wav", "202401051230001.wav", "110203_123000.wav", "2024-01-05.wav",
    "867459049219777.wav", "2024-0105_123000.wav", "",
])  # fmt: skip
def test_other_digits_are_no_clock(name):
    assert start_from_name(name) is None


def test_a_clock_s_place_is_where_its_date_begins():
    assert [find_clock(name)[1] for name in ("MARS_20150910_000000.wav", "67416073.210610033655.wav", "5A3B2C1D.WAV")] == [5, 9, 0]


@pytest.mark.parametrize("said, expected", {
    "Recorded at 12:30:00 05/01/2024 by": NOON,
    "Recorded at 12:30:00 05/01/2024 (UTC) by": NOON,
    "Recorded at 13:30:00 05/01/2024 (UTC+1) by": NOON,
    "Recorded at 09:00:00 05/01/2024 (UTC-3:30) by": NOON,
    "Recorded at 12:00:00 05/01/2024 (UTC-0:30) by": NOON,
    "Recorded at 18:15:00.250 05/01/2024 (UTC+5:45) by": "2024-01-05T12:30:00.25Z",
    "Recorded at 22:30:00 05/01/2024 (UTC+10) by": NOON,
}.items())  # fmt: skip
def test_what_an_audiomoth_says_is_read(tmp_path, said, expected):
    assert start_from_metadata(write(tmp_path / "a.wav", comment=f"{said} {MOTH}")) == pd.Timestamp(expected)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
@pytest.mark.parametrize("date", ["2024-01-05T12:30:00Z", "2024-01-05 12:30:00", "2024-01-05T13:30:00+01:00"])
def test_a_date_with_a_time_is_read(tmp_path, name, date):
    assert start_from_metadata(write(tmp_path / name, date=date)) == pd.Timestamp(NOON)


@pytest.mark.parametrize("date, time", [(b"2024-01-05", b"12:30:00"), (b"2024:01:05", b"12-30-00"), (b"2024_01_05", b"12_30_00"), (b"2024 01 05", b"12.30.00")])
def test_broadcast_wave_is_read_with_any_separators(tmp_path, date, time):
    assert start_from_metadata(broadcast(tmp_path / "a.wav", date, time)) == pd.Timestamp(NOON)


def test_a_broadcast_chunk_behind_the_sound_is_read(tmp_path):
    assert start_from_metadata(broadcast(tmp_path / "a.wav", behind=True)) == pd.Timestamp(NOON)


@pytest.mark.parametrize("metadata", [
    {}, {"date": "2024"}, {"date": "2024-01-05"}, {"date": "2024-13-05T12:30:00Z"}, {"comment": "copied 2024-01-05T12:30:00Z"},
    {"comment": f"Recorded at 12:30:00 05/13/2024 (UTC) {MOTH}"}, {"comment": f"Recorded at 00:00:10 01/01/1970 (UTC) {MOTH}"},
    {"comment": f"Recorded at 12:30:00 05/01/2024 (UTC+99) {MOTH}"},
])  # fmt: skip
def test_a_file_that_states_no_time_has_none(tmp_path, metadata):
    assert start_from_metadata(write(tmp_path / "a.wav", **metadata)) is None


@pytest.mark.parametrize("date", [bytes(10), b"0000-00-00", b"2024-02-30", b"\xff" * 10])
def test_an_empty_or_broken_broadcast_chunk_states_no_time(tmp_path, date):
    assert start_from_metadata(broadcast(tmp_path / "a.wav", date)) is None


@pytest.mark.parametrize("content", [b"", b"RIFF", b"a letter, renamed", b"RIFF\0\0\0\0WAVE" + bytes(4000)])
@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "rf64", "raw"])
def test_a_file_that_cannot_be_read_states_no_time(tmp_path, content, ending, capfd):
    (tmp_path / f"a.{ending}").write_bytes(content)
    assert start_from_metadata(tmp_path / f"a.{ending}") is None and start_from_metadata(tmp_path / "missing.wav") is None
    assert capfd.readouterr().err == ""


def test_a_damaged_header_is_not_searched_for_long(tmp_path):
    path = write(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes() + bytes(1_000_000) + chunk(b"bext", bytes(320) + b"2024-01-05" + b"12:30:00"))
    assert start_from_metadata(path) is None


def test_a_folder_is_listed_in_the_order_of_names(archive):
    table = list_recordings(archive)
    assert list(table.columns) == ["recording", "path", "utc", "channel", "reason"]
    assert table.recording.tolist() == ["north/dive1.WAV", "north/dive2.flac", "south/SM4_20240105_123000.wav"]
    assert table.path.tolist() == [str(archive / name) for name in table.recording]
    assert table.utc.isna().tolist() == [True, False, False] and set(table.utc[1:]) == {pd.Timestamp(NOON)}
    assert str(table.utc.dtype) == "datetime64[ns, UTC]" and str(table.channel.dtype) == "Int64"
    assert table.channel.isna().all() and set(table.reason) == {""}


def test_hidden_files_and_folders_are_left_out(archive):
    before = list_recordings(archive)
    write(archive / ".trash" / "a.wav")
    write(archive / "north" / "._dive1.wav")
    pd.testing.assert_frame_equal(list_recordings(archive), before)
    assert len(list_recordings(f"{archive}/**/*.*")) == 3


def test_sources_may_be_a_file_or_a_pattern(archive, monkeypatch):
    assert list_recordings(archive / "north" / "dive2.flac").recording.tolist() == ["dive2.flac"]
    assert list_recordings(f"{archive}/**/*").recording.tolist() == list_recordings(archive).recording.tolist()
    assert list_recordings(f"{archive}/n*/dive?.*").recording.tolist() == ["north/dive1.WAV", "north/dive2.flac"]
    assert len(list_recordings(f"{archive}/**/**/*.flac")) == 1
    monkeypatch.chdir(archive)
    table = list_recordings("*/*.wav")
    assert table.recording.tolist() == ["south/SM4_20240105_123000.wav"] and table.path[0] == str(archive / table.recording[0])


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path):
    assert list_recordings(write(tmp_path / "take[1].wav")).recording.tolist() == ["take[1].wav"]
    assert list_recordings(write(tmp_path / "day[1]" / "a.wav").parent).recording.tolist() == ["a.wav"]


def test_a_name_comes_before_what_is_inside_and_a_function_before_both(tmp_path):
    write(tmp_path / "20240105_123000.WAV", comment=f"Recorded at 13:30:01 05/01/2024 (UTC+1) {MOTH}")
    assert list_recordings(tmp_path).utc[0] == pd.Timestamp(NOON)
    write(tmp_path / "b.wav")
    given = lambda path: pd.Timestamp("2020-01-01T02:00:00", tz="Africa/Cairo") if path.stem == "b" else pd.Timestamp("2020-01-01")
    assert list_recordings(tmp_path, start=given).utc.tolist() == [pd.Timestamp("2020-01-01T00:00:00Z")] * 2
    assert list_recordings(tmp_path, start=lambda path: None).utc.isna().all()


def test_a_function_that_gives_no_time_is_refused(archive):
    with pytest.raises(ScorecamError, match="archive: start gives 'noon': expected a pandas.Timestamp or None"):
        list_recordings(archive, start=lambda path: "noon")


def test_a_channel_for_all_is_taken_where_a_csv_names_none(archive):
    assert set(list_recordings(archive, channel=1).channel) == {1}
    (archive / "list.csv").write_text("path,channel\nnorth/dive1.WAV,0\nnorth/dive2.flac,\n")
    assert list_recordings(archive / "list.csv", channel=1).channel.tolist() == [0, 1]


def test_a_csv_says_what_is_what(archive, tmp_path):
    elsewhere = write(tmp_path / "tape" / "b.wav")
    rows = [
        "path,recording,start,channel,comment",
        'north/dive1.WAV,,2024-01-05T13:30:00+01:00,,"calm, no wind"',
        f"{elsewhere},tape/one.wav,,1,",
        f"{elsewhere},,2024-01-05 12:30:00.5, 0 ,",
        "../tape/missing_20240105_123000.wav,,,,",
    ]
    (archive / "list.csv").write_text("\ufeff" + "\n".join(rows), encoding="utf-8")
    table = list_recordings(archive / "list.csv").set_index("recording")
    far = elsewhere.relative_to("/").as_posix()
    assert sorted(table.index) == sorted(["north/dive1.WAV", "tape/one.wav", far, far.replace("b.wav", "missing_20240105_123000.wav")])
    starts = {"north/dive1.WAV": NOON, far: "2024-01-05T12:30:00.5Z", far.replace("b.wav", "missing_20240105_123000.wav"): NOON}
    assert table.utc.dropna().to_dict() == {name: pd.Timestamp(start) for name, start in starts.items()}
    assert table.path[far] == table.path["tape/one.wav"] == str(elsewhere) and table.channel[[far, "tape/one.wav"]].tolist() == [0, 1]
    assert list(table.index) == sorted(table.index)


def test_a_file_below_the_csv_is_called_as_in_its_folder():
    assert [name_of(Path(path), Path("/data")) for path in ("/data/1/a.wav", "/data2/a.wav")] == ["1/a.wav", "data2/a.wav"]


@pytest.mark.parametrize("text, problem", {
    "": "has the columns (none): expected one named path", "path;start\na.wav;": "has the columns path;start: expected one named path, and commas between",
    "path\na,b.wav": "line 2: more cells than columns: quote a text that has commas",
    "path\n": "lists no recordings", 'path\n"a.wav': "not readable as CSV",
    "path,start\na.wav,\nb.wav,noon": "line 3: start 'noon': expected date and time in UTC, such as 2024-01-05T12:30:00Z",
    "path,start\na.wav,2024-01-05": "line 2: start '2024-01-05'", "path,start\na.wav,2024-13-05T12:30:00Z": "line 2: start '2024-13-05T12:30:00Z'",
    "path,start\na.wav,05/01/2024 12:30:00": "line 2: start", "path,channel\na.wav,left": "line 2: channel 'left': expected a whole number",
    "path,channel\na.wav,-1": "line 2: channel '-1'", "path,channel\na.wav,0.5": "line 2: channel '0.5'",
    "path,recording\n,a": "line 2: no path", "path,recording\na.wav,../a": "line 2: recording '../a': expected a name such as north/dive1.wav",
    "path,recording\na.wav,/a": "line 2: recording '/a'", "path,recording\na.wav,a//b": "line 2: recording 'a//b'", "path,recording\na.wav,.": "line 2: recording '.'",
    "path\na.wav\n./a.wav": "a.wav is there twice", "path,recording\na.wav,x\nb.wav,X": "X and x differ in case or accents only",
    "path,recording\na.wav,\u00e9\nb.wav,e\u0301": "differ in case or accents only",
}.items())  # fmt: skip
def test_a_csv_that_cannot_be_used(tmp_path, text, problem):
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ScorecamError) as error:
        list_recordings(tmp_path / "list.csv")
    assert problem in str(error.value) and str(error.value).startswith(f"{tmp_path / 'list.csv'}: ") and "\n" not in str(error.value)


def test_a_csv_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"path\n\xff\xfe\xfd\n")
    with pytest.raises(ScorecamError, match="list.csv: not readable as CSV: expected UTF-8 text"):
        list_recordings(tmp_path / "list.csv")


@pytest.mark.parametrize("source, problem", {
    "missing": "does not exist: name a folder of recordings, a sound file, a CSV or a glob pattern", "no*/*.wav": "matches no recordings: expected files",
    "*.txt": "matches no recordings", "empty": r"holds no recordings: expected files that end in .aif, .*\.wav", "a" * 5000: "does not exist", "": "does not exist",
}.items())  # fmt: skip
def test_a_source_without_recordings_is_refused(archive, monkeypatch, source, problem):
    (archive / "empty").mkdir()
    monkeypatch.chdir(archive)
    with pytest.raises(ScorecamError, match=f"^{source.replace('*', '[*]')}: {problem}"):
        list_recordings(source)


def test_names_that_differ_in_case_only_clash(archive):
    write(archive / "north" / "DIVE2.flac")
    if len(list((archive / "north").iterdir())) == 2:
        pytest.skip("this file system knows one name only")
    with pytest.raises(ScorecamError, match="archive: north/DIVE2.flac and north/dive2.flac differ in case or accents only"):
        list_recordings(archive)


def test_what_recordings_are_is_read(archive):
    table = read_infos(list_recordings(archive), SpectrogramConfig())
    assert set(table.reason) == {""} and set(table.rate) == {4000} and set(table.channels) == {1} and set(table.samples) == {8000}
    assert set(table.channel) == {0} and set(table.seconds) == {2.0} and table.bytes[0] == (archive / "north" / "dive1.WAV").stat().st_size
    assert {str(table[name].dtype) for name in ("rate", "channels", "samples", "bytes", "channel")} == {"Int64"}


@pytest.mark.parametrize("kind, problem", {
    "missing": "does not exist", "empty": "empty", "text": "not readable as audio", "cut": "truncated", "header": "holds no sound", "short": "expected at least one window",
    "slow": "sampled at 500 Hz", "stereo": "has 2 channels: name one", "folder": "is a folder", "long": "cannot be opened: File name too long",
}.items())  # fmt: skip
def test_why_a_recording_cannot_be_used_is_said(archive, kind, problem):
    bad = archive / ("bad.wav" if kind != "long" else f"{'a' * 300}.wav")
    (archive / "list.csv").write_text(f"path\nnorth/dive1.WAV\n{bad.name}\n")
    if kind in ("empty", "text"):
        bad.write_text("a letter, renamed" * (kind == "text"))
    elif kind == "folder":
        bad.mkdir()
    elif kind == "cut":
        bad.write_bytes(write(bad).read_bytes()[:9000])
    elif kind not in ("missing", "long"):
        write(bad, {"header": SOUND[:0], "short": SOUND[:100], "slow": SOUND, "stereo": np.stack([SOUND, SOUND], 1)}[kind], 500 if kind == "slow" else 4000)
    table = read_infos(list_recordings(archive / "list.csv"), SpectrogramConfig()).set_index("recording")
    reason = table.reason[bad.name]
    assert problem in reason and str(archive) not in reason and "\n" not in reason
    assert table.reason["north/dive1.WAV"] == ""
    assert table.rate.isna()[bad.name] == (kind not in ("short", "slow", "stereo")) == np.isnan(table.seconds[bad.name])


def test_a_named_channel_is_taken_or_missed(archive):
    write(archive / "both.wav", np.stack([SOUND, SOUND], 1))
    table = read_infos(list_recordings(archive, channel=1), SpectrogramConfig()).set_index("recording")
    assert table.channel["both.wav"] == 1 and table.reason["both.wav"] == ""
    assert table.reason["north/dive1.WAV"].startswith("has no channel 1: expected 0 to 0")


def test_clocks_that_are_right_need_no_word():
    rows = [(f"a/d{n}.wav", f"2024-01-05T12:{n}0:00Z", 600.9) for n in range(6)]  # names have whole seconds
    assert check_clocks(table_of(rows)) == []
    assert check_clocks(table_of([])) == []


def test_an_archive_without_clocks_needs_no_word(archive):
    table = read_infos(list_recordings(archive, start=lambda path: None), SpectrogramConfig())
    assert check_clocks(table) == []


def test_a_clock_that_goes_backwards_is_named():
    rows = [("d1.wav", NOON, 60), ("d2.wav", "2024-01-05T11:30:00Z", 60), ("d3.wav", "2024-01-05T11:31:00Z", 60)]
    assert check_clocks(table_of(rows)) == ["d2.wav: begins at 2024-01-05T11:30:00Z, before d1.wav: the clock goes backwards"]


def test_recordings_that_overlap_are_named_once():
    rows = [("d1.wav", NOON, 600), ("d2.wav", "2024-01-05T12:31:00Z", 60), ("d3.wav", "2024-01-05T12:39:48Z", 60)]
    assert check_clocks(table_of(rows)) == ["d2.wav: begins 540.0 s before d1.wav ends", "d3.wav: begins 12.0 s before d1.wav ends"]


def test_the_second_of_two_that_begin_at_once_overlaps():
    assert check_clocks(table_of([("d1.wav", NOON, 60), ("d2.wav", NOON, 60)])) == ["d2.wav: begins 60.0 s before d1.wav ends"]


def test_other_folders_and_other_recorders_have_clocks_of_their_own():
    names = ["a/d1.wav", "b/d2.wav", "b/left1.wav", "67416073.240105123000.wav", "67416074.240105123000.wav", "A_20240105_123000.wav", "B_20240105_123000.wav"]
    assert check_clocks(table_of([(name, NOON, 60) for name in names])) == []
    assert len({series_of(name) for name in names}) == len(names)


def test_channels_of_one_file_do_not_overlap():
    table = table_of([("a-left.wav", NOON, 60), ("a-right.wav", NOON, 60)]).assign(path="a.wav")
    assert check_clocks(table) == []


def test_recordings_without_clock_or_length_say_nothing():
    rows = [("d1.wav", NOON, np.nan), ("d2.wav", None, 60), ("d3.wav", "2024-01-05T12:30:10Z", 60), ("d4.wav", "2024-01-05T12:30:20Z", 60)]
    assert check_clocks(table_of(rows)) == ["d4.wav: begins 50.0 s before d3.wav ends"]
