"The simulator of breathing sounds: what it says of its sound is what its sound shows."
import json

import numpy as np
import pandas as pd
import pytest
import soundfile
import xarray as xr
from sklearn.metrics import roc_auc_score

from scorecam_denoise import breath as br
from scorecam_denoise.core import ScorecamError
from scorecam_denoise.datasets import config_of, load_folder
from scorecam_denoise.spectrogram import MelConfig, SpectrogramConfig, mel_image, mel_power

CONFIG = MelConfig()


@pytest.fixture(scope="module")
def scene():
    "Six patients, twenty clips each."
    return br.simulate_breath(patients=6, clips=20, seed=3)


# the scene

def test_the_truth_says_what_its_numbers_mean_and_of_what_pictures_it_is(scene):
    mixed = br.breath_mixtures(scene, 2)[0]
    assert scene.windows.event.flag_meanings == "none event distractor" and mixed.event.flag_meanings == "none positive_event negative_event"
    with pytest.raises(ScorecamError, match="windows of mel spectrograms"):
        config_of(scene.windows)


def test_a_seed_makes_a_scene(scene):
    again = br.simulate_breath(patients=6, clips=20, seed=3, parts=False)
    assert scene.windows.identical(again.windows) and scene.events.equals(again.events) and not again.audio
    other = br.simulate_breath(patients=1, clips=2, seed=4, parts=False)
    assert not np.array_equal(other.windows.image, scene.windows.image[:2])


def test_some_patients_are_made_without_the_others(scene):
    few = br.simulate_breath(patients=6, clips=20, seed=3, groups={"patient004", "patient001"})
    assert set(few.windows.group.values) == {"patient001", "patient004"}
    assert few.windows.identical(scene.windows.isel(sample=np.isin(scene.windows.group, ["patient001", "patient004"])))
    assert all(np.array_equal(few.audio[name], scene.audio[name]) for name in few.audio)


def test_a_longer_scene_begins_like_a_shorter_one(scene):
    short = br.simulate_breath(patients=2, clips=4, seed=3, parts=False).windows
    for name in short.recording.values:
        np.testing.assert_array_equal(short.image[short.recording == name], scene.windows.image[scene.windows.recording == name])


def test_stems_add_up_to_the_audio_and_the_audio_to_the_picture(scene):
    for name, sound in scene.audio.items():
        assert list(scene.stems[name]) == ["event", "distractor", "breath", "room"] and sound.dtype == np.float32
        assert np.array_equal(sum(scene.stems[name].values()), sound)
    for name, image in zip(scene.windows.recording.values[:5], scene.windows.image.values):
        np.testing.assert_array_equal(mel_image(scene.audio[name], CONFIG), image)


def test_half_of_each_patients_clips_are_positive(scene):
    positive = pd.Series(scene.windows.label.values == "positive").groupby(scene.windows.group.values).mean()
    assert (positive == 0.5).all() and len(positive) == 6
    for label, name in zip(scene.windows.label.values, scene.windows.recording.values):
        assert name.startswith(f"{label}/patient")


def test_kinds_belong_to_their_label(scene):
    w = scene.windows
    assert set(w.kind.values[w.label.values == "positive"]) == {"wheeze", "cough"}
    assert set(w.kind.values[w.label.values == "negative"]) == {"voice", "alarm", "machine", "knock", "music"}
    mains = scene.events[scene.events.role == "event"]
    assert mains.recording.tolist() == w.recording.values.tolist() and mains.kind.tolist() == w.kind.values.tolist()


def test_distractors_are_negative_and_as_frequent_with_either_label():
    scene = br.simulate_breath(patients=8, clips=50, seed=0, parts=False)
    others = scene.events[scene.events.role == "distractor"]
    assert not set(others.kind) & {"wheeze", "cough"}
    share = others.recording.str.startswith("positive").sum() / 200, others.recording.str.startswith("negative").sum() / 200
    assert all(0.4 < value < 0.6 for value in share)


def test_distractors_are_softer_than_the_event(scene):
    for name, stems in scene.stems.items():
        if stems["distractor"].any():
            level = {}
            for part in ("event", "distractor"):
                power = mel_power(stems[part], CONFIG)
                level[part] = 10 * np.log10(power[br.own_pixels(power)].mean())
            assert 5.9 < level["event"] - level["distractor"] < 18.1, name


# truth

def test_the_event_dominates_the_pixels_that_truth_gives_it(scene):
    for name, truth in zip(scene.windows.recording.values, scene.windows.event.values):
        stems = scene.stems[name]
        mixture = mel_power(scene.audio[name], CONFIG)
        for value, part in ((1, "event"), (2, "distractor")):
            power, rest = mel_power(stems[part], CONFIG), mel_power(scene.audio[name] - stems[part], CONFIG)
            mine = truth == value
            assert (power[mine] >= rest[mine]).all() and (power[mine] >= 0.999e-3 * power.max()).all()
            assert (mixture[mine] >= 0.999e-6 * mixture.max()).all()
        assert (truth == 1).any(), name


