"Small recordings of two machines, and a denoiser that knows them; made once in a process."
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import soundfile

from scorecam_denoise.cli import main
from scorecam_denoise.datasets import make_windows
from scorecam_denoise.denoiser import ScoreCAMDenoiser
from scorecam_denoise.spectrogram import SpectrogramConfig, spectrogram_image, stft

TONES = {"pump": (150, 310, 520), "fan": (220, 410, 600)}  # Hz
CONFIG = SpectrogramConfig(sample_rate=2000, n_fft=200, hop_length=100, fmin=20, n_frequency=64, n_time=32)


def sound(label, seed, seconds=5.0, rate=2000):
    "A machine's tones with two strangers' in noise, float32 (samples,)."
    rng = np.random.default_rng([seed, len(label)])
    t = np.arange(int(seconds * rate)) / rate
    tones = [0.1 * np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in (*TONES[label], *rng.uniform(60, 640, 2))]
    return sum(tones, 0.3 * rng.standard_normal(t.size)).astype("float32")


def windows(seeds):
    "One labelled window of one recording for each machine and seed."
    names = [f"{label}/{seed}" for label in TONES for seed in seeds]
    images = [spectrogram_image(stft(sound(label, seed), CONFIG), CONFIG)[:, :32] for label in TONES for seed in seeds]
    labels = np.repeat(list(TONES), len(seeds))
    return make_windows(np.stack(images), labels, recording=names, group=names, start=np.zeros(len(names)), config=CONFIG)


def images(seeds):
    "Images (n, frequency, time, 1) and labels (n,)."
    made = windows(seeds)
    return made["image"].values[..., None], made["label"].values


@cache
def denoiser():
    "A denoiser that learnt twelve recordings of each machine."
    return ScoreCAMDenoiser(training={"epochs": 60, "batch_size": 8}, verbose=False).fit(windows(range(12)))


def write_folder(folder, n=6, seconds=5.0):
    "A folder of recordings by class, as `train` reads it."
    for label in TONES:
        (folder / label).mkdir(parents=True)
        for seed in range(n):
            soundfile.write(folder / label / f"{label}{seed}.wav", sound(label, seed, seconds), 2000)
    return folder


@cache
def trained():
    "A folder that holds: machines (by class), settings.json, model (trained on machines), unknown.wav."
    place = Path(mkdtemp(prefix="machines-"))
    write_folder(place / "machines")
    (place / "settings.json").write_text(CONFIG.to_json())
    soundfile.write(place / "unknown.wav", sound("pump", 99, seconds=10), 2000)
    arguments = [str(place / "machines"), "--out", str(place / "model"), "--config", str(place / "settings.json"), "--epochs", "60", "--no-sound"]
    assert main(["train", *arguments]) == 0
    return place
