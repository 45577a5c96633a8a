"""Properties of an outbox: bounded, in order, all accounted for, and whoever missed a note is told to begin anew."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from engine.events import AllNotesOff, Level, NoteOff
from engine.outbox import Outbox

SOURCES = ("a", "b", "c")
NOTE, LEVEL, GET = "note", "level", "get"


def event(kind: str, n: int):
    """The n-th, by which it is known again."""
    return NoteOff("a", n, n, n, 60, 0) if kind == NOTE else Level("a", n, n, -20.0, -10.0)


@given(
    st.lists(st.sampled_from([NOTE, NOTE, LEVEL, GET]), max_size=60),
    st.integers(1, 6),
    st.integers(1, len(SOURCES)),
)
@example([NOTE, NOTE, GET, NOTE], 1, 3)  # the news of what was lost is more than the outbox holds
@example([NOTE, NOTE, GET, NOTE, GET, GET, NOTE, NOTE], 1, 1)  # lost twice
def test_what_is_put_comes_out_in_order_or_is_counted_and_who_missed_a_note_hears_so_before_the_next(
    steps, capacity, n_sources
):
    outbox, sources = Outbox(SOURCES[:n_sources], capacity), SOURCES[:n_sources]
    heard = []
    lost: list[int] = []  # notes
    n_put = {NOTE: 0, LEVEL: 0}
    for n, kind in enumerate([*steps, *[GET] * (len(steps) + n_sources * len(steps))]):
        if kind == GET:
            heard += [got for got in [outbox.get(0.0)] if got]
            continue
        before, n_waiting = (outbox.n_dropped, outbox.n_thinned), len(outbox)
        outbox.put(event(kind, n))
        n_put[kind] += 1
        is_lost, is_thinned = outbox.n_dropped - before[0], outbox.n_thinned - before[1]
        assert is_lost == (kind == NOTE and n_waiting >= capacity)
        assert is_thinned == (kind == LEVEL and n_waiting > capacity // 2)
        assert len(outbox) <= capacity + n_sources
        lost += [n] * is_lost
    own = [one.at_sample for one in heard if not isinstance(one, AllNotesOff)]
    assert own == sorted(own) and set(own).isdisjoint(lost)
    assert len(own) + outbox.n_dropped + outbox.n_thinned == sum(n_put.values()) and len(lost) == outbox.n_dropped
    last = -1
    for at, one in enumerate(heard):
        if isinstance(one, AllNotesOff):
            continue
        told = [AllNotesOff(source, one.at_sample, one.at_sample, "overflow") for source in sources]
        news = heard[max(0, at - n_sources) : at]
        assert (news == told) == any(last < n < one.at_sample for n in lost)
        last = one.at_sample
    n_news = sum(isinstance(one, AllNotesOff) for one in heard)
    assert n_news == n_sources * sum(
        any(before < n < after for n in lost) for before, after in zip([-1, *own], own, strict=False)
    )
