"""Laws of the beat: clicks are counted as they fall, bars begin on accents, and no count ever jumps or goes back."""

import numpy as np
import pytest

from engine.space.beat import ClickBeats, Pulse, TempoBeats, pulses_of
from engine.space.beat_clock import BeatClock
from engine.space.conductor import Conductor

RATE, TICK_HZ = 16_000, 50.0


def clicks(bpm, seconds, beats_per_bar=4, accent="pitch", start=0.5):
    """A click track: its samples and the instants in seconds."""
    samples, times = np.zeros(round(seconds * RATE), np.float32), np.arange(start, seconds - 0.1, 60 / bpm)
    t = np.arange(400) / RATE
    for k, at in enumerate(times):
        first = k % beats_per_bar == 0
        hz = 1600 if first and accent == "pitch" else 1000
        loud = 0.5 if first or accent != "level" else 0.3
        begin = round(at * RATE)
        samples[begin : begin + 400] += (loud * np.sin(2 * np.pi * hz * t) * np.exp(-t * 150)).astype(np.float32)
    return samples, times


def pulse_at(pulses, seconds):
    return pulses[round(seconds * TICK_HZ) - 1]


@pytest.mark.parametrize("bpm", [60, 97.3, 132, 200])
@pytest.mark.parametrize("beats_per_bar, accent", [(4, "pitch"), (3, "level"), (7, "pitch")])
def test_clicks_are_beats_and_accents_begin_bars(bpm, beats_per_bar, accent):
    samples, times = clicks(bpm, 16.0, beats_per_bar, accent)
    pulses = pulses_of(ClickBeats(), samples, TICK_HZ)
    for seconds in (12.0, 13.3, 15.0):
        beats = (seconds - times[0]) * bpm / 60
        pulse = pulse_at(pulses, seconds)
        assert pulse.known and pulse.count == pytest.approx(beats, abs=0.01)
        if times[-1] * bpm / 60 > 2 * beats_per_bar + 2:
            assert pulse.beats_per_bar == beats_per_bar
            assert pulse.in_bar == pytest.approx(beats % beats_per_bar, abs=0.02)


@pytest.mark.parametrize("make", [ClickBeats, TempoBeats])
def test_blocks_change_nothing_and_nothing_is_known_early(make):
    samples = clicks(120, 6.0)[0]
    whole = pulses_of(make(), samples, TICK_HZ)
    assert any(pulse.known for pulse in whole)
    beats, tick = make(), 0
    for at in range(0, len(samples), 77):
        beats.hear(samples[at : at + 77])
        while (tick + 1) * 320 <= min(at + 77, len(samples)):
            assert beats.at((tick + 1) * 320) == whole[tick]
            tick += 1
    assert tick == len(whole)


def test_a_beat_that_went_unheard_is_counted_and_a_new_tempo_learnt():
    clock = BeatClock()
    times = [k * 0.5 for k in range(20) if k not in (7, 12, 13)]
    for seconds in times:
        clock.strike(seconds)
    assert clock.count(9.5) == pytest.approx(19.0) and clock.period_seconds == pytest.approx(0.5)
    for bpm in (70, 140, 65, 180):
        start = clock._last_seconds
        for k in range(1, 14):
            clock.strike(start + k * 60 / bpm)
        assert clock.period_seconds == pytest.approx(60 / bpm, rel=0.01)


def test_beats_that_waver_never_make_the_count_jump_or_go_back():
    rng = np.random.default_rng(6)
    clock, seconds, counts = BeatClock(), 0.0, []
    for _ in range(200):
        clock.strike(seconds)
        following = seconds + 0.5 * rng.uniform(0.7, 1.4)
        counts += [clock.count(t) for t in np.linspace(seconds, following, 20, endpoint=False)]
        seconds = following
    steps = np.diff(counts)
    assert steps.min() > 0.0 and steps.max() < 0.2


def test_a_click_that_stops_is_no_beat_any_more():
    samples = np.concatenate([clicks(120, 4.0)[0], np.zeros(6 * RATE, np.float32)])
    pulses = pulses_of(ClickBeats(), samples, TICK_HZ)
    assert pulse_at(pulses, 4.0).known and not pulse_at(pulses, 9.0).known


def test_silence_and_noise_are_no_click_track():
    assert not any(pulse.known for pulse in pulses_of(ClickBeats(), np.zeros(3 * RATE, np.float32), TICK_HZ))
    assert not any(pulse.known for pulse in pulses_of(TempoBeats(), np.zeros(3 * RATE, np.float32), TICK_HZ))


class Script:
    """Beats as written: (from second, pulse of second)."""

    def __init__(self, pulse):
        self._pulse = pulse

    def hear(self, samples):
        pass

    def reset(self):
        pass

    def at(self, end_sample):
        return self._pulse(end_sample / RATE)


def conducted(conductor, seconds, tell=lambda conductor, seconds: None):
    counts = []
    for tick in range(round(seconds * TICK_HZ)):
        tell(conductor, tick / TICK_HZ)
        conductor.tick(round((tick + 1) * RATE / TICK_HZ), (tick + 1) / TICK_HZ)
        counts.append(conductor.count)
    return np.array(counts)


def test_without_a_beat_the_usual_tempo_runs():
    counts = conducted(Conductor(Script(lambda s: Pulse()), 90.0, 4), 20.0)
    np.testing.assert_allclose(np.diff(counts), 1.5 / TICK_HZ, rtol=1e-9)


def test_a_beat_found_late_is_met_bar_and_all_without_a_jump():
    def pulse(seconds):  # 100 a minute, in three, found after 5 s, lost after 30 s, and not at the count's own place
        count = 7.4 + seconds * 100 / 60
        return Pulse(5.0 < seconds < 30.0, count, (count - 1) % 3, 3)

    counts = conducted(Conductor(Script(pulse), 140.0, 4), 40.0)
    steps = np.diff(counts)
    assert steps.min() > 0.0 and steps.max() < 0.06
    at = np.arange(1, len(counts) + 1) / TICK_HZ
    late = (counts - [pulse(s).in_bar for s in at] + 1.5) % 3 - 1.5
    assert np.abs(late[(at > 25) & (at < 30)]).max() < 0.02
    assert counts[-1] - counts[-501] == pytest.approx(10 * 100 / 60, rel=0.02), "it forgot the tempo"


def test_beats_from_outside_go_before_those_that_are_heard():
    heard = Script(lambda s: Pulse(True, 2.5 * s, 2.5 * s % 4, 4))

    def tap(conductor, seconds):
        if seconds < 20.0 and round(seconds * TICK_HZ) % 30 == 0:  # 100 a minute
            conductor.beat(1 + round(seconds * TICK_HZ) // 30 % 4)

    conductor = Conductor(heard, 120.0, 4)
    counts = conducted(conductor, 30.0, tap)
    assert (counts[900] - counts[600]) / 6.0 == pytest.approx(100 / 60, rel=0.01)
    assert (counts[-1] - counts[-201]) / 4.0 == pytest.approx(2.5, rel=0.05)
    assert np.diff(counts).min() >= 0.0
