"From sound to pictures and back: exact, the same for streams and wholes, and clear about bad input."
import tracemalloc
from dataclasses import replace

import librosa
import numpy as np
import pytest
import soundfile
from scipy.ndimage import median_filter
from scipy.signal import ShortTimeFFT

from scorecam_denoise import spectrogram as sp
from scorecam_denoise.core import ScorecamError

CONFIG = sp.SpectrogramConfig()
MEL = sp.MelConfig()
FORMATS = [("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("ogg", "VORBIS"),
           ("mp3", "MPEG_LAYER_III"), ("aiff", "PCM_16")]


def noise(samples: int, seed: int = 0) -> np.ndarray:
    "White noise well below full scale."
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def tone(hz: float, seconds: float, rate: int = 4000) -> np.ndarray:
    "A sinusoid of amplitude 1."
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def sound_file(folder, samples=None, rate=16_000, name="a.wav", **options):
    "A sound file with noise, or with the samples given."
    path = folder / name
    soundfile.write(path, noise(rate * 4) if samples is None else samples, rate, **options)
    return path


# settings

def test_settings_survive_json_and_are_values():
    config = replace(CONFIG, fmin=50, db_range=(0, 20), whiten=None)
    again = sp.SpectrogramConfig.from_json(config.to_json())
    assert again == config and hash(again) == hash(config) and config.db_range == (0.0, 20.0)
    assert sp.SpectrogramConfig.from_json(CONFIG.to_json()) == CONFIG
    assert (CONFIG.frequencies[0], CONFIG.frequencies[-1], CONFIG.tile_seconds) == (20, 530, 16)


@pytest.mark.parametrize("wrong", [
    {"sample_rate": 0}, {"n_fft": 2001}, {"n_fft": "many"}, {"hop_length": 1001}, {"hop_length": 2.5}, {"fmin": -1},
    {"fmin": float("nan")}, {"n_frequency": 1000}, {"n_time": 1}, {"overlap": 1}, {"whiten": "pcen"}, {"whiten_gap": 32},
    {"whiten_alpha": 1}, {"db_range": (3, 3)}, {"db_range": 3},
])
def test_wrong_settings_are_named(wrong):
    with pytest.raises(ScorecamError, match=rf"{next(iter(wrong))}|row"):
        replace(CONFIG, **wrong)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", '{"n_ftt": 3}'])
def test_json_of_something_else_is_refused(text):
    with pytest.raises(ScorecamError, match="spectrogram settings"):
        sp.SpectrogramConfig.from_json(text)


# reading

@pytest.mark.parametrize("ending, subtype", FORMATS)
def test_every_format_is_read(tmp_path, ending, subtype):
    wave = 0.5 * tone(440, 2, 16_000)
    path = sound_file(tmp_path, wave, name=f"a.{ending}", subtype=subtype)
    samples, rate = sp.read_audio(path)
    assert rate == 16_000 and samples.dtype == np.float32 and samples.size == wave.size
    middle = slice(4000, 28_000)
    assert abs(samples[middle] - wave[middle]).max() < {"VORBIS": 0.05, "MPEG_LAYER_III": 0.05}.get(subtype, 1e-4)


@pytest.mark.parametrize("ending, subtype", FORMATS)
def test_a_truncated_file_is_refused(tmp_path, ending, subtype, capfd):
    path = sound_file(tmp_path, name=f"a.{ending}", subtype=subtype)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ScorecamError, match=rf"a\.{ending}.*truncated"):
        sp.read_audio(path)
    assert capfd.readouterr().err == ""


