"""musicnn 0.1.0 (Pons and Serra, 2019): tags of three-second windows, weights in the package, TensorFlow 1.15.

Many files in one go, for its graph takes long to build: ANSWER.json holds {"tags": [..], "files": {path: [mean of each
tag over the file's windows]}, "seconds": {path: sound}, "cpu_seconds": {path: of spectrum and net}}.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import librosa  # noqa: E402
import soundfile  # noqa: E402
import tensorflow as tf  # noqa: E402
from musicnn import configuration, extractor, models  # noqa: E402

WINDOW_SECONDS = 3
MODEL = "MSD_musicnn"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("answer", type=Path)
    parser.add_argument("sounds", type=Path, nargs="+")
    chosen = parser.parse_args()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    labels = configuration.MSD_LABELS
    n_frames = 1 + librosa.time_to_frames(
        WINDOW_SECONDS, sr=configuration.SR, n_fft=configuration.FFT_SIZE, hop_length=configuration.FFT_HOP
    )
    with tf.name_scope("model"):
        windows = tf.compat.v1.placeholder(tf.float32, [None, n_frames, configuration.N_MELS])
        is_training = tf.compat.v1.placeholder(tf.bool)
        answers = tf.nn.sigmoid(models.define_model(windows, is_training, MODEL, len(labels))[0])
    one_thread = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    session = tf.compat.v1.Session(config=one_thread)
    session.run(tf.compat.v1.global_variables_initializer())
    weights = Path(extractor.__file__).parent / MODEL
    tf.compat.v1.train.Saver().restore(session, str(weights) + "/")
    said = {"peer": "musicnn 0.1.0, " + MODEL, "tags": labels, "files": {}, "seconds": {}, "cpu_seconds": {}}
    for path in chosen.sounds:
        with tempfile.NamedTemporaryFile(suffix=".wav") as wav:  # its reader wants one
            samples, rate = soundfile.read(str(path))
            soundfile.write(wav.name, samples, rate)
            began = time.process_time()
            batch, _ = extractor.batch_data(wav.name, n_frames, n_frames)
            tags = session.run(answers, {windows: batch, is_training: False}).mean(axis=0)
        said["cpu_seconds"][str(path)] = time.process_time() - began
        said["seconds"][str(path)] = len(samples) / rate
        said["files"][str(path)] = [round(float(tag), 4) for tag in tags]
    beside = chosen.answer.with_name(chosen.answer.name + ".part")
    beside.write_text(json.dumps(said))
    os.replace(str(beside), str(chosen.answer))


if __name__ == "__main__":
    main()
