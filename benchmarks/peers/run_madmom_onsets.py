"""madmom 0.16.1: OnsetDetectorLL (Boeck et al., DAFx 2012): a unidirectional recurrent network, frame by frame."""

import madmom
import numpy as np
from answer import Work, arguments, read, write
from madmom.audio.signal import FramedSignal, Signal
from madmom.features.onsets import OnsetPeakPickingProcessor, RNNOnsetProcessor

SAMPLE_RATE, FPS = 44_100, 100
LONGEST_WINDOW = 2048
# As its own program of that name
PICKING = {"threshold": 0.23, "pre_max": 1 / FPS, "post_max": 0, "post_avg": 0, "combine": 0.03}


def main():
    chosen = arguments(__doc__.split("\n")[0]).parse_args()
    sound, work, events = read(chosen.sound, SAMPLE_RATE), Work(), []
    whole_numbers = (np.clip(sound, -1, 1) * 32767).astype(np.int16)  # what madmom's own reader gives
    signal = Signal(whole_numbers, sample_rate=SAMPLE_RATE, num_channels=1)
    network = RNNOnsetProcessor(online=True, origin="stream", num_frames=1, fps=FPS)
    picker = OnsetPeakPickingProcessor(online=True, fps=FPS, **PICKING)
    frames = FramedSignal(signal, frame_size=LONGEST_WINDOW, fps=FPS, origin="online")
    for number in range(int(len(sound) * FPS / SAMPLE_RATE)):
        arrival = (int(number * SAMPLE_RATE / FPS) + 1) / SAMPLE_RATE  # the frame ends with the sample it is about
        with work.after(arrival):
            onsets = picker(np.atleast_1d(network(frames[number], reset=False)), reset=False)
        for onset in np.atleast_1d(onsets):
            events.append({"onset": onset, "reported": work.arrival, "known": work.known})
    write(chosen.answer, f"madmom {madmom.__version__}", events, len(sound) / SAMPLE_RATE, work)


if __name__ == "__main__":
    main()
