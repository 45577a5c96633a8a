"""Laws of a lane: block size and rate stop to matter here, and what is no sound becomes silence."""

from dataclasses import replace

import numpy as np
import pytest

from engine.chain import Chain
from engine.ending import Ending
from engine.events import Fault, Level, NoteOff, NoteOn, Pedal, Strike
from engine.lane import Lane
from engine.spec import StreamSpec
from tests.support.toy_stages import ClickStage, ForgetfulGateStage, GateStage

BLOCK = 1024


def make(sample_rate=48_000, channels=(0,), stages=None):
    stages = stages or [("click", ClickStage(threshold=0.2)), ("gate", GateStage())]
    return Lane("x", Chain(stages, StreamSpec("x", 16_000)), channels, sample_rate, BLOCK)


def hear(lane, samples, block=BLOCK):
    samples = samples[:, None] if samples.ndim == 1 else samples
    return [event for at in range(0, len(samples), block) for event in lane.push(samples[at : at + block])]


def pulses(sample_rate, *seconds, length=1.0):
    samples = np.zeros(round(length * sample_rate), np.float32)
    for at in seconds:
        start = round(at * sample_rate)
        samples[start : start + sample_rate // 1000] = 0.9
    return samples


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100, 47_999, 48_000, 96_000])
def test_any_split_into_blocks_gives_the_same_events(sample_rate):
    samples = pulses(sample_rate, 0.1, 0.37, 0.371, 0.8)
    lane = make(sample_rate)
    whole = hear(lane, samples)
    assert len(whole) > 4
    for block in (1, 32, 64, 100, 480):
        lane.reset()
        assert hear(lane, samples, block) == whole


@pytest.mark.parametrize("sample_rate", [8_000, 44_100, 48_000, 96_000, 192_000])
def test_events_speak_of_source_frames_whatever_the_rate(sample_rate):
    at_seconds = (0.1003, 0.5, 0.7777)
    lane = make(sample_rate, stages=[("click", ClickStage(threshold=0.2))])
    strikes = hear(lane, pulses(sample_rate, *at_seconds))
    following = zip(strikes, strikes[1:], strict=False)
    firsts = [strikes[0]] + [b for a, b in following if b.at_sample - a.at_sample > 0.05 * sample_rate]
    assert len(firsts) == 3
    for strike, at in zip(firsts, at_seconds, strict=True):
        assert abs(strike.at_sample / sample_rate - at) < 0.0005
        declared = sum(lane.latency_seconds()[row] for row in ("resample", "click"))
        assert 0 <= strike.reported_sample - strike.at_sample <= declared * sample_rate + 2


def test_an_event_is_reported_at_the_first_frame_that_makes_it_known():
    samples = pulses(48_000, 0.1)[:, None]
    lane = make(stages=[("click", ClickStage(threshold=0.2))])
    for n in range(len(samples)):
        events = lane.push(samples[n : n + 1])
        if events:
            assert events[0].reported_sample == n + 1
            return
    pytest.fail("nothing was heard")


def test_what_is_no_sound_is_heard_as_silence_and_counted():
    class SumStage(ClickStage):
        def process(self, frame):
            frame.emit(Level(frame.stream.source, frame.end_sample, frame.end_sample, float(frame.samples.sum()), 0.0))

    clean = pulses(48_000, 0.1, 0.5)
    dirty = clean.copy()
    dirty[20_000:20_003] = (np.nan, np.inf, -np.inf)
    lane = make(stages=[("sum", SumStage())])
    expected = hear(lane, clean)
    lane.reset()
    assert hear(lane, dirty) == expected and lane.stats.bad_samples == 3


def test_absurd_loudness_is_clamped_so_that_it_cannot_poison_what_follows():
    lane = make()
    samples = pulses(48_000, 0.5)
    samples[100] = 1e30
    events = hear(lane, samples)
    assert lane.stats.bad_samples == 1
    assert all(e.strength < 20 for e in events if isinstance(e, Strike))
    assert any(abs(e.at_sample - 24_000) < 100 for e in events)


def test_a_lane_hears_its_own_channels_and_their_mean():
    left, right = pulses(48_000, 0.1), pulses(48_000, 0.5)
    stereo = np.stack([left, right], 1)
    for channels, expected in (((0,), left), ((1,), right), ((0, 1), (left + right) / 2)):
        assert hear(make(channels=channels), stereo) == hear(make(), expected)


def test_flush_hears_out_the_last_samples_and_ends_the_notes():
    samples = np.zeros(4800, np.float32)
    samples[-2:] = 0.9
    lane = make(stages=[("click", ClickStage(threshold=0.2))])
    assert hear(lane, samples) == []
    assert [type(e) for e in lane.flush()][:1] == [Strike]
    lane = make(stages=[("gate", ForgetfulGateStage())])
    (on,) = hear(lane, np.full(4800, 0.5, np.float32))
    (off,) = lane.flush()
    assert isinstance(off, NoteOff) and off.id == on.id