def test_a_stretch_and_a_channel(tmp_path):
    both = np.stack([noise(16_000, 1), noise(16_000, 2)], axis=1)
    path = sound_file(tmp_path, both, rate=8000, subtype="FLOAT")
    part, rate = sp.read_audio(path, channel=1, start=0.5, seconds=1)
    assert rate == 8000 and np.array_equal(part, both[4000:12_000, 1])
    with pytest.raises(ScorecamError, match="2 channels.*0 to 1"):
        sp.read_audio(path)
    with pytest.raises(ScorecamError, match="no channel 2"):
        sp.read_audio(path, channel=2)
    with pytest.raises(ScorecamError, match="nothing to read"):
        sp.read_audio(path, channel=0, start=5)


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not sound " * 100)
    sound_file(tmp_path, np.zeros(0), name="header.wav")
    sound_file(tmp_path, np.zeros(8000), name="silent.wav")
    hole = noise(16_000)
    hole[8000] = np.nan
    sound_file(tmp_path, hole, name="nan.wav", subtype="FLOAT")
    expected = {"missing.wav": "does not exist", "empty.wav": "empty", "text.wav": "not readable", "header.wav": "no sound",
                "silent.wav": "nothing but zeros", "nan.wav": "NaN.*0.5 s", ".": "folder"}
    for name, reason in expected.items():
        with pytest.raises(ScorecamError, match=reason) as caught:
            sp.read_audio(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_an_mp3_without_a_stated_length_is_counted(tmp_path):
    path = sound_file(tmp_path, name="a.mp3", bitrate_mode="CONSTANT", compression_level=0.5)
    stated = sp.audio_info(path).samples
    data = path.read_bytes()
    second = data.find(data[:2], 100)  # frame: the first one states the length
    path.write_bytes(b"ID3\x04\x00\x00\x00\x00\x4e\x10" + bytes(10_000) + data[second:])
    counted = sp.audio_info(path).samples
    assert abs(counted - stated) < 4000 and sp.read_audio(path)[0].size == counted


# resampling, frames, levels

@pytest.mark.parametrize("rate", [2000, 8000, 22_050, 44_100])
def test_resampled_blocks_equal_the_whole(rate):
    wave = noise(3 * rate + 7)
    whole = sp.resample(wave, rate, 4000)
    assert whole.size == sp.resampled_length(wave.size, rate, 4000)
    blocks = np.array_split(wave, 7)
    assert np.array_equal(np.concatenate(list(sp.resample_blocks(blocks, rate, 4000, wave.size))), whole)


def test_frames_equal_those_of_scipy():
    wave = noise(20_000)
    reference = ShortTimeFFT(sp.hann(2000), 1000, 4000, fft_mode="onesided", phase_shift=None)
    expected = reference.stft(np.pad(wave, 1000, mode="reflect"))
    frames = sp.stft(wave, CONFIG)
    assert frames.dtype == np.complex64 and frames.shape == (1001, 21)
    first = -reference.p_min + 1
    np.testing.assert_allclose(abs(frames), abs(expected[:, first : first + 21]), atol=2e-4)


@pytest.mark.parametrize("samples", [2000, 2001, 2999, 64_000, 64_001])
def test_every_sample_is_inside_a_frame(samples):
    frames = sp.n_frames(samples, CONFIG)
    assert sp.stft(noise(samples), CONFIG).shape[1] == frames
    assert 0 <= (frames - 1) * 1000 - (samples - 1) < 1000


def test_too_short_a_recording_is_refused(tmp_path):
    with pytest.raises(ScorecamError, match=r"0\.50 s .*at least one window"):
        sp.stft(noise(1999), CONFIG)
    path = sound_file(tmp_path, noise(4000), rate=16_000)
    with pytest.raises(ScorecamError, match=r"a\.wav.*at least one window"):
        next(sp.iter_blocks(path, CONFIG))


def test_a_rate_below_the_band_is_refused(tmp_path):
    with pytest.raises(ScorecamError, match="1000 Hz.*530 Hz"):
        next(sp.iter_blocks(sound_file(tmp_path, rate=1000), CONFIG))


def test_levels_are_those_of_sinusoids():
    spectrum = sp.stft(0.01 * tone(200, 8), CONFIG)
    row = np.argmin(abs(CONFIG.frequencies - 200))
    rms_db = 20 * np.log10(0.01 / np.sqrt(2))
    assert abs(sp.level_db(spectrum, CONFIG)[row, 2:-2] - rms_db).max() < 0.01
    assert abs(sp.level_db(spectrum, CONFIG, sensitivity_db=-176)[row, 2:-2] - (rms_db + 176)).max() < 0.01
    density = sp.level_db(sp.stft(noise(400_000), CONFIG), CONFIG) - 10 * np.log10(1.5 * CONFIG.bin_hz)
    assert abs(10 * np.log10((10 ** (density / 10)).mean()) - 10 * np.log10(0.1**2 / 2000)) < 0.1
    with pytest.raises(ScorecamError, match="sensitivity_db=176"):
        sp.level_db(spectrum, CONFIG, sensitivity_db=176)


# whitening

def test_noise_whitens_to_zero_db_and_lines_to_their_snr():
    wave = noise(240_000) + np.sqrt(2 * 10**1.5 * 0.01 / 2000 * 1.5 * 2).astype(np.float32) * tone(300, 60)
    whitened = sp.whitened_db(sp.stft(wave, CONFIG), CONFIG)
    row = np.argmin(abs(CONFIG.frequencies - 300))
    assert abs(whitened[row].mean() - 15) < 0.7
    rest = np.delete(whitened, np.arange(row - 2, row + 3), axis=0)
    assert abs(10 * np.log10((10 ** (rest / 10)).mean())) < 0.3
    assert abs(rest.mean(axis=1) - sp.mean_noise_db()).max() < 1.5


@pytest.mark.parametrize("slope, allowed", [(0, 0.6), (20, 1.1), (40, 1.9)])
def test_a_slope_is_levelled(slope, allowed):
    hz = np.fft.rfftfreq(480_000, 1 / 4000)
    coloured = np.fft.irfft(np.fft.rfft(noise(480_000)) * np.maximum(hz, 3) ** (-slope / 20))
    rows = sp.whitened_db(sp.stft(coloured, CONFIG), CONFIG).mean(axis=1)
    assert rows.std() < allowed


def test_whitening_ignores_gain_and_what_lies_beyond_reach():
    wave = noise(40_000)
    spectrum = sp.stft(wave, CONFIG)
    image = sp.spectrogram_image(spectrum, CONFIG)
    np.testing.assert_allclose(sp.spectrogram_image(sp.stft(100 * wave, CONFIG), CONFIG), image, atol=1e-4)
    wider = sp.spectrogram_image(spectrum, replace(CONFIG, n_frequency=400))[:256]
    np.testing.assert_allclose(wider[:-70], image[:-70], atol=1e-5)
    np.testing.assert_allclose(wider, image, atol=1e-4)


def test_images_lie_in_0_to_1_even_of_silence():
    half_silent = np.concatenate([noise(20_000), np.zeros(20_000, np.float32)])
    for config in (CONFIG, replace(CONFIG, whiten=None, db_range=(-30, 30))):
        image = sp.spectrogram_image(sp.stft(half_silent, config), config)
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1 and np.isfinite(image).all()


def test_without_whitening_the_median_of_each_frame_is_zero():
    plain = replace(CONFIG, whiten=None)
    assert abs(np.median(sp.whitened_db(sp.stft(noise(40_000), plain), plain), axis=0)).max() < 1e-5


# tiles

@pytest.mark.parametrize("overlap", [0, 0.3, 0.5, 0.75])
@pytest.mark.parametrize("frames", [1, 63, 64, 65, 200])
def test_tiles_come_back_exactly(frames, overlap):
    config = replace(CONFIG, overlap=overlap)
    image = np.random.default_rng(0).random((256, frames), dtype=np.float32)
    tiles, starts = sp.tile(image, config)
    assert tiles.shape == (len(starts), 256, 64, 1) and tiles.dtype == np.float32
    assert np.array_equal(sp.untile(tiles, starts, frames, config), image)
    assert np.all(sp.untile(np.ones_like(tiles), starts, frames, config) == 1)


def test_a_short_recording_is_filled_with_its_silence():
    image = np.random.default_rng(0).random((256, 20), dtype=np.float32)
    tiles, _ = sp.tile(image, CONFIG)
    assert np.array_equal(tiles[0, :, :20, 0], image)
    np.testing.assert_allclose(tiles[0, :, 20:, 0], np.median(image, axis=1)[:, None].repeat(44, 1), atol=1e-6)


# the way back

@pytest.mark.parametrize("rate", [4000, 8000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("extra", [0, 1, 777])
def test_a_mask_of_ones_keeps_60_db_inside_the_band(rate, extra):
    wave = noise(8 * rate + extra)
    spectrum = sp.stft(sp.resample(wave, rate, 4000), CONFIG)
    back = sp.invert(spectrum, np.ones((256, spectrum.shape[1])), CONFIG, rate=rate, samples=wave.size)
    assert back.shape == wave.shape and back.dtype == np.float32
    fade, hz = np.hanning(wave.size), np.fft.rfftfreq(wave.size, 1 / rate)
    inside, above = (hz >= 20) & (hz <= 530), hz > 550
    before, after = np.fft.rfft(wave * fade), np.fft.rfft(back * fade)
    assert 20 * np.log10(np.linalg.norm(before[inside]) / np.linalg.norm((after - before)[inside])) >= 60
    assert 20 * np.log10(np.linalg.norm(before[inside]) / np.linalg.norm(after[above])) >= 60


def test_a_mask_takes_out_what_it_covers():
    wave = tone(100, 8) + tone(300, 8)
    mask = np.ones((256, 33))
    mask[100:] = 0
    back = sp.invert(sp.stft(wave, CONFIG), mask, CONFIG, rate=4000, samples=wave.size)
    assert np.std((back - tone(100, 8))[2000:-2000]) < 1e-3
    with pytest.raises(ScorecamError, match="expected a mask"):
        sp.invert(sp.stft(wave, CONFIG), mask[:, :-1], CONFIG, rate=4000, samples=wave.size)


# streams

@pytest.mark.parametrize("rate, seconds, per_block", [(4000, 70, 1), (16_000, 41.3, 2), (22_050, 70.01, 64), (8000, 5.7, 3)])
def test_a_stream_gives_what_the_whole_gives(tmp_path, rate, seconds, per_block):
    path = sound_file(tmp_path, noise(round(rate * seconds)), rate=rate, subtype="FLOAT")
    spectrum = sp.stft(sp.resample(*sp.read_audio(path), 4000), CONFIG)
    image = sp.spectrogram_image(spectrum, CONFIG)
    tiles, starts = sp.tile(image, CONFIG)
    drawn = np.random.default_rng(1).random(tiles.shape, dtype=np.float32)
    mask = sp.untile(drawn, starts, image.shape[1], CONFIG)
    blocks = list(sp.iter_blocks(path, CONFIG, tiles_per_block=per_block))
    assert sum(block.settled - block.start for block in blocks) == blocks[-1].settled == image.shape[1]
    parts, used = [], 0
    for block in blocks:
        images, where = sp.tile(sp.spectrogram_image(block.spectrum, CONFIG), CONFIG)
        assert np.array_equal(where + block.start, starts[used : used + len(where)])
        np.testing.assert_allclose(images, tiles[used : used + len(where)], atol=2e-5)
        parts.append((block, drawn[used : used + len(where)]))
        used += len(where)
    merged = list(sp.merge_blocks(parts, CONFIG))
    np.testing.assert_allclose(np.concatenate([part for _, part in merged], axis=1), mask, atol=1e-6)
    info = sp.audio_info(path)
    streamed = np.concatenate(list(sp.invert_blocks(merged, CONFIG, rate=rate, samples=info.samples)))
    whole = sp.invert(spectrum, mask, CONFIG, rate=rate, samples=info.samples)
    assert streamed.size == info.samples
    np.testing.assert_allclose(streamed, whole, atol=1e-5)


def through(path, out):
    "The most memory, in bytes, that a file needs on its way through a mask of ones."
    tracemalloc.start()
    blocks = ((block, np.ones((len(sp.tile_starts(block.spectrum.shape[1], CONFIG)), 256, 64)))
              for block in sp.iter_blocks(path, CONFIG, tiles_per_block=4))
    info = sp.audio_info(path)
    pieces = sp.invert_blocks(sp.merge_blocks(blocks, CONFIG), CONFIG, rate=info.rate, samples=info.samples)
    sp.write_audio(out, pieces, info.rate)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_file(tmp_path):
    short, long = (sound_file(tmp_path, np.tile(noise(80_000), n), rate=8000, name=f"{n}.wav") for n in (18, 72))
    little, much = through(short, tmp_path / "o.wav"), through(long, tmp_path / "p.wav")
    assert much < 1.1 * little < 200e6
    assert soundfile.info(tmp_path / "p.wav").frames == 72 * 80_000


def test_a_stream_that_breaks_leaves_no_file(tmp_path):
    def pieces():
        yield noise(1000)
        raise ScorecamError("cut off")
    with pytest.raises(ScorecamError, match="cut off"):
        sp.write_audio(tmp_path / "o.wav", pieces(), 4000)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ScorecamError, match="cannot be written"):
        sp.write_audio(tmp_path / "o.docx", [noise(1000)], 4000)


def test_a_silent_or_damaged_stream_is_refused(tmp_path):
    with pytest.raises(ScorecamError, match="nothing but zeros"):
        list(sp.iter_blocks(sound_file(tmp_path, np.zeros(64_000)), CONFIG))


# mel pictures

def test_mel_settings_survive_json_and_are_values():
    config = replace(MEL, fmin=100, db_range=(-40, 0))
    again = sp.MelConfig.from_json(config.to_json())
    assert again == config and hash(again) == hash(config) and config.db_range == (-40.0, 0.0)
    assert (MEL.tile_seconds, MEL.samples, MEL.seconds_per_frame, MEL.frequencies.shape) == (1, 16_000, 1 / 32, (32,))


@pytest.mark.parametrize("wrong", [
    {"sample_rate": 0}, {"n_fft": 1025}, {"hop_length": 513}, {"hop_length": 0}, {"fmin": -1}, {"fmin": 8000}, {"fmax": 8001},
    {"fmax": float("inf")}, {"n_frequency": 3}, {"n_frequency": 512}, {"n_frequency": "all"}, {"n_time": 1}, {"n_time": 2}, {"db_range": (0, -60)}, {"db_range": 60},
])
def test_wrong_mel_settings_are_named(wrong):
    with pytest.raises(ScorecamError, match=next(iter(wrong))):
        replace(MEL, **wrong)


@pytest.mark.parametrize("text", ["", "{", '{"whiten": null}'])
def test_mel_json_of_something_else_is_refused(text):
    with pytest.raises(ScorecamError, match="spectrogram settings"):
        sp.MelConfig.from_json(text)


def test_mel_power_is_that_of_librosa():
    wave = noise(16_000)
    options = dict(sr=16_000, n_fft=1024, hop_length=500, n_mels=32, fmin=50, fmax=8000, pad_mode="reflect")
    expected = librosa.feature.melspectrogram(y=wave, **options)[:, :32]
    np.testing.assert_allclose(sp.mel_power(wave, MEL), expected, rtol=1e-3)
    np.testing.assert_allclose(MEL.frequencies, librosa.mel_frequencies(34, fmin=50, fmax=8000)[1:-1])


def test_a_mel_picture_is_relative_to_its_loudest_pixel():
    wave = noise(16_000) + tone(1000, 1, 16_000)
    power, image = sp.mel_power(wave, MEL), sp.mel_image(wave, MEL)
    assert image.dtype == np.float32 and image.shape == (32, 32) and image.max() == 1 and image.min() >= 0
    np.testing.assert_allclose(image, np.clip(1 + 10 * np.log10(power / power.max()) / 60, 0, 1), atol=1e-5)
    np.testing.assert_allclose(sp.mel_image(1e-3 * wave, MEL), image, atol=1e-4)
    assert np.array_equal(sp.power_image(power, MEL), image)
    faint = sp.mel_image(tone(1000, 1, 16_000), MEL)
    assert faint[-1, 2:].max() == 0  # below -60 dB; the mirrored beginning has a kink


@pytest.mark.parametrize("sound, reason", [
    (np.zeros(16_000), "nothing but zeros"), (np.ones(15_999), "shape"), (np.ones((2, 16_000)), "shape"),
    (np.full(16_000, np.nan), "NaN"), (np.full(16_000, np.inf), "infinite"),
])
def test_clips_without_a_mel_picture_are_refused(sound, reason):
    with pytest.raises(ScorecamError, match=reason):
        sp.mel_image(sound, MEL)


def test_a_mask_of_ones_gives_the_clip_back_and_zeros_silence():
    for config in (MEL, replace(MEL, n_fft=512, hop_length=250, n_time=64), replace(MEL, sample_rate=8000, fmax=4000)):
        wave = noise(config.samples)
        shape = (config.n_frequency, config.n_time)
        back = sp.mel_sound(wave, np.ones(shape), config)
        assert back.dtype == np.float32 and back.shape == wave.shape and abs(back - wave).max() < 1e-5
        assert not sp.mel_sound(wave, np.zeros(shape), config).any()


def test_a_mel_mask_takes_out_what_it_covers():
    low, high = tone(300, 1, 16_000), tone(3000, 1, 16_000)
    mask = np.repeat((MEL.frequencies < 1000)[:, None], 32, axis=1)
    assert np.std((sp.mel_sound(low + high, mask, MEL) - low)[1000:-1000]) < 0.01
    half = np.zeros((32, 32))
    half[:, :16] = 1
    kept = sp.mel_sound(low, half, MEL)
    assert np.std(kept[:7000] - low[:7000]) < 1e-4 and np.std(kept[9000:]) < 1e-4


def test_a_bin_takes_the_mean_of_the_bands_that_cover_it():
    mask = np.random.default_rng(0).random((32, 32), dtype=np.float32)
    triangles = librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=32, fmin=50, fmax=8000, norm=None)
    spread, covered = sp.spread_mel_mask(mask, MEL), triangles.sum(axis=0) > 1e-3
    np.testing.assert_allclose(spread[covered], (triangles.T @ mask)[covered] / triangles.sum(axis=0)[covered, None], atol=1e-4)
    assert np.array_equal(spread[0], mask[0]) and np.array_equal(spread[-1], mask[-1])


def test_sound_and_mask_of_a_clip_must_fit():
    with pytest.raises(ScorecamError, match="expected"):
        sp.mel_sound(noise(16_000), np.ones((32, 33)), MEL)
    with pytest.raises(ScorecamError, match="expected"):
        sp.mel_sound(noise(16_001), np.ones((32, 32)), MEL)


# the detector

def test_the_detector_is_a_median_and_a_mean():
    level = np.random.default_rng(0).standard_normal((3, 80, 50))
    found = sp.split_window_detector(level, median_bins=9, mean_frames=5)
    excess = level - median_filter(level, size=(1, 9, 1), mode="reflect")
    expected = np.stack([excess[..., max(0, t - 2) : t + 3].mean(axis=-1) for t in range(50)], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(sp.split_window_detector(level[0], median_bins=9, mean_frames=5), found[0], atol=1e-6)
    with pytest.raises(ScorecamError, match="odd"):
        sp.split_window_detector(level, median_bins=10)


def test_the_detector_finds_a_weak_line():
    amplitude = np.sqrt(2 * 0.01 / 2000 * 1.5 * 2)  # 0 dB in its bin
    wave = noise(128_000) + amplitude.astype(np.float32) * tone(250, 32)
    found = sp.split_window_detector(sp.level_db(sp.stft(wave, CONFIG), CONFIG))
    assert found.mean(axis=1).argmax() == np.argmin(abs(CONFIG.frequencies - 250))
    assert {"median_bins": 25, "mean_frames": 31} in sp.detector_grid()


SONG = sp.SONG_CONFIGS["song-small"]


def test_the_studys_picture_goes_by_name():
    c = sp.SONG_CONFIGS["song"]
    assert (c.n_fft, c.n_frequency, c.n_time, c.fmin, c.fmax, c.seconds, c.db_range) == (512, 480, 960, 1500, 9000, 4, (-40, 5))
    assert abs(1 - c.hop_length / c.n_fft - 0.95) < 0.001 and SONG == replace(c, n_frequency=120, n_time=240)


def test_a_tone_stands_in_its_row_and_column_of_a_song_picture():
    sound = np.zeros(SONG.samples, np.float32)
    sound[48_000:60_000] = tone(5000, 0.5, 24_000)
    power = sp.song_power(sound + 0.001 * noise(SONG.samples), SONG)
    image, (row, column) = sp.draw_song(power, SONG), np.unravel_index(power.argmax(), power.shape)
    assert abs(SONG.frequencies[row] - 5000) <= SONG.row_hz and 2.0 <= column * SONG.seconds_per_frame <= 2.5
    assert image[row, column] == image.max() == 1 and image.min() >= 0


def test_a_song_pictures_levels_are_those_of_its_pixels_that_one_in_a_hundred_exceeds():
    power = sp.song_power(noise(SONG.samples), SONG)
    image = sp.draw_song(power, SONG)
    db = 10 * np.log10(power / np.percentile(power, 99))
    assert np.allclose(image, np.clip((db + 40) / 45, 0, 1), atol=1e-5)
    assert np.allclose(sp.draw_song(100 * power, SONG), image, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.99])
def test_a_short_song_is_filled_up_with_its_own_silence(seconds):
    sound = noise(round(seconds * 24_000))
    power = sp.song_power(sound, SONG)
    image = sp.draw_song(power, SONG)
    columns = power.shape[1]
    assert columns == round(240 * seconds / 4) and np.ptp(image[:, columns:]) == 0
    assert columns == 240 or np.isclose(image[0, -1], np.median(image[:, :columns]), atol=1e-6)


def test_what_a_mask_leaves_of_a_song_is_what_it_covers():
    low, high = tone(2500, 4, 24_000), tone(7000, 4, 24_000)
    mask = np.repeat(SONG.frequencies[:, None] < 5000, 240, axis=1)
    kept = sp.song_sound(low + high, mask, SONG)
    assert 10 * np.log10(np.mean((kept - low)[1000:-1000] ** 2) / np.mean(low**2)) < -30


@pytest.mark.parametrize("change, words", [
    (dict(background="grey"), "'black' or 'white'"), (dict(fmin=9000), "below fmax"), (dict(fmax=13_000), "half the sample rate"), (dict(n_frequency=3), "4 rows"),
    (dict(n_time=1), "2 columns"), (dict(seconds=0.01), "a window"), (dict(db_range=(5, -40)), "low below high"), (dict(hop_length=300), "n_fft/2"), (dict(fmin="low"), "fmin"),
])  # fmt: skip
def test_song_settings_that_cannot_be_are_told(change, words):
    with pytest.raises(ScorecamError, match=words):
        replace(SONG, **change)


@pytest.mark.parametrize("sound, words", [
    (np.zeros(SONG.samples + 1), "at most 96000"), (np.zeros((2, 10)), "shape"), (np.full(SONG.samples, np.nan), "NaN"), (np.zeros(SONG.samples), "without any sound"),
    (np.ones(100), "at least one window"),
])  # fmt: skip
def test_sound_that_makes_no_song_picture_is_told(sound, words):
    with pytest.raises(ScorecamError, match=words):
        sp.clip_image(sound, SONG)


def test_a_mask_of_another_picture_is_told():
    with pytest.raises(ScorecamError, match="mask"):
        sp.song_sound(noise(SONG.samples), np.ones((32, 32)), SONG)


@pytest.mark.parametrize("text", ["", "{", '{"background": "black", "colour": 1}', '{"fmax": "high"}'])
def test_text_that_holds_no_settings_is_told(text):
    with pytest.raises(ScorecamError):
        sp.any_config(text)
