"""What can be published about sound: names, sizes, units. The stage `features` computes them, bridges send them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.features.perceptual import N_CHROMA, N_CONTRAST, N_MELS

N_PARTS = 8  # of the waveform, in each message


@dataclass(frozen=True)
class FeatureKind:
    name: str
    n_values: int
    meaning: str  # what the values are, with unit and range


FEATURES = {
    kind.name: kind
    for kind in (
        FeatureKind("waveform", 2 * N_PARTS, "least and greatest sample in each eighth of the time since the last"),
        FeatureKind("logmel", N_MELS, "mel bands from 0 to 8 kHz, dB of a full-scale sine's power, from -100"),
        FeatureKind("mfcc13", 13, "mel cepstrum; the first value is loudness"),
        FeatureKind("mfcc20", 20, "the same, finer"),
        FeatureKind("chroma", N_CHROMA, "pitch classes from C, 0 to 1, the strongest is 1"),
        FeatureKind("tonnetz", 6, "sine and cosine on the circles of fifths, minor and major thirds, -1 to 1"),
        FeatureKind("zcr", 1, "share of samples at which the sign changes, 0 to 1"),
        FeatureKind("rms", 1, "root mean square of the last 32 ms, 0 to 1"),
        FeatureKind("centroid", 1, "mean frequency, Hz"),
        FeatureKind("bandwidth", 1, "standard deviation of frequency, Hz"),
        FeatureKind("rolloff", 1, "frequency below which 85 % of the spectrum lie, Hz"),
        FeatureKind("contrast", N_CONTRAST, "dB from valleys to peaks, up to 200 Hz and in each octave above"),
        FeatureKind("onset", 1, "greatest onset strength since the last: mean rise of the mel bands in 10 ms, dB"),
        FeatureKind("tempo", 2, "beats a minute, 50 to 215; confidence, 0 to 1"),
        FeatureKind("beat", 3, "phase, 0 to 1, 0 at the beat; beats so far; confidence, 0 to 1"),
    )
}
DEFAULT_NAMES = ("waveform", "rms", "centroid", "chroma", "onset", "tempo", "beat")
