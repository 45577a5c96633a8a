"""Laws of what the default genre model is taught with: whose it is, on what terms, and who is kept apart."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from training.genre.catalogue import LICENCES, SOURCES, Excerpt, read_catalogue, write_catalogue
from training.genre.collection import SIDES, folded, read_collection, somebody
from training.genre.ship import credits

FORBIDDEN = ("nc", "nd", "sampling")  # parts of the names of licences that forbid commerce or works made from it
LEAST_ARTISTS = 6  # of a class
MOST_OF_AN_ARTIST = 12  # excerpts, of one class


@pytest.fixture(scope="module")
def catalogue() -> list[Excerpt]:
    return read_catalogue()


def test_every_licence_allows_commerce_and_works_made_from_it(catalogue):
    assert {one.licence for one in catalogue} <= LICENCES
    assert not [name for name in LICENCES if set(name.lower().split("-")) & set(FORBIDDEN)]


def test_no_artist_stands_on_two_sides(catalogue):
    sides = defaultdict(set)
    for one in catalogue:
        sides[folded(one.artist)] |= {one.side} & set(SIDES)
    assert not {artist for artist, where in sides.items() if len(where) > 1}


def test_every_class_stands_on_every_side_and_nothing_stands_elsewhere(catalogue):
    assert {one.side for one in catalogue} <= {*SIDES, ""}
    labels = {one.label for one in catalogue}
    assert {(one.label, one.side) for one in catalogue if one.side} == {
        (label, side) for label in labels for side in SIDES
    }


def test_every_class_has_artists_enough_and_nobody_outweighs_it(catalogue):
    artists = defaultdict(Counter)
    for one in catalogue:
        artists[one.label][folded(one.artist)] += 1
    assert min(map(len, artists.values())) >= LEAST_ARTISTS
    assert max(max(counts.values()) for counts in artists.values()) <= MOST_OF_AN_ARTIST


def test_a_rendering_is_no_sign_of_a_class(catalogue):
    """Rendered and recorded music in every class: to tell the two apart tells no genre."""
    kinds = defaultdict(set)
    for one in catalogue:
        kinds[one.label].add(one.is_rendering)
    assert all(kind == {True, False} for kind in kinds.values())


def test_an_excerpt_says_where_it_is_from_whose_it_is_and_why_it_is_called_so(catalogue):
    for one in catalogue:
        assert one.source.split(":")[0] in SOURCES and one.path and one.title
        assert somebody(one.artist) and one.evidence
        assert one.file.startswith(f"{one.label}/") and one.file.endswith(".flac")
        assert one.start_seconds >= 0.0 and 20.0 <= one.seconds <= 90.0


def test_nothing_stands_there_twice(catalogue):
    assert max(Counter(one.file for one in catalogue).values()) == 1
    assert max(Counter((one.source, one.path, one.player) for one in catalogue).values()) == 1


def test_drummers_of_groove_are_kept_from_the_test_and_so_are_their_bands(catalogue):
    """A band's patterns that were learnt from would be known again in the test."""
    drummers = [one for one in catalogue if one.source == "data:groove"]
    assert Counter((one.label, one.side) for one in drummers).keys() == {
        (label, side) for label in ("jazz_funk", "rock_metal") for side in ("train", "valid")
    }
    patterns = defaultdict(set)
    for one in catalogue:
        if one.source in ("mma", "data:groove"):
            patterns[one.path.split(" + ")[-1].split()[0]].add(one.side)
    assert not [name for name, sides in patterns.items() if len(sides) > 1]
    for one in drummers:
        assert one.artist == f"Groove {one.path.split('/')[0]}" and one.licence == "CC-BY-4.0"
        style = one.path.split("/")[2].split("_")[1]
        assert repr(style.replace("-", "/", 1)) in one.evidence


def test_the_trainer_reads_it_as_it_is(catalogue, tmp_path):
    write_catalogue(catalogue, tmp_path / "catalogue.csv")
    recordings = read_collection(tmp_path / "catalogue.csv")
    assert {(one.key, one.label, one.artist, one.licence, one.side) for one in recordings} == {
        (one.file, one.label, one.artist, one.licence, one.side) for one in catalogue
    }
    assert read_catalogue(tmp_path / "catalogue.csv") == catalogue


def test_a_catalogue_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "catalogue.csv"
    path.write_text("file,label\na.flac,folk\n")
    with pytest.raises(ValueError, match="must be file,label,artist"):
        read_catalogue(path)


def test_everyone_who_is_learnt_from_is_credited_the_drummers_too(catalogue):
    credited = credits(catalogue)
    assert {one.artist for one in catalogue if one.side} <= {entry["name"] for entry in credited}
    assert {"name": "Groove MIDI Dataset, Google Magenta", "licence": "CC BY 4.0", "source": "groove"} in credited
