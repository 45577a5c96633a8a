"""essentia 2.1, what a hop costs: its onset function `melflux`, or its pitch tracker that tells MIDI notes."""

import essentia
import essentia.standard as es
from answer import arguments, read
from hop_costs import listen

SAMPLE_RATE = 44_100
WINDOWS = {"onset": (1024, 256), "notes": (2048, 256)}


def onset_of():
    window, spectrum, polar = es.Windowing(type="hann"), es.FFT(), es.CartesianToPolar()
    detection = es.OnsetDetection(method="melflux")
    return lambda heard: detection(*polar(spectrum(window(heard))))


def notes_of():
    window, hop = WINDOWS["notes"]
    tracker = es.Audio2Pitch(frameSize=window, sampleRate=SAMPLE_RATE)
    notes = es.Pitch2Midi(hopSize=hop, sampleRate=SAMPLE_RATE)

    def step(heard):
        pitch, _, _, voiced = tracker(heard)
        return notes(pitch, voiced)

    return step


def main():
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--what", choices=WINDOWS, required=True)
    chosen = parser.parse_args()
    essentia.log.infoActive = essentia.log.warningActive = False
    window, hop = WINDOWS[chosen.what]
    step = {"onset": onset_of, "notes": notes_of}[chosen.what]()
    listen(chosen, f"essentia {essentia.__version__}", read(chosen.sound, SAMPLE_RATE), hop, SAMPLE_RATE, step, window)


if __name__ == "__main__":
    main()