def test_the_ratio_is_that_of_the_events_pixels_to_breath_and_room(scene):
    for name, snr in zip(scene.windows.recording.values, scene.windows.snr.values):
        stems = scene.stems[name]
        power, ground = mel_power(stems["event"], CONFIG), mel_power(stems["breath"] + stems["room"], CONFIG)
        own = br.own_pixels(power)
        assert 0 <= snr <= 18 and abs(10 * np.log10(power[own].mean() / ground[own].mean()) - snr) < 0.01


def test_events_say_when_and_in_which_band(scene):
    e = scene.events
    assert list(e) == ["recording", "kind", "role", "start", "end", "low", "high", "snr_db"]
    assert ((e.start >= 0) & (e.end <= 1) & (e.start < e.end) & (e.low >= 50) & (e.high < 8000.1) & (e.low < e.high)).all()


def lone(kind: str, clips: int = 24) -> br.ClipScene:
    "Clips with one kind of event and nothing beside it."
    label, other = ("positive", {"negative": ("voice",)}) if kind in ("wheeze", "cough") else ("negative", {})
    return br.simulate_breath(patients=4, clips=clips, seed=7, distractor=0.0, **{label: (kind,)}, **other)


def seconds(sound: np.ndarray, below_db: float) -> float:
    "How long a sound is within so many dB of its loudest 5 ms."
    power = np.mean(sound.reshape(-1, 80) ** 2, axis=1)
    return 0.005 * np.sum(power >= power.max() * 10 ** (-below_db / 10))


def test_wheezes_are_tones_of_100_to_1600_hz_that_last():
    scene = lone("wheeze")
    for name, stems in scene.stems.items():
        if name.startswith("positive"):
            power = abs(np.fft.rfft(stems["event"])) ** 2
            strong = np.flatnonzero(power >= power.max() / 16)
            assert 97 <= strong[0] <= 1650 and seconds(stems["event"], 30) >= 0.1, name
            flatness = np.exp(np.log(power[80:]).mean()) / power[80:].mean()
            assert flatness < 0.02, name


def test_knocks_are_shorter_than_coughs_and_both_are_broad():
    duration = {}
    for kind in ("cough", "knock"):
        scene = lone(kind)
        names = scene.windows.recording.values[scene.windows.kind.values == kind]
        duration[kind] = np.median([seconds(scene.stems[name]["event"], 15) for name in names])
        events = scene.events.set_index("recording").loc[names]
        assert (events.high - events.low).median() > 3000
    assert duration["knock"] < 0.6 * duration["cough"] and 0.08 < duration["cough"] < 0.5


def test_loudness_does_not_tell_the_label():
    scene = br.simulate_breath(patients=12, clips=40, seed=1)
    positive = scene.windows.label.values == "positive"
    level = [np.mean(scene.audio[name] ** 2) for name in scene.windows.recording.values]
    event = [np.mean(scene.stems[name]["event"] ** 2) for name in scene.windows.recording.values]
    assert 0.4 < roc_auc_score(positive, level) < 0.6
    assert 0.4 < roc_auc_score(positive, event) < 0.6


@pytest.mark.parametrize("wrong, reason", [
    ({"sneezes": 3}, "sneezes: not a setting"), ({"positive": ("sneeze",)}, "sneeze"), ({"negative": "voice"}, "tuple"),
    ({"negative": ()}, "negative"), ({"negative": ("voice", "cough")}, "both"), ({"patients": 0}, "patients=0"), ({"clips": 1.5}, "clips=1.5"),
    ({"groups": {"patient009"}}, "patient009"), ({"groups": set()}, "groups"), ({"config": MelConfig(n_time=16)}, "0.5 s"),
    ({"config": MelConfig(sample_rate=4000, n_fft=256, hop_length=125, fmax=2000, n_frequency=16)}, "8000 Hz"),
    ({"snr_db": 6}, "snr_db=6: expected tuple"), ({"snr_db": (10, -5)}, "first not above the second"), ({"distractor": "x"}, "distractor='x'"),
    ({"distractor": 2}, "a probability, 0 to 1"), ({"wheeze_seconds": (-1, 0.5)}, "seconds above 0"), ({"wheeze_hz": (100, 9000)}, "at most half the rate, 8000 Hz"),
    ({"gain_db": (0,)}, "gain_db"), ({"own_db": -5}, "own_db=-5.0: expected more than 0 dB"), ({"reverb_seconds": (0, 0)}, "reverb_seconds"), ({"seed": -1}, "seed=-1"),
])
def test_what_cannot_be_simulated_is_named(wrong, reason):
    with pytest.raises(ScorecamError, match=reason):
        br.simulate_breath(**{"patients": 2, "clips": 2, "parts": False} | wrong)


