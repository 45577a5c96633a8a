"""Properties of an outbox: bounded, in order, all accounted for, and whoever missed a note is told to begin anew."""

from __future__ import annotations

from itertools import chain, pairwise

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
@example([NOTE, NOTE, GET, NOTE, GET, GET, NOTE, NOTE], 1, 1)  # lost twice, the second time at the very end
def test_what_is_put_comes_out_in_order_or_is_counted_and_who_missed_a_note_hears_so_in_its_place(
    steps, capacity, n_sources
):
    outbox, sources = Outbox(SOURCES[:n_sources], capacity), SOURCES[:n_sources]
    heard, kinds = [], dict(enumerate(steps))
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
    gaps = [[n for n in lost if before < n < after] for before, after in pairwise([-1, *own, len(steps)])]
    told = [[AllNotesOff(source, gap[0], gap[0], "overflow") for source in sources] if gap else [] for gap in gaps]
    assert heard == [
        *told[0],
        *chain.from_iterable([event(kinds[n], n), *news] for n, news in zip(own, told[1:], strict=True)),
    ]
