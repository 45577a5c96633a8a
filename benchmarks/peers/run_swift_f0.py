"""SwiftF0 (Nieradzik, 2025), offline: the pitch of one voice, cut into notes by its own rule."""

import math

import numpy as np
import swift_f0
from answer import Work, arguments, read, write

SAMPLE_RATE = 16_000


def main():
    chosen = arguments(__doc__.split("\n")[0]).parse_args()
    sound, work = read(chosen.sound, SAMPLE_RATE), Work()
    tracker = swift_f0.SwiftF0(threads=1, spin=False)
    tracker.detect(np.zeros(8192, np.float32), SAMPLE_RATE)  # the first run is slow
    with work:
        notes = swift_f0.segment_notes(tracker.detect(sound, SAMPLE_RATE))
    events = [
        {"onset": note.start, "offset": note.end, "pitch": round(69 + 12 * math.log2(note.pitch_hz / 440.0))}
        for note in notes
    ]
    write(chosen.answer, "swift-f0", events, len(sound) / SAMPLE_RATE, work)


if __name__ == "__main__":
    main()
