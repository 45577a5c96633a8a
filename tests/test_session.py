"""Laws of a session: commands, faults, bridges that fail or fall behind, and notes that always end."""

import threading
import time

import numpy as np
import pytest

from engine.chain import Chain
from engine.commands import Mute, NameCue, Panic, Quit, SetOption, Start, Stop
from engine.events import AllNotesOff, Cue, Fault, Level, NoteOff, NoteOn, Strike
from engine.lane import Lane
from engine.outbox import Outbox
from engine.pump import Pump
from engine.session import Session
from engine.sources.array import ArraySource
from engine.spec import StreamSpec
from tests.support.toy_stages import ClickStage, GateStage

RATE = 16_000
BLOCK = 160


class Listener:
    """A bridge that keeps what it is told."""

    def __init__(self):
        self.events, self.closed = [], 0

    def open(self, session):
        self.session = session

    def send(self, event):
        self.events.append(event)

    def tick(self):
        pass

    def close(self):
        self.closed += 1

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class ScriptedSource(ArraySource):
    """Calls `script[frame]` when that many frames have been read: commands arrive at known moments."""

    def __init__(self, samples, script, paced=False):
        super().__init__(samples, RATE, block_samples=BLOCK, paced=paced)
        self.script, self.n_read = script, 0

    def read(self, out):
        if self.n_read in self.script:
            self.script[self.n_read]()
        n = super().read(out)
        self.n_read += n
        return n


def make(samples, bridges, script=None, names=("a",), stages=None, ensemble=None, paced=False):
    script = script or {}
    source = ScriptedSource(samples, {at: (lambda c=c: c(session)) for at, c in script.items()}, paced)
    source.open()

    def chain(name):
        made = stages() if stages else [("click", ClickStage()), ("gate", GateStage())]
        return Chain(made, StreamSpec(name, RATE))

    lanes = [Lane(name, chain(name), (0,), RATE, BLOCK) for name in names]
    session = Session(source, lanes, [(f"bridge{i}", bridge) for i, bridge in enumerate(bridges)], BLOCK, ensemble)
    return session


def paired(events):
    ons = [(e.source, e.id) for e in events if isinstance(e, NoteOn)]
    offs = [(e.source, e.id) for e in events if isinstance(e, NoteOff)]
    return len(ons) > 0 and sorted(ons) == sorted(offs) and len(set(ons)) == len(ons)


TONE = np.full(RATE, 0.5, np.float32)


def test_every_bridge_hears_every_event_and_is_closed_once():
    samples = np.zeros(RATE, np.float32)
    samples[1000:9000:800] = 0.9
    listeners = [Listener(), Listener()]
    make(samples, listeners).run()
    assert listeners[0].events == listeners[1].events and len(listeners[0].of(Strike)) == 10
    assert [listener.closed for listener in listeners] == [1, 1]


def test_a_bridge_is_sent_what_it_wants_and_nothing_else():
    samples = np.zeros(RATE, np.float32)
    samples[1000:9000:800] = 0.9
    everything, strikes, nothing = Listener(), Listener(), Listener()
    strikes.wants, nothing.wants = (Strike, Fault), ()
    make(samples, [everything, strikes, nothing]).run()
    assert strikes.events == everything.of(Strike) and len(everything.events) > len(strikes.events) > 0
    assert not nothing.events


class Meter:
    """A Level for every block."""

    features, hop_samples, latency_samples = None, BLOCK, BLOCK - 1

    def prepare(self, stream):
        self.source = stream.source

    def reset(self):
        pass

    def process(self, frame):
        frame.emit(Level(self.source, frame.end_sample, frame.end_sample, -20.0, -10.0))


def test_live_what_is_played_upon_waits_for_no_periodic_news_of_the_same_block_whoever_hears_it():
    samples = np.zeros(10 * BLOCK, np.float32)
    samples[50::BLOCK] = 0.9
    heard = {}
    for paced in (False, True):
        listener = Listener()
        make(samples, [listener], None, ("a", "b"), lambda: [("meter", Meter()), ("click", ClickStage(BLOCK))],
             paced=paced).run()  # fmt: skip
        heard[paced] = listener.of((Strike, Level))
    order = [(e.reported_sample, isinstance(e, Level)) for e in heard[True] if e.reported_sample <= len(samples)]
    assert order == sorted(order) and {is_level for _, is_level in order} == {False, True}
    assert sorted(heard[True], key=repr) == sorted(heard[False], key=repr)


def test_a_note_that_sounds_at_the_end_of_the_source_ends():
    listener = Listener()
    make(TONE, [listener]).run()
    assert paired(listener.events)


def test_a_note_that_sounds_when_the_session_is_stopped_ends():
    listener = Listener()
    session = make(TONE, [listener], {BLOCK * 10: lambda s: s.stop()})
    session.run()
    assert paired(listener.events) and session.status()["seconds"] < 0.2


