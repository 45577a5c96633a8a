"""Laws of the table of dialects: positions worked out by hand, in every octant, out and in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.dialects import DIALECTS, azimuth_of, decode, encode, markdown, read
from bridges.space_positions import Places

# In a room of radius 5, always 4 m away: 2 m to the side, 2 m along, and the square root of 8 up or down, which is 45
# degrees, as the way on the floor is the square root of 8 too. x, y, sign of z; azimuth to the left; pan; DS100.
H = 2.8284271247461903
OCTANTS = [
    ((2.0, 2.0, H), -45.0, 0.625, (0.7, 0.7)),
    ((-2.0, 2.0, H), 45.0, 0.375, (0.3, 0.7)),
    ((-2.0, -2.0, H), 135.0, 0.125, (0.3, 0.3)),
    ((2.0, -2.0, H), -135.0, 0.875, (0.7, 0.3)),
    ((2.0, 2.0, -H), -45.0, 0.625, (0.7, 0.7)),
    ((-2.0, 2.0, -H), 45.0, 0.375, (0.3, 0.7)),
    ((-2.0, -2.0, -H), 135.0, 0.125, (0.3, 0.3)),
    ((2.0, -2.0, -H), -135.0, 0.875, (0.7, 0.3)),
]


def expected(place, left, pan, area):
    """What source 3 (the fourth) is told, written out for one octant."""
    x, y, z = place
    up = 45.0 if z > 0 else -45.0
    unit = [x * 0.2, y * 0.2, z * 0.2]
    return {
        "max": [("/source/4/xy", [x, y])],
        "spat": [("/source/4/xyz", [x, y, z])],
        "spat_aed": [("/source/4/aed", [-left, up, 4.0])],
        "adm": [("/adm/obj/4/aed", [left, up, 0.8])],
        "adm_xyz": [("/adm/obj/4/xyz", unit)],
        "spatgris": [("/spat/serv", ["deg", 4, -left, up, 0.8, 0.0, 0.0])],
        "spatgris_xyz": [("/spat/serv", ["car", 4, *unit, 0.0, 0.0])],
        "iem": [("/MultiEncoder/azimuth3", [left]), ("/MultiEncoder/elevation3", [up])],
        "icst": [("/icst/ambi/sourceindex/xyz", [4, *unit])],
        "icst_aed": [("/icst/ambi/sourceindex/aed", [4, -left, up, 0.8])],
        "ds100": [("/dbaudio1/coordinatemapping/source_position_xy/1/4", list(area))],
        "lisa": [("/ext/src/4/p", [pan]), ("/ext/src/4/d", [0.8]), ("/ext/src/4/e", [0.5 if z > 0 else 0.0])],
        "holophonix": [("/track/4/xyz", [x, y, z])],
        "holophonix_aed": [("/track/4/aed", [-left, up, 4.0])],
    }


@pytest.mark.parametrize("octant", OCTANTS, ids=str)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_in_every_octant_each_dialect_says_what_was_worked_out_by_hand(dialect, octant):
    messages = encode(dialect, 3, *octant[0], radius_metres=5.0)
    wanted = expected(*octant)[dialect]
    assert [address for address, _ in messages] == [address for address, _ in wanted]
    for (_, arguments), (_, values) in zip(messages, wanted, strict=True):
        assert [type(argument) for argument in arguments] == [type(value) for value in values]
        for argument, value in zip(arguments, values, strict=True):
            assert argument == (value if isinstance(value, str) else pytest.approx(value, abs=1e-9))


@pytest.mark.parametrize("octant", OCTANTS, ids=str)
@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"iem", "lisa"}))
def test_in_every_octant_what_a_controller_says_is_where_it_means(dialect, octant):
    (x, y, z), *_ = octant
    ((address, arguments),) = expected(*octant)[dialect]
    index, *place = decode(address, arguments, 5.0)
    flat = dialect in ("max", "ds100")
    assert index == 3 and place == pytest.approx([x, y, 0.0 if flat else z], abs=1e-9)


@pytest.mark.parametrize(
    ("place", "adm", "spat"),
    [
        ((0.0, 5.0, 0.0), [0.0, 0.0, 1.0], [0.0, 0.0, 5.0]),  # in front
        ((-5.0, 0.0, 0.0), [90.0, 0.0, 1.0], [-90.0, 0.0, 5.0]),  # left
        ((5.0, 0.0, 0.0), [-90.0, 0.0, 1.0], [90.0, 0.0, 5.0]),  # right
        ((0.0, -5.0, 0.0), [180.0, 0.0, 1.0], [-180.0, 0.0, 5.0]),  # behind
        ((0.0, 0.0, 2.5), [0.0, 90.0, 0.5], [0.0, 90.0, 2.5]),  # above
        ((0.0, 0.0, -2.5), [0.0, -90.0, 0.5], [0.0, -90.0, 2.5]),  # below
        ((0.0, 0.0, 0.0), [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ((0.0, 40.0, 0.0), [0.0, 0.0, 1.0], [0.0, 0.0, 40.0]),  # beyond the room
        ((-4.330127018922193, 2.5, 0.0), [60.0, 0.0, 1.0], [-60.0, 0.0, 5.0]),  # cosine of 60 degrees is a half
    ],
)
def test_adm_turns_to_the_left_and_spat_to_the_right(place, adm, spat):
    assert encode("adm", 0, *place)[0] == ("/adm/obj/1/aed", pytest.approx(adm, abs=1e-9))
    assert encode("spat_aed", 0, *place)[0] == ("/source/1/aed", pytest.approx(spat, abs=1e-9))


def test_what_lies_outside_the_room_is_clipped_where_a_dialect_has_an_edge():
    far = (50.0, -50.0, 50.0)
    assert encode("adm_xyz", 0, *far)[0][1] == [1.0, -1.0, 1.0]
    assert encode("spatgris_xyz", 0, *far)[0][1][2:5] == [1.66, -1.66, 1.66]
    assert encode("ds100", 0, *far, area=3) == [("/dbaudio1/coordinatemapping/source_position_xy/3/1", [1.0, 0.0])]
    assert encode("lisa", 0, 0.0, -1.0, -1.0)[2] == ("/ext/src/1/e", [0.0])


def test_in_the_centre_the_last_azimuth_holds():
    assert azimuth_of(0.001, -0.001, held_degrees=77.0) == 77.0
    assert encode("adm", 0, 0.0, 0.0, 1.0, held_degrees=77.0)[0][1] == [77.0, 90.0, 0.2]
    assert encode("spat_aed", 0, 0.0, 0.0, 1.0, held_degrees=77.0)[0][1] == [-77.0, 90.0, 1.0]
    assert azimuth_of(0.06, 0.0, held_degrees=77.0) == -90.0


@pytest.mark.parametrize("dialect", ["adm", "spat_aed", "spatgris", "icst_aed", "iem", "holophonix_aed"])
def test_behind_the_listener_no_azimuth_is_drawn_the_long_way_round(dialect):
    at = {"spatgris": 2, "icst_aed": 1}.get(dialect, 0)
    said = [encode(dialect, 0, 0.01 * k, -3.0, 0.0)[0][1][at] for k in range(-100, 101)]
    assert min(map(abs, said)) > 160.0 and max(map(abs, said)) <= 180.0


@pytest.mark.parametrize(
    ("address", "arguments", "place"),
    [
        ("/spat/serv", ["pol", 2, math.pi / 2, 0.0, 0.5, 0.0, 0.0], (1, 2.5, 0.0, 0.0)),  # SpatGRIS in radians
        ("/adm/obj/2/xy", [0.5, -0.5], (1, 2.5, -2.5, 0.0)),
        ("/adm/obj/2/azim", [90.0], (1, -5.0, 0.0, 0.0)),
        ("/adm/obj/2/elev", [90.0], (1, 0.0, 0.0, 5.0)),
        ("/adm/obj/2/dist", [0.5], (1, 0.0, 2.5, 0.0)),
        ("/adm/obj/2/x", [-1.0], (1, -5.0, 0.0, 0.0)),
        ("/MultiEncoder/azimuth0", [-90], (0, 5.0, 0.0, 0.0)),
        ("/ext/src/1/p", [0.75], (0, 5.0, 0.0, 0.0)),
        ("/icst/ambi/sourceindex/aed", [1.0, 90.0, 0.0, 1.0], (0, 5.0, 0.0, 0.0)),
    ],
)
def test_forms_that_only_controllers_send_are_understood_too(address, arguments, place):
    assert decode(address, arguments, 5.0) == pytest.approx(place, abs=1e-9)


@pytest.mark.parametrize(
    ("address", "arguments"),
    [
        ("/adm/obj/1/aed", []),  # a query
        ("/adm/obj/1/aed", [1.0, 2.0]),
        ("/adm/obj/1/aed", [math.nan, 0.0, 1.0]),
        ("/adm/obj/1/aed", [0.0, math.inf, 1.0]),
        ("/adm/obj/1/xyz", [0.0, "1", 1.0]),
        ("/adm/obj/1/xyz", [True, 0.0, 1.0]),
        ("/adm/obj/1/xyz", [1.7e308, 0.0, 1.0]),  # of a room of 5 m: no number any more
        ("/adm/obj//xyz", [0.0, 0.0, 1.0]),
        ("/adm/obj/1/xyz/more", [0.0, 0.0, 1.0]),
        ("/spat/serv", ["reset", 1]),
        ("/spat/serv", ["bad", 1, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ("/spat/serv", ["deg", 1.5, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ("/source/1/xy\n", [0.0, 0.0]),
        ("/dbaudio1/coordinatemapping/source_position_xy/5/1", [0.0, 0.0]),
        ("/ictus/panic", []),
    ],
)
def test_what_is_no_position_is_none(address, arguments):
    assert read(address, arguments, 5.0) is None


def test_a_part_of_a_position_moves_that_part_alone():
    places = Places(("voice", "bass"), 5.0)
    assert places.placed("/adm/obj/2/aed", [90.0, 0.0, 0.6]) == ("bass", pytest.approx((-3.0, 0.0, 0.0), abs=1e-9))
    assert places.placed("/adm/obj/2/azim", [-90.0]) == ("bass", pytest.approx((3.0, 0.0, 0.0), abs=1e-9))
    assert places.placed("/adm/obj/2/dist", [0.2]) == ("bass", pytest.approx((1.0, 0.0, 0.0), abs=1e-9))
    assert places.placed("/adm/obj/2/z", [0.4]) == ("bass", pytest.approx((1.0, 0.0, 2.0), abs=1e-9))
    assert places.placed("/source/bass/xy", [1.0, 1.0]) == ("bass", pytest.approx((1.0, 1.0, 2.0), abs=1e-9))
    assert places.placed("/adm/obj/3/azim", [0.0]) is None and places.placed("/adm/obj/0/azim", [0.0]) is None


coordinate = st.floats(-4.9 / math.sqrt(3), 4.9 / math.sqrt(3))


@given(st.sampled_from(sorted(DIALECTS)), st.integers(0, 200), coordinate, coordinate, coordinate)
def test_what_is_said_is_understood_as_it_was_meant(dialect, index, x, y, z):
    places = Places([f"s{k}" for k in range(201)], 5.0)
    held = azimuth_of(x, y)
    for message in encode(dialect, index, x, y, z, 5.0, held):
        placed = places.placed(*message)
    name, (x2, y2, z2) = placed
    assert name == f"s{index}"
    if dialect == "iem":  # knows no distance
        assert azimuth_of(x2, y2) == pytest.approx(held, abs=1e-6) or math.hypot(x, y) < 0.06 * math.hypot(x, y, z)
    elif math.hypot(x, y) > 0.06 and (dialect != "lisa" or z >= 0):
        assert (x2, y2) == pytest.approx((x, y), abs=1e-6)
        assert dialect in ("max", "ds100") or z2 == pytest.approx(z, abs=1e-6)


def test_the_printed_table_has_a_row_for_every_dialect():
    assert [row.split("`")[1] for row in markdown().splitlines()[2:]] == list(DIALECTS)
