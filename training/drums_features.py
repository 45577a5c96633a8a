"""What the `drums` model hears and the drums it tells apart, in one place for rendering, training and card."""

from engine.decode.drums import DRUMS
from engine.spec import FeatureSpec, View

# A frame every 5 ms, six bands to the octave from 41 Hz to 7.5 kHz.
DRUMS_FEATURES = FeatureSpec(
    sample_rate=16_000,
    hop_samples=80,
    n_channels=2,
    n_bands=46,
    bands_per_octave=6,
    lowest_pitch=28.0,
    views=(
        # Channel 0: as quick as can be, 32 ms below 370 Hz and 16 ms above, for when something was struck.
        View(channel=0, low_band=0, high_band=20, window_samples=512, fall_samples=48),
        View(channel=0, low_band=20, high_band=46, window_samples=256, fall_samples=48),
        # Channel 1: 128 and 64 ms, for what was sounding anyway.
        View(channel=1, low_band=0, high_band=23, window_samples=512, fall_samples=48, decimation=4),
        View(channel=1, low_band=23, high_band=46, window_samples=1024, fall_samples=160),
    ),
)
CLASSES = DRUMS  # in the order of the model's outputs, behind "any"
OTHER = len(CLASSES)  # hand claps, cowbells, tambourines, shakers: struck, but none of the above
