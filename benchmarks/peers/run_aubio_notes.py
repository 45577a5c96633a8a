"""aubio 0.4.9 (aubio-ledfx): its note detector, one pitch at a time, hop by hop, at the settings of `aubionotes`.

The detector does not say when a note sounded: an onset detector of the same settings, which it has inside, tells it.
"""

import aubio
import numpy as np
from answer import Work, arguments, read, write

SAMPLE_RATE = 44_100  # at lower rates its windows last longer
WINDOW, HOP = 512, 256
TAIL_HOPS = 8


def main():
    chosen = arguments(__doc__.split("\n")[0]).parse_args()
    sound, work, events = read(chosen.sound, SAMPLE_RATE), Work(), []
    notes = aubio.notes("default", WINDOW, HOP, SAMPLE_RATE)
    onsets = aubio.onset("default", WINDOW, HOP, SAMPLE_RATE)
    padded = np.concatenate([sound, np.zeros(TAIL_HOPS * HOP, np.float32)])
    sounding = None
    for start in range(0, len(padded) - HOP + 1, HOP):
        hop, end = padded[start : start + HOP], (start + HOP) / SAMPLE_RATE
        with work.after(end):
            pitch, velocity, ended = notes(hop)
        onsets(hop)
        if sounding is not None and (ended or pitch):
            sounding["offset"] = max(sounding["onset"] + 0.05, end)
            sounding = None
        if pitch:
            sounding = {"onset": onsets.get_last_s(), "pitch": pitch, "velocity": velocity}
            sounding.update(reported=work.arrival, known=work.known)
            events.append(sounding)
    if sounding is not None:
        sounding["offset"] = max(sounding["onset"] + 0.05, len(sound) / SAMPLE_RATE)
    write(chosen.answer, f"aubio {aubio.version}", events, len(sound) / SAMPLE_RATE, work)


if __name__ == "__main__":
    main()
