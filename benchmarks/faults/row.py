"""One fault, what became of everything, and how soon all was well again."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.faults.score import Heard


@dataclass
class Row:
    fault: str
    sound: str = "nothing lost"
    events: str = ""
    files: str = "going on"
    notes: str = "none stuck"
    recovery_seconds: float | None = None  # until all was as before; None: nothing ever was otherwise
    bound_seconds: float | None = None  # of the recovery
    broken: list[str] = field(default_factory=list)  # bars that were not met, as sentences

    def require(self, held: bool, sentence: str) -> None:
        if not held:
            self.broken.append(f"{self.fault}: {sentence}")

    def judge_notes(self, heard: Heard, least: float) -> None:
        """`heard` while all was well; at `least` that part of what was expected must have been."""
        self.events = f"{heard.heard} of {heard.expected} as expected, {heard.spurious} besides"
        few = (1 - least) * heard.expected
        enough = heard.expected - heard.heard <= max(2, few) and heard.spurious <= max(5, 2 * few)
        self.require(enough, f"notes were lost or made up: {self.events}")

    def judge_recovery(self, seconds: float, bound: float) -> None:
        self.recovery_seconds, self.bound_seconds = seconds, bound
        self.require(seconds < bound, f"it took {seconds:.2f} s to recover; the bound is {bound:g} s")

    def cells(self) -> list[str]:
        recovery = "at once" if self.recovery_seconds is None else f"{self.recovery_seconds:.2f} s"
        return [self.fault, self.sound, self.events, self.files, self.notes, recovery]


HEAD = ("fault", "sound", "events: notes heard while all was well", "files", "notes", "recovery")
