"""aubio 0.4.9 (aubio-ledfx): its onset detector, hop by hop; it takes its own delay off the times it tells."""

import aubio
import numpy as np
from answer import Work, arguments, read, write

SAMPLE_RATE = 44_100  # at lower rates its windows last longer
TAIL_HOPS = 8


def main():
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--method", default="default")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--hop", type=int, default=128)
    chosen = parser.parse_args()
    sound, work, events = read(chosen.sound, SAMPLE_RATE), Work(), []
    detector = aubio.onset(chosen.method, chosen.window, chosen.hop, SAMPLE_RATE)
    padded = np.concatenate([sound, np.zeros(TAIL_HOPS * chosen.hop, np.float32)])
    for start in range(0, len(padded) - chosen.hop + 1, chosen.hop):
        with work.after((start + chosen.hop) / SAMPLE_RATE):
            heard = detector(padded[start : start + chosen.hop])
        if heard[0]:
            onset = max(0.0, detector.get_last_s())
            events.append({"onset": onset, "reported": work.arrival, "known": work.known})
    options = {"method": chosen.method, "window": chosen.window, "hop": chosen.hop}
    write(chosen.answer, f"aubio {aubio.version}", events, len(sound) / SAMPLE_RATE, work, **options)


if __name__ == "__main__":
    main()
