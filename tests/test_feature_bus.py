"""Laws of the live features: they are librosa's, given its window; causal; told in time. And of tempo and beat."""

from __future__ import annotations

import numpy as np
import pytest

from engine.chain import Chain, ChainError
from engine.events import Feature
from engine.features.bus import HOP_SAMPLES, SAMPLE_RATE, FeatureBus
from engine.features.catalogue import DEFAULT_NAMES, FEATURES
from engine.features.perceptual import cepstral_matrix, chroma_filterbank, mel_filterbank
from engine.features.spectrum import WINDOW_SAMPLES
from engine.features.tempo import RATE_HZ, TempoTracker
from engine.lane import Lane
from engine.outbox import Outbox
from engine.spec import StreamSpec
from engine.stages.features import FeaturesStage
from tests.test_strike import hits

STREAM = StreamSpec("voice", SAMPLE_RATE)


def music(seconds: float = 2.0) -> np.ndarray:
    """A gliding chord under bursts of noise, over a room that is not quite silent."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(len(t))
    chord = sum(np.sin(2 * np.pi * hz * t * (1 + 0.1 * t)) for hz in (220.0, 277.0, 330.0))
    return (0.1 * chord + 0.05 * noise * (np.sin(4 * np.pi * t) > 0) + 1e-3 * noise).astype(np.float32)


def frames(samples: np.ndarray, names=tuple(FEATURES), n_hops: int = 1) -> dict[str, np.ndarray]:
    """[n_values, n_frames] by name, read every `n_hops` hops."""
    bus = FeatureBus(names, n_hops)
    kept: dict[str, list] = {name: [] for name in names}
    for k in range(len(samples) // HOP_SAMPLES):
        bus.hear(samples[k * HOP_SAMPLES : (k + 1) * HOP_SAMPLES])
        if (k + 1) % n_hops == 0:
            for name, values in bus.values().items():
                kept[name].append(values.copy())
    return {name: np.array(rows).T for name, rows in kept.items()}


def heard(samples: np.ndarray, **options) -> list[Feature]:
    chain = Chain([("features", FeaturesStage(**options))], STREAM)
    hop = chain.hop_samples
    return [event for at in range(0, len(samples) - hop + 1, hop) for event in chain.process(samples[at : at + hop])]


@pytest.fixture(scope="module")
def reference():
    pytest.importorskip("librosa", reason="the reference is in the extra 'features'")
    from benchmarks.features import reference

    return reference


def test_the_tables_are_those_of_librosa(reference):
    filters = reference.librosa.filters
    of = {"sr": SAMPLE_RATE, "n_fft": WINDOW_SAMPLES}
    np.testing.assert_allclose(mel_filterbank(SAMPLE_RATE, WINDOW_SAMPLES), filters.mel(**of), atol=1e-7)
    np.testing.assert_allclose(chroma_filterbank(SAMPLE_RATE, WINDOW_SAMPLES), filters.chroma(**of), atol=1e-6)
    assert np.allclose(cepstral_matrix(20) @ cepstral_matrix(20).T, np.eye(20))  # orthonormal


@pytest.fixture(scope="module")
def both(reference):
    """(live frames, librosa's on the same window, right-aligned, with a fixed reference) of each name."""
    return frames(music()), reference.live(music())


@pytest.mark.parametrize("name", [name for name in FEATURES if name not in ("waveform", "tempo", "beat")])
def test_a_live_feature_is_librosas_on_the_same_window(both, reference, name):
    live, theirs = both[0][name][:, 20:], both[1][name][:, 20:]  # once the window is full
    tolerance = reference.LIVE_TOLERANCES[name]
    assert live.shape == theirs.shape and theirs.std() > 10 * tolerance
    np.testing.assert_allclose(live, theirs, rtol=0, atol=tolerance)


def test_the_waveform_holds_every_extreme_since_the_last():
    samples = music()
    (pairs,) = frames(samples, ["waveform"], n_hops=4).values()
    parts = samples[: pairs.shape[1] * 640].reshape(-1, 8, 80)
    np.testing.assert_array_equal(pairs.T.reshape(-1, 8, 2), np.stack([parts.min(2), parts.max(2)], -1))


def test_what_comes_later_changes_nothing():
    samples = music()
    changed = samples.copy()
    changed[SAMPLE_RATE:] = 0.9
    before, after = heard(samples, names=list(FEATURES)), heard(changed, names=list(FEATURES))
    early = [event for event in before if event.at_sample <= SAMPLE_RATE]
    assert len(early) == 50 * len(FEATURES)
    assert early == after[: len(early)] and before != after


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_alone_is_what_it_is_in_company(name):
    alone, together = (heard(music(0.5), names=names) for names in ([name], list(FEATURES)))
    assert alone == [event for event in together if event.name == name] and len(alone) == 25
    assert {len(event.values) for event in alone} == {FEATURES[name].n_values}


@pytest.mark.parametrize("rate_hz, n_told", [(100, 100), (50, 50), (33, 33), (25, 25), (30.0, 33)])
def test_each_is_told_so_many_times_a_second_and_no_later_than_declared(rate_hz, n_told):
    stage = FeaturesStage(names=["rms", "onset"], rate_hz=rate_hz)
    chain = Chain([("features", stage)], STREAM)
    told = [event for hop in music(1.0).reshape(-1, chain.hop_samples) for event in chain.process(hop)]
    assert [event.name for event in told] == ["rms", "onset"] * (len(told) // 2) and len(told) // 2 - n_told in (0, 1)
    assert set(np.diff([event.at_sample for event in told[::2]])) == {stage.latency_samples + 1}
    assert told[0].at_sample <= stage.latency_samples + 1
    assert {event.source for event in told} == {"voice"}


def test_sources_take_turns():
    firsts = []
    for name in "abcdefghijklmnop":
        chain = Chain([("features", FeaturesStage(["rms"], rate_hz=25))], StreamSpec(name, SAMPLE_RATE))
        firsts.append(next(k for k in range(4) if chain.process(np.zeros(chain.hop_samples, np.float32))))
    assert max(firsts.count(k) for k in range(4)) <= 6 and set(firsts) == set(range(4))


def test_onset_tells_the_greatest_of_the_hops_between():
    samples = np.concatenate([hits(4_000, 9_000), np.zeros(160)]).astype(np.float32)
    every, fourth = (frames(samples, ["onset"], n)["onset"][0] for n in (1, 4))
    np.testing.assert_array_equal(fourth, every[: len(fourth) * 4].reshape(-1, 4).max(1))
    assert every.max() > 5.0


def test_silence_is_silent_and_finite():
    events = heard(np.zeros(SAMPLE_RATE, np.float32), names=list(FEATURES))
    assert len(events) == 50 * len(FEATURES)
    for event in events:
        assert np.isfinite(event.values).all()
        if event.name not in ("logmel", "mfcc13", "mfcc20", "tempo", "beat"):
            assert not any(event.values), event.name
        if event.name == "logmel":
            assert max(event.values) == pytest.approx(-100.0, abs=1e-3)


def test_reset_repeats_and_blocks_change_nothing():
    def through_lane(size: int, lane: Lane) -> list:
        lane.reset()
        return [event for at in range(0, len(take), size) for event in lane.push(take[at : at + size])]

    take = music()[:, None]
    lane = Lane("voice", Chain([("features", FeaturesStage())], STREAM), (0,), 44_100, 1024)
    expected = through_lane(1024, lane)
    assert len(expected) > 30 * len(DEFAULT_NAMES)
    assert through_lane(100, lane) == expected


def test_features_are_the_first_to_go_when_a_bridge_falls_behind():
    outbox = Outbox(("voice",), capacity=10)
    for _ in range(20):
        outbox.put(Feature("voice", 0, 0, "rms", (0.5,)))
    assert outbox.n_dropped == 0 and outbox.n_thinned == 14 and len(outbox) == 6


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"names": ["rms", "colour"]}, "there is no feature 'colour'; names may hold: waveform, logmel, mfcc13"),
        ({"names": []}, "names of the stage features is empty; it may hold: waveform"),
        ({"rate_hz": 200}, "rate_hz of the stage features is 200; it must be from 25 to 100"),
        ({"rate_hz": "fast"}, "rate_hz of the stage features is 'fast'; it must be from 25 to 100"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(options, sentence):
    with pytest.raises(ValueError) as refusal:
        FeaturesStage(**options)
    assert str(refusal.value).startswith(sentence)


def test_names_may_be_a_string_and_stand_once():
    assert FeaturesStage(names="rms, chroma,rms").names == ("rms", "chroma")


def test_another_rate_is_refused():
    with pytest.raises((ValueError, ChainError), match="hears at 16000 Hz, not at 44100"):
        Chain([("features", FeaturesStage())], StreamSpec("voice", 44_100))


# Tempo and beat


def clicks(bpm: float, seconds: float, jitter_seconds: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(onset strengths, when they are due): a strong one at each beat, over a little noise."""
    random = np.random.default_rng(1)
    strengths = 0.1 * random.random(int(seconds * RATE_HZ))
    beats = np.arange(0.5, seconds - 0.5, 60 / bpm)
    at = np.round((beats + jitter_seconds * random.standard_normal(len(beats))) * RATE_HZ).astype(int)
    strengths[at] += 4.0
    return strengths, beats


def followed(strengths: np.ndarray) -> tuple[TempoTracker, np.ndarray, np.ndarray]:
    """The tracker, when it said beat, and its phase at each hop."""
    tracker, beats, phases, n_before = TempoTracker(), [], [], 0
    for hop, strength in enumerate(strengths):
        tracker.hear(float(strength))
        phases.append(tracker.phase)
        if tracker.n_beats > n_before:
            n_before = tracker.n_beats
            beats.append(hop / RATE_HZ)
    return tracker, np.array(beats), np.array(phases)


@pytest.mark.parametrize("bpm", [72.0, 90.0, 120.0, 143.0, 165.0])
def test_the_tempo_of_a_steady_beat_is_found_and_its_beats_foretold(bpm):
    strengths, due = clicks(bpm, 20.0, jitter_seconds=0.008)
    tracker, told, _ = followed(strengths)
    assert tracker.tempo_bpm == pytest.approx(bpm, rel=0.02)
    late = due[due > 8.0]
    assert np.abs(told[:, None] - late).min(axis=0).max() < 0.06
    assert len(told[told > 8.0]) == pytest.approx(len(late), abs=2)


def test_the_tempo_is_followed_where_it_changes():
    tracker, *_ = followed(np.concatenate([clicks(100.0, 15.0)[0], clicks(132.0, 20.0)[0]]))
    assert tracker.tempo_bpm == pytest.approx(132.0, rel=0.02)


def test_the_phase_only_rises_and_goes_on_through_silence():
    tracker, told, phases = followed(np.concatenate([clicks(120.0, 12.0)[0], np.zeros(8 * RATE_HZ)]))
    steps = np.mod(np.diff(phases), 1.0)
    assert 0.0 < steps.min() and steps.max() < 0.06 and ((phases >= 0) & (phases < 1)).all()
    in_silence = told[told > 12.5]
    assert np.diff(in_silence) == pytest.approx(0.5, abs=0.03) and len(in_silence) >= 14


def test_a_beat_is_believed_and_noise_is_not():
    beat, _, _ = followed(clicks(120.0, 20.0)[0])
    noise, _, _ = followed(np.random.default_rng(3).random(20 * RATE_HZ))
    silence, _, _ = followed(np.zeros(RATE_HZ))
    assert beat.confidence > 0.5 > 0.25 > noise.confidence
    assert silence.confidence == 0.0


def test_the_tracker_resets():
    tracker, told, phases = followed(clicks(120.0, 6.0)[0])
    tracker.reset()
    assert (tracker.n_beats, tracker.phase, tracker.confidence) == (0, 0.0, 0.0)
