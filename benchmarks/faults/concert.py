"""One performance through everything that may befall it; its user touches nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.faults import bad_stage, garbage
from benchmarks.faults.people import PATIENCE_SECONDS
from benchmarks.faults.row import Row
from benchmarks.faults.score import Heard, Score
from benchmarks.faults.show import RATE, SOURCE, Show
from benchmarks.rig.osc_client import OscClient
from bridges.osc_packet import encode

SETTLED_SECONDS = 1.5  # after a recovery: the model has forgotten the silence, and what it woke up in
LEAST_HEARD = (
    0.8  # of the notes, while all was well: on a busy machine, and from another phase of the hops, some differ
)
AWAY_SECONDS = 0.5  # of what is gone and back within a second
DEAF_SECONDS = 3.0
OTHER_RATE = 44_100
N_PACKETS, PACKETS_PER_SECOND = 100_000, 20_000
SOUND_BOUND_SECONDS = 1.0


@dataclass
class Concert:
    show: Show
    score: Score
    seconds: float  # to play on before each fault and after it

    def rows(self) -> Iterator[Row]:
        """One fault after the other."""
        every: list[Callable[[], Row]] = [
            self.nothing, self.stage_raises, self.stage_returns_nan, self.stage_hangs,
            self.synthesiser_gone, self.osc_closed, self.osc_deaf, self.garbage,
            self.device_gone, self.server_killed, self.rate_changed,
        ]  # fmt: skip
        for fault in every:
            yield fault()

    # Nothing is ever away

    def nothing(self) -> Row:
        row = Row("none, for comparison")
        self.show.play(SETTLED_SECONDS)
        with self._undisturbed(row):
            self.show.play(self.seconds)
        return row

    def stage_raises(self) -> Row:
        row = Row("model raises, once")
        began = time.monotonic()
        self._misbehave(bad_stage.RAISE)
        told = self.show.until(lambda: any("rests for" in fault for fault in self.show.faults(began)))
        row.require(told, "nobody was told of it")
        self.show.play(1.0)  # its rest
        row.recovery_seconds = 1.0
        self._end_outage(row, began, began + 1.0)
        row.files, row.sound = "going on", "nothing lost; the stage rests for 1 s, the others go on"
        return row

    def stage_returns_nan(self) -> Row:
        row = Row("model returns NaN, once")
        began = time.monotonic()
        self._misbehave(bad_stage.NOT_A_NUMBER)
        told = self.show.until(lambda: any("not numbers" in fault for fault in self.show.faults(began)))
        row.require(told, "nobody was told of it")
        row.sound = "nothing lost; the model starts afresh"
        self._end_outage(row, began, time.monotonic())
        return row

    def stage_hangs(self) -> Row:
        row = Row("model takes 200 ms, once")
        dropped = self.show.status("dropped_frames")
        with self._undisturbed(row):
            self._misbehave(bad_stage.HANG)
            self.show.play(self.seconds)
        row.require(self.show.status("dropped_frames") == dropped, "sound was lost")
        row.events += "; those of the 200 ms late"
        return row

    def synthesiser_gone(self) -> Row:
        row = Row("MIDI client killed and back")
        show = self.show
        show.until(lambda: show.synth.sounding)
        show.synth.kill()
        began = time.monotonic()
        show.play(AWAY_SECONDS)
        back = show.synth.come()
        heard = show.until(lambda: show.synth.first_after(back))
        row.require(heard, "it was not connected again")
        row.judge_recovery(max(0.0, (show.synth.first_after(back) or back + PATIENCE_SECONDS) - back), 1.0)
        self._end_outage(row, began, show.synth.first_after(back) or back)
        return row

    def osc_closed(self) -> Row:
        row = Row("OSC target closed and back")
        show = self.show
        with self._undisturbed(row):
            port = show.osc.port
            show.osc.kill()
            show.play(DEAF_SECONDS)
            show.osc = OscClient(port)
            show.play(self.seconds)
        row.events += " by MIDI"
        return row

    def osc_deaf(self) -> Row:
        row = Row(f"OSC target stopped for {DEAF_SECONDS:g} s")
        show = self.show
        with self._undisturbed(row):
            os.kill(show.osc.pid, signal.SIGSTOP)
            show.play(DEAF_SECONDS)
            os.kill(show.osc.pid, signal.SIGCONT)
            show.play(self.seconds)
        row.events += " by MIDI"
        return row

    def garbage(self) -> Row:
        row = Row(f"{N_PACKETS:,} garbage packets to the OSC input")
        show, began = self.show, time.monotonic()
        with self._undisturbed(row):
            for number, packet in enumerate(garbage.packets(N_PACKETS)):
                show.send(packet)
                if number % 200 == 0:
                    show.play(max(0.0, began + number / PACKETS_PER_SECOND - time.monotonic()))
            seconds = time.monotonic() - began
            show.play(1.0)
            n_before = len(self._cues(began))
            show.send(garbage.honest_cue())
            obeyed = show.until(lambda: len(self._cues(began)) > n_before)
            show.play(self.seconds)
        wrong = [name for name in self._cues(began) if name != garbage.CUE]
        row.events += "; a cue due in 2036 obeyed at once"
        row.sound = f"nothing lost, at {N_PACKETS / seconds:,.0f} packets a second"
        row.require(show.is_running and not wrong, f"it obeyed nonsense: {wrong[:3]}")
        row.require(obeyed, "an honest command was not obeyed afterwards")
        return row

    def _cues(self, since: float) -> list[str]:
        return [m.arguments[1] for m in self.show.messages if m.address == "/ictus/cue" and m.at_seconds > since]

    # Something is away for a while

    def device_gone(self) -> Row:
        row = Row(f"device gone, back after {AWAY_SECONDS:g} s")
        next_band = self.show.new_band()
        began = time.monotonic()
        self.show.bands[-2].kill()
        self.show.play(AWAY_SECONDS)
        self._await_sound(row, began, next_band.come())
        return row

    def server_killed(self) -> Row:
        row = Row("JACK killed and restarted")
        self._restart_server(row, RATE)
        return row

    def rate_changed(self) -> Row:
        row = Row(f"JACK back at {OTHER_RATE} Hz, later at {RATE} Hz")
        self._restart_server(row, OTHER_RATE)
        back_again = Row(row.fault)
        self._restart_server(back_again, RATE)
        row.broken += back_again.broken
        row.recovery_seconds = max(row.recovery_seconds, back_again.recovery_seconds)
        row.events = f"{row.events}; then {back_again.events}"
        return row

    def _restart_server(self, row: Row, sample_rate: int) -> None:
        show = self.show
        next_band = show.new_band(sample_rate)
        began = time.monotonic()
        show.server.kill()
        show.bands[-2].kill()
        show.synth.kill()
        show.play(AWAY_SECONDS)
        show.server.start()
        there = next_band.come()
        show.synth.come()
        self._await_sound(row, began, there)

    def _await_sound(self, row: Row, began: float, there: float) -> None:
        """Until the band is heard again, which is `there` again."""
        show = self.show
        lost_before = show.status("dropped_frames")
        loud = show.await_sound(there)
        row.judge_recovery(loud - there, SOUND_BOUND_SECONDS)
        self._end_outage(row, began, loud)
        lost = show.status("dropped_frames") - lost_before
        row.sound = f"{loud - began:.2f} s away, {loud - there:.2f} s of it with the band there; silence in their place"
        row.require(lost > 0, "nothing was counted as lost")

    # Judging

    @contextmanager
    def _undisturbed(self, row: Row):
        """All the while every note must be heard."""
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self.show.play(0.3)
        row.judge_notes(self._heard(began + 0.2, ended - 0.2), LEAST_HEARD)
        self._require_no_stuck(row, began)

    def _end_outage(self, row: Row, began: float, recovered: float) -> None:
        """Play on, and judge what came before `began` and well after `recovered`."""
        since = time.monotonic()
        self.show.play(max(0.0, recovered + SETTLED_SECONDS - since) + self.seconds)
        row.judge_notes(self._heard(recovered + SETTLED_SECONDS, time.monotonic() - 0.2), LEAST_HEARD)
        self._require_no_stuck(row, recovered)

    def _heard(self, low: float, high: float) -> Heard:
        """Of the notes between two moments."""
        show = self.show
        begun = [(show.song_seconds(at), pitch) for at, pitch in show.synth.begun if low - 1.0 < at < high + 1.0]
        first, last = show.song_seconds(low), show.song_seconds(high)
        if first is None or last is None:
            return Heard(1, 0, 0)
        return self.score.compare([note for note in begun if note[0] is not None], first, last)

    def _require_no_stuck(self, row: Row, since: float) -> None:
        """Nothing that began before `since` sounds still, and nothing else for longer than any note of the song."""
        old = self.show.synth.held_since_before(since - 10.0)
        if old:
            row.notes = f"{len(old)} stuck"
        row.require(not old, f"{len(old)} notes are stuck")

    def _misbehave(self, how: float) -> None:
        self.show.send(encode("/ictus/set", [SOURCE, bad_stage.NAME, "misbehave"], [how]))