def test_a_note_that_sounds_when_the_source_raises_ends():
    def fail(_):
        raise OSError("the disk is gone")

    listener = Listener()
    with pytest.raises(OSError, match="disk"):
        make(TONE, [listener], {BLOCK * 10: fail}).run()
    assert paired(listener.events) and listener.closed == 1


@pytest.mark.parametrize("command", [Panic(), Stop(), Mute("a", True), Mute("", True)])
def test_commands_that_silence_end_every_note_at_once(command):
    listener = Listener()
    make(TONE, [listener], {BLOCK * 10: lambda s: s.command(command)}).run()
    first_off = listener.of(NoteOff)[0]
    assert paired(listener.events) and first_off.at_sample == BLOCK * 10
    assert bool(listener.of(AllNotesOff)) == isinstance(command, Panic)


def test_stop_and_start_frame_a_silence_in_which_nothing_is_reported():
    samples = np.zeros(RATE, np.float32)
    samples[100::800] = 0.9
    listener = Listener()
    script = {BLOCK * 20: lambda s: s.command(Stop()), BLOCK * 60: lambda s: s.command(Start())}
    make(samples, [listener], script).run()
    times = [e.at_sample for e in listener.of(Strike)]
    assert times and not [t for t in times if BLOCK * 20 <= t < BLOCK * 60]
    assert min(times) < BLOCK * 20 and max(times) > BLOCK * 60


def test_mute_is_of_one_source():
    listener = Listener()
    script = {0: lambda s: s.command(Mute("a", True))}
    make(np.tile(np.float32([0.9] + [0.0] * 799), 10), [listener], script, names=("a", "b")).run()
    assert {e.source for e in listener.of(Strike)} == {"b"}


def test_a_cue_reaches_every_bridge_with_its_moment():
    listener = Listener()
    make(TONE, [listener], {BLOCK * 10: lambda s: s.command(NameCue("chorus"))}).run()
    (cue,) = listener.of(Cue)
    assert (cue.name, cue.at_sample) == ("chorus", BLOCK * 10)


def test_quit_ends_the_session():
    session = make(TONE, [Listener()], {BLOCK * 10: lambda s: s.command(Quit())})
    session.run()
    assert session.status()["seconds"] < 0.2


def test_an_option_set_from_outside_takes_effect_and_a_wrong_one_is_a_fault():
    samples = np.zeros(RATE, np.float32)
    samples[100::800] = 0.6
    listener = Listener()
    script = {
        BLOCK * 20: lambda s: s.command(SetOption("a", "click", "threshold", 0.8)),
        BLOCK * 30: lambda s: s.command(SetOption("a", "click", "threshold", 8.0)),
        BLOCK * 31: lambda s: s.command(SetOption("a", "click", "colour", 0.5)),
        BLOCK * 32: lambda s: s.command(SetOption("a", "nothing", "threshold", 0.5)),
        BLOCK * 33: lambda s: s.command(SetOption("nobody", "click", "threshold", 0.5)),
    }
    make(samples, [listener], script).run()
    times = [e.at_sample for e in listener.of(Strike)]
    assert times and max(times) < BLOCK * 20
    messages = [fault.message for fault in listener.of(Fault)]
    assert len(messages) == 4
    for message, word in zip(messages, ("0.0 to 1.0", "colour", "nothing", "nobody"), strict=True):
        assert word in message


def test_a_flood_of_commands_is_refused_counted_and_harms_nothing():
    listener = Listener()

    def flood(session):
        assert sum(session.command(NameCue("x")) for _ in range(10_000)) < 1000

    session = make(TONE, [listener], {BLOCK * 10: flood})
    session.run()
    assert session.status()["refused_commands"] > 9000 and paired(listener.events)


def test_a_bridge_that_raises_is_reported_to_the_others_and_they_hear_everything():
    class Broken(Listener):
        def send(self, event):
            raise ConnectionError("the cable is out")

        def close(self):
            raise ConnectionError("still out")

    samples = np.zeros(RATE, np.float32)
    samples[1000:9000:800] = 0.9
    good = Listener()
    def wait_for_news(session):
        deadline = time.monotonic() + 30
        while not session.status()["bridge_errors"] and time.monotonic() < deadline:
            time.sleep(0.001)

    session = make(samples, [Broken(), good], {BLOCK * 60: wait_for_news})
    session.run()
    assert len(good.of(Strike)) == 10 and session.status()["bridge_errors"] > 10
    (fault,) = good.of(Fault)  # the first of a kind is told, not every one
    assert fault.where == "bridge bridge0" and "cable" in fault.message


def test_a_bridge_that_cannot_open_refuses_the_session_and_the_opened_ones_are_closed():
    class Shut(Listener):
        def open(self, session):
            raise ValueError("no such port")

    good = Listener()
    with pytest.raises(ValueError, match="no such port"):
        make(TONE, [good, Shut()]).run()
    assert good.closed == 1


