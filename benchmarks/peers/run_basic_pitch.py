"""basic-pitch 0.4.0 (Bittner et al., ICASSP 2022), its ONNX model and its own thresholds. --live: as sound comes.

Offline it is the package's own windowing and note creation. Live is what one can make of it: every four frames the
model runs on the last two seconds; the newest frames are left alone, for it needs some future. A peak of the onset
posterior is a note at once; the note ends when its frame posterior stays low for as long as the package allows.
"""

import contextlib
import io

import numpy as np
import onnxruntime
from answer import Work, arguments, read, write
from basic_pitch import ICASSP_2022_MODEL_PATH, note_creation
from basic_pitch.constants import AUDIO_N_SAMPLES, AUDIO_SAMPLE_RATE, FFT_HOP
from basic_pitch.inference import unwrap_output, window_audio_file

ONSET, FRAME, SHORTEST_MS = 0.5, 0.3, 127.7  # the package's defaults
LOWEST_PITCH = 21
OVERLAP_FRAMES = 30  # between the windows of a file
LOW_FRAMES = 11  # the package's tolerance of low energy before a note ends
HOP_FRAMES = 4  # 46 ms
GUARD_FRAMES = 4  # with the part of a frame at the window's end: 50 ms
SAME_NOTE_FRAMES = 4  # a second peak this soon is the same attack
FRAMES_PER_SECOND = AUDIO_SAMPLE_RATE / FFT_HOP
OUTPUTS = {
    "note": "StatefulPartitionedCall:1",
    "onset": "StatefulPartitionedCall:2",
    "contour": "StatefulPartitionedCall:0",
}


class Model:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = str(ICASSP_2022_MODEL_PATH)
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self.run(np.zeros(AUDIO_N_SAMPLES, np.float32))  # the first run is slow

    def run(self, window):
        """Posteriors [1, n_frames, 88 or 264] by name, of AUDIO_N_SAMPLES samples."""
        answers = self._session.run(list(OUTPUTS.values()), {self._input: window.reshape(1, -1, 1)})
        return dict(zip(OUTPUTS, answers, strict=True))


def offline(model, sound, work):
    with work:
        overlap = OVERLAP_FRAMES * FFT_HOP
        padded = np.concatenate([np.zeros(overlap // 2, np.float32), sound])
        windows = [model.run(window) for window, _ in window_audio_file(padded, AUDIO_N_SAMPLES - overlap)]
        outputs = {
            name: unwrap_output(np.concatenate([window[name] for window in windows]), len(sound), OVERLAP_FRAMES)
            for name in OUTPUTS
        }
        with contextlib.redirect_stdout(io.StringIO()):
            _, notes = note_creation.model_output_to_notes(
                outputs,
                onset_thresh=ONSET,
                frame_thresh=FRAME,
                min_note_len=round(SHORTEST_MS / 1000 * FRAMES_PER_SECOND),
                include_pitch_bends=False,
            )
    return [
        {"onset": onset, "offset": offset, "pitch": pitch, "velocity": 127 * amplitude}
        for onset, offset, pitch, amplitude, _ in notes
    ]


def live(model, sound, work):
    """The window moves by whole frames, so that each frame of the sound is looked at once."""
    hop = HOP_FRAMES * FFT_HOP
    padded = np.concatenate([np.zeros(AUDIO_N_SAMPLES, np.float32), sound, np.zeros(4 * hop, np.float32)])
    events, sounding, low, last = [], {}, {}, {}
    for start in range(hop, len(padded) - AUDIO_N_SAMPLES + 1, hop):
        with work.after(start / AUDIO_SAMPLE_RATE):
            posteriors = model.run(padded[start : start + AUDIO_N_SAMPLES])
            onset, frame = posteriors["onset"][0], posteriors["note"][0]
            newest = len(onset) - 1 - GUARD_FRAMES
            for row in range(newest - HOP_FRAMES + 1, newest + 1):
                seconds = (start - AUDIO_N_SAMPLES + row * FFT_HOP) / AUDIO_SAMPLE_RATE
                is_peak = (onset[row] >= ONSET) & (onset[row] >= onset[row - 1]) & (onset[row] > onset[row + 1])
                for key in np.flatnonzero(is_peak) if seconds >= 0 else ():
                    if seconds - last.get(key, -1.0) < (SAME_NOTE_FRAMES - 0.5) / FRAMES_PER_SECOND:
                        continue
                    if key in sounding:
                        sounding[key]["offset"] = seconds
                    loudness = 127 * float(frame[row : row + 3, key].mean())
                    event = {"onset": seconds, "pitch": LOWEST_PITCH + int(key), "velocity": loudness}
                    events.append(event)
                    sounding[key], low[key], last[key] = event, 0, seconds
                for key in list(sounding):
                    low[key] = low[key] + 1 if frame[row, key] < FRAME else 0
                    if low[key] > LOW_FRAMES:
                        event = sounding.pop(key)
                        event["offset"] = max(event["onset"] + 0.05, seconds - LOW_FRAMES / FRAMES_PER_SECOND)
        for event in events[::-1]:
            if "reported" in event:
                break
            event.update(reported=work.arrival, known=work.known)
    for event in sounding.values():
        event["offset"] = len(sound) / AUDIO_SAMPLE_RATE
    return events


def main():
    parser = arguments(__doc__.split("\n")[0])
    parser.add_argument("--live", action="store_true")
    chosen = parser.parse_args()
    sound, model, work = read(chosen.sound, AUDIO_SAMPLE_RATE), Model(), Work()
    events = (live if chosen.live else offline)(model, sound, work)
    write(chosen.answer, "basic-pitch 0.4.0", events, len(sound) / AUDIO_SAMPLE_RATE, work, live=chosen.live)


if __name__ == "__main__":
    main()
