"""Laws of what hears all lanes: it is handed every stream whole, and whatever it does, the session goes on."""

import numpy as np
import pytest

from engine.commands import SteerSpace
from engine.config import Config, ConfigError
from engine.ensemble import Guarded
from engine.events import Cue, Fault, Level
from tests.test_session import BLOCK, Listener, make


class Ears:
    """An ensemble that keeps what it is told; `raises`: the call in which it fails."""

    def __init__(self, raises=""):
        self.raises, self.heard, self.ends, self.commands = raises, {}, [], []

    def hear(self, name, samples):
        self._fail("hear")
        self.heard.setdefault(name, []).append(samples.copy())

    def process(self, end_frame):
        self._fail("process")
        self.ends.append(end_frame)
        return [Cue("", end_frame, end_frame, "block")]

    def obey(self, command):
        self._fail("obey")
        self.commands.append(command)
        return [Cue("", 0, 0, command.control)]

    def _fail(self, call):
        if self.raises == call:
            raise ZeroDivisionError("ears hurt")


def run(ears, samples, script=None):
    listener = Listener()
    session = make(samples, [listener], script, names=("a", "b"), ensemble=Guarded("ears", ears))
    session.run()
    return listener


def test_it_hears_every_stream_whole_and_then_says_what_came_of_it():
    samples = np.random.default_rng(1).uniform(-0.1, 0.1, 5 * BLOCK).astype(np.float32)
    ears = Ears()
    listener = run(ears, samples)
    for name in ("a", "b"):
        np.testing.assert_array_equal(np.concatenate(ears.heard[name])[: len(samples)], samples)
    assert ears.ends[:5] == [BLOCK * (k + 1) for k in range(5)]
    assert len(listener.of(Cue)) == len(ears.ends)


def test_it_is_told_what_steers_it():
    ears, command = Ears(), SteerSpace("freeze", "a", (1.0,))
    listener = run(ears, np.zeros(4 * BLOCK, np.float32), {BLOCK: lambda session: session.command(command)})
    assert ears.commands == [command] and "freeze" in [cue.name for cue in listener.of(Cue)]


@pytest.mark.parametrize("raises", ["hear", "process", "obey"])
def test_what_it_raises_is_told_once_and_the_session_goes_on(raises):
    script = {BLOCK: lambda session: [session.command(SteerSpace("freeze", "", (1.0,))) for _ in range(3)]}
    samples = np.zeros(20 * BLOCK, np.float32)
    samples[19 * BLOCK] = 0.9
    listener = run(Ears(raises), samples, script)
    told = [fault.message for fault in listener.of(Fault)]
    assert told == ["ears failed and was taken out: ZeroDivisionError: ears hurt"]
    assert [event for event in listener.events if type(event).__name__ == "Strike"], "the lanes stopped"


def test_without_one_a_steering_command_is_answered_in_a_sentence():
    listener = Listener()
    make(
        np.zeros(4 * BLOCK, np.float32), [listener],
        {BLOCK: lambda session: session.command(SteerSpace("freeze", "", (1.0,)))},
    ).run()  # fmt: skip
    assert ["no space to steer" in fault.message for fault in listener.of(Fault)] == [True]
    assert not listener.of(Level)


def test_the_table_space_makes_one_and_survives_the_way_to_another_process():
    tables = {"source": [{"name": "a"}], "space": {"model": "rules", "rate_hz": 20}}
    config = Config.from_dict(tables)
    assert config.space.type == "space" and config.space.options == {"model": "rules", "rate_hz": 20}
    assert Config.from_dict(config.to_dict()) == config
    assert Config.from_dict({}).space is None and Config.from_dict(Config().to_dict()) == Config()
    assert Config.from_dict({"space": {}}).space.options == {}
    with pytest.raises(ConfigError, match="must be a table"):
        Config.from_dict({"space": "rules"})
