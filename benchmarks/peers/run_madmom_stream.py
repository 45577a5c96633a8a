"""madmom 0.16.1, what a hop costs: OnsetDetectorLL (Boeck et al., DAFx 2012), frame by frame, as its program."""

import madmom
import numpy as np
from answer import arguments, read
from hop_costs import listen
from madmom.audio.signal import FramedSignal, Signal
from madmom.features.onsets import OnsetPeakPickingProcessor, RNNOnsetProcessor

SAMPLE_RATE, FPS = 44_100, 100
HOP, LONGEST_WINDOW = SAMPLE_RATE // FPS, 2048
PICKING = {"threshold": 0.23, "pre_max": 1 / FPS, "post_max": 0, "post_avg": 0, "combine": 0.03}


def main():
    chosen = arguments(__doc__.split("\n")[0]).parse_args()
    network = RNNOnsetProcessor(online=True, origin="stream", num_frames=1, fps=FPS)
    picker = OnsetPeakPickingProcessor(online=True, fps=FPS, **PICKING)

    sound = read(chosen.sound, SAMPLE_RATE)
    whole_numbers = (np.clip(sound, -1, 1) * 32767).astype(np.int16)  # what madmom's own reader gives
    signal = Signal(whole_numbers, sample_rate=SAMPLE_RATE, num_channels=1)
    frames = iter(FramedSignal(signal, frame_size=LONGEST_WINDOW, fps=FPS, origin="online"))

    def step(hop):  # the frames were cut beforehand: madmom's own way to do it live is no faster
        picker(np.atleast_1d(network(next(frames), reset=False)), reset=False)

    listen(chosen, f"madmom {madmom.__version__}", sound, HOP, SAMPLE_RATE, step)


if __name__ == "__main__":
    main()
