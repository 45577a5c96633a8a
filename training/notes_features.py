"""What the `notes` model hears, in one place for rendering, training and the model card."""

from engine.spec import FeatureSpec, View

NOTES_FEATURES = FeatureSpec(
    sample_rate=16_000,
    hop_samples=160,
    n_channels=2,
    n_bands=196,
    bands_per_octave=24,
    lowest_pitch=20.5,
    views=(
        # Channel 0: one short window over the whole range, for when a note began.
        View(channel=0, low_band=0, high_band=196, window_samples=1024, fall_samples=320),
        # Channel 1: windows of 512, 256 and 128 ms, longest in the bass, for which note it is.
        View(channel=1, low_band=0, high_band=90, window_samples=2048, fall_samples=128, decimation=4),
        View(channel=1, low_band=90, high_band=138, window_samples=1024, fall_samples=96, decimation=4),
        View(channel=1, low_band=138, high_band=196, window_samples=2048, fall_samples=320),
    ),
)
