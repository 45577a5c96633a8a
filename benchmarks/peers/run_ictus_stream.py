"""Ictus, what a hop of 10 ms costs: a lane with the stages named, from the sound card's rate to events."""

import numpy as np
from answer import arguments, read
from hop_costs import listen

from benchmarks.throughput.cost import lane_of
from benchmarks.throughput.sound import HOP_FRAMES, SAMPLE_RATE


def main():
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--chain", required=True, help="stages, with commas")
    chosen = parser.parse_args()
    lane = lane_of(chosen.chain.split(","))

    def step(hop: np.ndarray):
        return lane.push(hop[:, None])

    listen(chosen, "Ictus", read(chosen.sound, SAMPLE_RATE), HOP_FRAMES, SAMPLE_RATE, step, chain=chosen.chain)


if __name__ == "__main__":
    main()