def test_other_pictures_of_the_same_length_can_be_simulated():
    config = MelConfig(sample_rate=8000, n_fft=512, hop_length=125, fmax=4000, n_frequency=24, n_time=64)
    windows = br.simulate_breath(patients=1, clips=14, seed=0, config=config, parts=False).windows
    assert windows.image.shape == (14, 24, 64) and MelConfig.from_json(windows.attrs["config"]) == config


# on disk

@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    "Three patients of four clips, and where they were saved."
    scene = br.simulate_breath(patients=3, clips=4, seed=0)
    return scene, scene.save(tmp_path_factory.mktemp("saved") / "scene")


def test_a_saved_scene_keeps_sound_stems_truth_and_events(saved):
    scene, folder = saved
    name = scene.windows.recording.values[0]
    with xr.open_dataset(folder / "truth.nc", engine="h5netcdf") as truth:
        assert np.array_equal(truth.event, scene.windows.event) and truth.recording.values.tolist() == scene.windows.recording.values.tolist()
        assert json.loads(truth.attrs["settings"])["hum"] == 0.5 and truth.attrs["seed"] == 0
        scale = 10 ** (truth.attrs["sensitivity_db"] / 20)
    audio, rate = soundfile.read(folder / "audio" / f"{name}.wav")
    assert rate == 16_000 and abs(audio / scale - scene.audio[name]).max() < 1e-5
    parts = sum(soundfile.read(folder / "stems" / name / f"{part}.wav")[0] for part in scene.stems[name])
    assert abs(parts - audio).max() < 1e-6
    assert len(pd.read_csv(folder / "events.csv")) == len(scene.events)


def test_a_saved_scene_can_be_trained_on(saved):
    scene, folder = saved
    config = SpectrogramConfig(n_fft=256, hop_length=125, fmin=62.5, n_frequency=64, n_time=32)
    windows = load_folder(folder, config=config, show_progress=False)
    assert set(windows.label.values) == {"positive", "negative"} and set(windows.group.values) == set(scene.windows.group.values)
    assert set(windows.recording.values) == set(scene.audio)


def test_a_scene_without_its_parts_is_not_saved(tmp_path):
    with pytest.raises(ScorecamError, match="parts=True"):
        br.simulate_breath(patients=1, clips=2, parts=False).save(tmp_path / "scene")
    assert not list(tmp_path.iterdir())


# mixtures

def test_mixtures_know_both_events(scene):
    windows, stems = br.breath_mixtures(scene, 12, seed=1)
    assert windows.sizes["sample"] == len(stems) == len(set(windows.recording.values)) == 12
    for name, image, truth in zip(windows.recording.values, windows.image.values, windows.event.values):
        first, second = name.split(" + ")
        assert first.startswith("positive/") and second.startswith("negative/")
        parts = stems[name]
        mixture = sum(parts.values())
        np.testing.assert_array_equal(mel_image(mixture, CONFIG), image)
        assert np.array_equal(parts["positive"], scene.stems[first]["event"])
        for value, part in ((1, "positive"), (2, "negative")):
            mine = truth == value
            assert mine.sum() >= 5
            assert (mel_power(parts[part], CONFIG)[mine] >= mel_power(mixture - parts[part], CONFIG)[mine]).all()


def test_a_mixture_has_the_ratio_that_was_asked_for(scene):
    for ratio in (0.0, 6.0):
        for parts in br.breath_mixtures(scene, 4, seed=2, ratio_db=ratio)[1].values():
            power = {name: mel_power(parts[name], CONFIG) for name in ("positive", "negative")}
            level = {name: 10 * np.log10(p[br.own_pixels(p)].mean()) for name, p in power.items()}
            assert abs(level["positive"] - level["negative"] - ratio) < 0.01


def test_a_seed_chooses_the_pairs(scene):
    names = [br.breath_mixtures(scene, 5, seed=seed)[0].recording.values.tolist() for seed in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_mixtures_that_cannot_be_made_are_refused(scene):
    with pytest.raises(ScorecamError, match="parts=True"):
        br.breath_mixtures(br.simulate_breath(patients=1, clips=2, parts=False), 1)
    small = br.simulate_breath(patients=1, clips=2, seed=0)
    with pytest.raises(ScorecamError, match="of 2 pairs"):
        br.breath_mixtures(small, 2)
    with pytest.raises(ScorecamError, match="n=0"):
        br.breath_mixtures(scene, 0)
