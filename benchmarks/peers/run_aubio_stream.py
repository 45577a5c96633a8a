"""aubio 0.4.9 (aubio-ledfx), what a hop costs: its onset detector (512, 128) or its note detector (512, 256)."""

import aubio
from answer import arguments, read
from hop_costs import listen

SAMPLE_RATE, WINDOW = 44_100, 512
HOPS = {"onset": 128, "notes": 256}


def main():
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--what", choices=HOPS, required=True)
    chosen = parser.parse_args()
    hop = HOPS[chosen.what]
    detector = getattr(aubio, chosen.what)("default", WINDOW, hop, SAMPLE_RATE)
    listen(chosen, f"aubio {aubio.version}", read(chosen.sound, SAMPLE_RATE), hop, SAMPLE_RATE, detector)


if __name__ == "__main__":
    main()