def test_a_warning_of_the_source_is_told_once_each_time_it_changes():
    def warn(sentence):
        def change(session):
            session.source.warning = sentence

        return change

    listener = Listener()
    script = {BLOCK * 10: warn("gone"), BLOCK * 20: warn(""), BLOCK * 30: warn("gone again")}
    make(TONE, [listener], script).run()
    assert [(f.where, f.message) for f in listener.of(Fault)] == [("source", "gone"), ("source", "gone again")]


LEVEL = Level("a", 0, 0, -20.0, -10.0)


def test_an_outbox_that_fills_up_loses_periodic_news_first_and_says_so_when_it_lost_more():
    outbox = Outbox(("a", "b"), capacity=8)
    for _ in range(20):
        outbox.put(LEVEL)
    assert outbox.n_dropped == 0 and outbox.n_thinned > 0 and len(outbox) <= 5
    for i in range(20):
        outbox.put(NoteOff("a", i, i, i, 60, 0))
    assert len(outbox) == 8 + 2 and outbox.n_dropped == 20 - 3
    heard = list(iter(lambda: outbox.get(0), None))
    assert [(type(e), e.source) for e in heard[-3:]] == [(NoteOff, "a"), (AllNotesOff, "a"), (AllNotesOff, "b")]
    outbox.put(NoteOff("a", 99, 99, 99, 60, 0))
    assert [type(e) for e in iter(lambda: outbox.get(0), None)] == [NoteOff]


def test_a_patient_outbox_waits_and_loses_nothing():
    outbox = Outbox(("a",), capacity=4, patient=True)
    heard = []
    reader = threading.Thread(target=lambda: heard.extend(iter(lambda: outbox.get(2.0), None)), daemon=True)
    reader.start()
    for _ in range(1000):
        outbox.put(LEVEL)
        assert len(outbox) <= 4
    reader.join(30)
    assert heard == [LEVEL] * 1000 and outbox.n_thinned == outbox.n_dropped == 0


def test_lateness_is_of_what_sounded_since_anybody_listened():
    class Clock:
        def seconds_of(self, sample):
            return born + sample

    born = time.monotonic()
    outbox = Outbox(("a",))
    pump = Pump("x", Listener(), outbox, Clock(), lambda *_: None)
    for at_sample, is_new in ((-100, True), (1000, True), (1000, False)):
        outbox.put(Strike("a", at_sample, at_sample, 1, "confirmed", 1.0, 1.0, is_new))
    pump.start()
    assert pump.finish(10.0)
    assert len(pump.late) == 1 and pump.late.percentile_ms(50) < 0, "the one at 1000 s, long before it sounds"


def test_an_error_is_told_again_when_it_has_been_quiet_for_a_while(monkeypatch):
    class Broken(Listener):
        def send(self, event):
            raise ConnectionError("the cable is out")

    told, outbox, now = [], Outbox(("a",)), [1000.0]
    monkeypatch.setattr("engine.pump.time.monotonic", lambda: now[0])
    pump = Pump("x", Broken(), outbox, None, lambda where, message: told.append((now[0], message)))
    for later in (0.0, 5.0, 4.0, 2.0):
        now[0] += later
        pump._guard(pump._bridge.send, LEVEL)
    assert [at for at, _ in told] == [1000.0, 1011.0] and pump.n_errors == 4


# Bridges that want the sound itself


class Hearer(Listener):
    def __init__(self, raises_at=None):
        super().__init__()
        self.blocks, self._raises_at = [], raises_at

    def hear(self, block):
        if len(self.blocks) == self._raises_at:
            raise RuntimeError("enough")
        self.blocks.append(block.copy())

    def status(self):
        return {"blocks": len(self.blocks)}


def test_a_bridge_that_hears_gets_every_sample_and_its_numbers_join_the_status():
    samples, hearer = np.random.default_rng(1).uniform(-1, 1, 20 * BLOCK + 7).astype(np.float32), Hearer()
    session = make(samples, [hearer])
    session.run()
    np.testing.assert_array_equal(np.concatenate(hearer.blocks)[:, 0], samples)
    assert (hearer.session.n_channels, hearer.session.channels) == (1, ((0,),))
    assert session.status()["bridge0_blocks"] == len(hearer.blocks) > 1


def test_one_that_fails_at_hearing_hears_no_more_is_told_of_and_disturbs_nobody():
    failing, well = Hearer(raises_at=3), Hearer()
    make(np.zeros(20 * BLOCK, np.float32), [failing, well]).run()
    assert len(failing.blocks) == 3 and len(well.blocks) == 20
    assert [fault.message for fault in well.of(Fault)] == ["bridge bridge0 hears no more: RuntimeError: enough"]
