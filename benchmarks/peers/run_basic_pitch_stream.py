"""basic-pitch 0.4.0 (Bittner et al., ICASSP 2022), what a hop of 46 ms costs: its model on the last two seconds."""

from answer import arguments, read
from basic_pitch.constants import AUDIO_N_SAMPLES, AUDIO_SAMPLE_RATE, FFT_HOP
from hop_costs import listen
from run_basic_pitch import HOP_FRAMES, Model


def main():
    chosen = arguments(__doc__.split("\n")[0]).parse_args()
    model, hop = Model(), HOP_FRAMES * FFT_HOP
    sound = read(chosen.sound, AUDIO_SAMPLE_RATE)
    listen(chosen, "basic-pitch 0.4.0", sound, hop, AUDIO_SAMPLE_RATE, model.run, AUDIO_N_SAMPLES)


if __name__ == "__main__":
    main()
