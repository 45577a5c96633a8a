"""PESTO 2.0.1 (Riou et al., ISMIR 2023), what a hop of 10 ms costs: the pitch of one voice."""

import pesto
import torch
from answer import arguments, read
from hop_costs import listen

SAMPLE_RATE, STEP_MS = 44_100, 10.0
HOP = round(SAMPLE_RATE * STEP_MS / 1000)


def main():
    chosen = arguments(__doc__.split("\n")[0]).parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = pesto.load_model(
        "mir-1k_g7", step_size=STEP_MS, sampling_rate=SAMPLE_RATE, streaming=True, max_batch_size=1, mirror=1.0
    )

    def step(hop):
        return model(torch.from_numpy(hop)[None], convert_to_freq=True, return_activations=False)

    listen(chosen, "PESTO 2.0.1", read(chosen.sound, SAMPLE_RATE), HOP, SAMPLE_RATE, step)


if __name__ == "__main__":
    main()
