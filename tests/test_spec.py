"""Laws of the specs: what is made is right, and what is wrong is refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.spec import FeatureSpec, StreamSpec, View

WHOLE = View(0, 0, 96, 1024, 320)
SPEC = FeatureSpec(16_000, 160, 1, 96, 12, 21.0, (WHOLE,))


def test_a_spec_survives_json() -> None:
    assert FeatureSpec.from_dict(json.loads(json.dumps(SPEC.to_dict()))) == SPEC


def test_band_centres_follow_the_pitches() -> None:
    assert SPEC.band_hz(48) == pytest.approx(440.0)  # 21 + 48 = 69, A4
    assert SPEC.band_hz(60) == pytest.approx(880.0)


def test_a_frame_ends_with_its_hop() -> None:
    assert SPEC.frame_end_seconds(0) == pytest.approx(0.01)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"window_samples": 1000}, "window_samples is 1000; it must be a power of two"),
        ({"window_samples": 8}, "window_samples is 8; it must be from 16 to 65536"),
        ({"fall_samples": 1024}, "fall_samples is 1024; it must be from 1 to 1023"),
        ({"fall_samples": 0}, "fall_samples is 0; it must be from 1 to 1023"),
        ({"decimation": 0}, "decimation is 0; it must be 1 or more"),
        ({"high_band": 0}, "high_band is 0; it must be 1 or more"),
        ({"low_band": 96}, "view covers bands 96 to 96; it must cover one or more"),
        ({"channel": -1}, "channel is -1; it must be 0 or more"),
    ],
)
def test_a_wrong_view_is_refused(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:
        replace(WHOLE, **changes)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    "changes, part",
    [
        ({"hop_samples": 0}, "hop_samples is 0"),
        ({"sample_rate": -1}, "sample_rate is -1"),
        ({"lowest_pitch": 300.0}, "lowest_pitch is 300.0"),
        ({"views": ()}, "channel 0, band 0 is filled by no view"),
        ({"views": (replace(WHOLE, high_band=95),)}, "channel 0, band 95 is filled by no view"),
        ({"views": (WHOLE, View(0, 95, 96, 1024, 320))}, "channel 0, band 95 is filled by two views"),
        ({"views": (replace(WHOLE, channel=1),)}, "a view fills channel 1"),
        ({"views": (replace(WHOLE, high_band=97),)}, "up to band 97"),
        ({"views": (replace(WHOLE, decimation=3),)}, "decimation is 3; it must divide hop_samples, 160"),
        ({"views": (replace(WHOLE, decimation=4),)}, "band 95 is centred on 6645 Hz"),
        ({"sample_rate": 8_000}, "a band must lie below 4000 Hz"),
    ],
)
def test_a_wrong_feature_spec_is_refused(changes: dict, part: str) -> None:
    with pytest.raises(ValueError) as refusal:
        replace(SPEC, **changes)
    assert part in str(refusal.value)


@pytest.mark.parametrize(
    "changes", [{"hop_samples": 160.0}, {"n_bands": True}, {"lowest_pitch": "C"}, {"views": [WHOLE]}]
)
def test_a_wrong_kind_is_a_type_error(changes: dict) -> None:
    with pytest.raises(TypeError):
        replace(SPEC, **changes)


@pytest.mark.parametrize("rate", [0, -16_000])
def test_a_stream_needs_a_rate(rate: int) -> None:
    with pytest.raises(ValueError, match="sample_rate"):
        StreamSpec("voice", rate)


def test_a_card_with_unknown_or_missing_fields_is_refused() -> None:
    values = SPEC.to_dict()
    with pytest.raises(ValueError, match="no field 'colour'"):
        FeatureSpec.from_dict({**values, "colour": 1})
    del values["n_bands"]
    with pytest.raises(ValueError, match="lacks the field 'n_bands'"):
        FeatureSpec.from_dict(values)
    with pytest.raises(TypeError, match="views"):
        FeatureSpec.from_dict({**SPEC.to_dict(), "views": 3})
