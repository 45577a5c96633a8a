"""madmom 0.16.1: PianoTranscriptor (Boeck and Schedl, ICASSP 2012), offline: a bidirectional recurrent network.

It gives onsets and pitches, no ends.
"""

import madmom
import numpy as np
from answer import Work, arguments, read, write
from madmom.audio.signal import Signal
from madmom.features.notes import NotePeakPickingProcessor, RNNPianoNoteProcessor

SAMPLE_RATE = 44_100
PICKING = {"threshold": 0.35, "smooth": 0.09, "combine": 0.05, "fps": 100}  # as its own PianoTranscriptor program


def main():
    chosen = arguments(__doc__.split("\n")[0]).parse_args()
    sound, work = read(chosen.sound, SAMPLE_RATE), Work()
    whole_numbers = (np.clip(sound, -1, 1) * 32767).astype(np.int16)  # what madmom's own reader gives
    network, picker = RNNPianoNoteProcessor(), NotePeakPickingProcessor(**PICKING)
    with work:
        notes = picker(network(Signal(whole_numbers, sample_rate=SAMPLE_RATE, num_channels=1)))
    events = [{"onset": note[0], "pitch": note[1]} for note in np.reshape(notes, (-1, np.shape(notes)[-1]))]
    write(chosen.answer, f"madmom {madmom.__version__}", events, len(sound) / SAMPLE_RATE, work)


if __name__ == "__main__":
    main()