class FanciesStage:
    """Hears a note, a strike and the pedal in any hop that is silent, and ends them in the next."""

    features = None
    hop_samples, latency_samples = 160, 16_000

    def prepare(self, stream):
        self.reset()

    def reset(self):
        self.on = None

    def process(self, frame):
        source, end = frame.stream.source, frame.end_sample
        start = end - len(frame.samples)
        frame.emit(Level(source, end, end, 0.0, 0.0))
        if self.on is not None:
            frame.emit(NoteOff(source, start, end, self.on.id, 60, self.on.at_sample, "decay"))
            frame.emit(Pedal(source, start, end, False))
            self.on = None
        elif not frame.samples.any():
            self.on = NoteOn(source, start, end, frame.new_id(), 60, 64, 0.9)
            frame.emit(self.on)
            frame.emit(Pedal(source, start, end, True))
            frame.emit(Strike(source, start, end, frame.new_id(), "confirmed", 1.0, 1.0))


@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_nothing_begins_in_the_silence_after_the_end(sample_rate):
    lane = make(sample_rate, stages=[("fancies", FanciesStage())])
    heard = hear(lane, np.full(sample_rate, 0.5, np.float32))
    assert {type(event) for event in heard} == {Level}
    n_levels = sample_rate // round(lane.hop_frames)
    flushed = lane.flush()
    assert {type(event) for event in flushed} == {NoteOn, NoteOff, Pedal, Strike, Level}, "in the hop of the end"
    assert [sum(isinstance(event, kind) for event in flushed) for kind in (NoteOn, NoteOff, Strike)] == [1, 1, 1]
    assert [event.is_down for event in flushed if isinstance(event, Pedal)] == [True, False]
    assert n_levels - 1 <= sum(isinstance(event, Level) for event in heard + flushed) <= n_levels + 1
    assert max(event.reported_sample for event in flushed) == sample_rate, "no more frames ever arrived"
    assert (lane.stats.notes, lane.stats.strikes) == (1, 1), "what was not told is not counted"
    lane.reset()
    assert len(hear(lane, np.zeros(4 * sample_rate, np.float32))) > 1000, "silence in a stream is part of it"


def test_what_ends_in_the_silence_ends_with_the_stream():
    def note(note_id, on, off):
        return NoteOn("x", on, 900, note_id, 60, 64, 0.9), NoteOff("x", off, 5000, note_id, 60, on, "decay")

    early, early_end = note(1, 800, 1400)
    at_last, at_last_end = note(2, 1010, 1500)
    late, late_end = note(3, 1200, 1300)
    down, up, down_late, up_late = (Pedal("x", at, 5000, at in (850, 1600)) for at in (850, 1500, 1600, 1700))
    fault, level = Fault("x", 2000, 2000, "stage x", "it failed"), Level("x", 2000, 2000, 0.0, 0.0)
    said = [early, down, at_last, late, late_end, early_end, at_last_end, up, down_late, fault, level, up_late]
    told = Ending(1000, 32.0).cut(said)
    end = {"at_sample": 1000, "reported_sample": 1000}
    assert told == [
        early, replace(down, reported_sample=1000), replace(at_last, at_sample=1000), replace(early_end, **end),
        replace(at_last_end, onset_sample=1000, **end), replace(up, **end), replace(fault, **end),
    ]  # fmt: skip


def test_muting_ends_what_sounds_and_says_nothing_until_unmuted():
    class LevelStage(ClickStage):
        def process(self, frame):
            frame.emit(Level(frame.stream.source, frame.end_sample, frame.end_sample, 0.0, 0.0))

    lane = make(stages=[("gate", GateStage()), ("level", LevelStage(160))])
    tone, silence = np.full(4800, 0.5, np.float32), np.zeros(4800, np.float32)
    (on, *_) = [e for e in hear(lane, tone) if not isinstance(e, Level)]
    (off,) = lane.mute()
    assert (off.id, off.reason) == (on.id, "mute")
    secret = hear(lane, np.concatenate([silence, tone]))
    assert secret and all(isinstance(e, Level) for e in secret)
    lane.unmute()
    told = [e for e in hear(lane, np.concatenate([silence, tone, silence])) if not isinstance(e, Level)]
    begun = {e.id for e in told if isinstance(e, NoteOn)}
    assert begun and {e.id for e in told if isinstance(e, NoteOff)} == begun, "no end without a beginning that was told"


def test_counts_are_of_things_heard_not_of_news_about_them():
    class Repeater(ClickStage):
        def process(self, frame):
            super().process(frame)
            frame.events.extend([replace(event, is_new=False) for event in frame.events])

    lane = make(stages=[("click", Repeater(threshold=0.2)), ("gate", GateStage())])
    events = hear(lane, pulses(48_000, 0.1, 0.5))
    assert lane.stats.notes == 2
    assert 2 * lane.stats.strikes == sum(isinstance(e, Strike) for e in events) > 4


def test_nothing_of_the_warm_up_is_heard_or_counted():
    class Chatterbox(ClickStage):
        def process(self, frame):
            frame.emit(Strike("x", frame.end_sample, frame.end_sample, frame.new_id(), "confirmed", 1.0, 1.0))

    lane = make(16_000, stages=[("chatterbox", Chatterbox())])
    assert lane.stats.strikes == 0
    (first, *_) = hear(lane, np.zeros(64, np.float32))
    assert (first.id, first.at_sample, lane.stats.strikes) == (1, 32, 2)
