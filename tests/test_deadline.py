"""Laws of deadlines: every hop is judged once, and by its own arrival."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chain import Chain
from engine.deadline import Deadlines
from engine.lane import Lane
from engine.session import Session
from engine.sources.array import ArraySource
from engine.spec import StreamSpec
from tests.support.toy_stages import ClickStage

RATE = 16_000

turns = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 500)), min_size=1, max_size=60)


@given(turns, st.sampled_from([32, 88.2, 96, 441.0]), st.sampled_from([16, 64, 256]))
def test_a_hop_is_late_when_more_than_a_hop_and_a_block_arrived_after_it(turns, hop_frames, block_frames):
    """Each turn deals with some frames, while some more lie there unread."""
    deadlines, n_frames, late, judged = Deadlines(hop_frames), 0, set(), set()
    for n_new, n_unread in turns:
        before, n_frames = n_frames, n_frames + n_new
        for k in range(1, int(n_frames / hop_frames) + 1):
            end = k * hop_frames
            if end > before and k not in judged:
                judged.add(k)
                if n_frames + n_unread - end > hop_frames + block_frames:
                    late.add(k)
        deadlines.dealt_with(n_frames, n_frames + n_unread, block_frames)
        assert (deadlines.n_hops, deadlines.n_missed) == (int(n_frames / hop_frames), len(late))


@pytest.mark.parametrize(("n_late_turns", "n_missed"), [(1, 0), (14, 0), (15, 1), (16, 2)])
def test_what_lay_there_at_the_start_may_be_late_for_a_while(n_late_turns, n_missed):
    """It begins ten turns behind; four more are excused; after the first in time none is."""
    deadlines = Deadlines(32, grace_frames=4 * 32)
    for turn in range(1, n_late_turns + 1):
        deadlines.dealt_with(turn * 32, turn * 32 + 9 * 32, 64)
    assert deadlines.n_missed == n_missed
    deadlines.dealt_with((n_late_turns + 1) * 32, (n_late_turns + 1) * 32, 64)
    assert deadlines.dealt_with((n_late_turns + 2) * 32, (n_late_turns + 2) * 32 + 1000, 64) == 1


def test_who_catches_up_in_the_middle_of_a_turn_is_excused_for_the_whole_of_it():
    deadlines = Deadlines(32, grace_frames=32)
    deadlines.dealt_with(2 * 32, 12 * 32, 64)
    assert deadlines.dealt_with(9 * 32, 12 * 32, 64) == 0 == deadlines.n_missed


class Late:
    """The clock of a source of which `n_unread` frames more than were read have always arrived."""

    def __init__(self, source, n_unread):
        self._source, self._n_unread = source, n_unread

    def seconds_of(self, sample):
        return time.monotonic()

    def sample_at(self, seconds):
        return self._source.n_read + self._n_unread


class ClockedSource(ArraySource):
    block_frames = 64

    def read(self, out):
        n = super().read(out)
        self.n_read = getattr(self, "n_read", 0) + n
        return n


@pytest.mark.parametrize("source_knows", [False, True])
@pytest.mark.parametrize(("n_unread", "n_short", "n_missed"), [(64, 0, 0), (65, 50, 0), (500, 100, 20)])
def test_a_session_counts_the_hops_it_was_late_with(n_unread, n_short, n_missed, source_knows, monkeypatch):
    monkeypatch.setattr("engine.session._GRACE_SECONDS", 0)
    source = ClockedSource(np.zeros(3200, np.float32), RATE, block_samples=64)
    source.open()
    source.clock = Late(source, 0 if source_knows else n_unread)
    if source_knows:
        source.waiting_frames = n_unread
    chains = [Chain([("click", ClickStage(hop))], StreamSpec(f"a{hop}", RATE)) for hop in (32, 160)]
    lanes = [Lane(chain.stream.source, chain, (0,), RATE, 64) for chain in chains]
    session = Session(source, lanes, [], 64)
    session.run()
    status = session.status()
    assert (status["hops"], status["deadline_misses"]) == (20, n_missed), "of 10 ms, whatever the stages hop"
    assert status["late_short_hops"] == n_short, "the shortest hops of all stages, once for all"
