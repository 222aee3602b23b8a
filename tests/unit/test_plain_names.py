"""Plain names: every target can hold them, and nothing that comes later changes them."""

from __future__ import annotations

import itertools
import re
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tap_marketo.names import NAMINGS, clean
from tests.fuzzing import budget

PLAIN = NAMINGS["plain"]
PREFIX = "activities_"
HELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,61}")
TAKEN = ("marketoGUID", "leadId", "primary_attribute_value")

# Few letters, so that names meet often, and what might pass for a name of another with its tag.
NAMES = (
    st.text("aA _-é", max_size=4)
    | st.text(max_size=6)
    | st.text("a/", min_size=50, max_size=70)
    | st.sampled_from(("a_000001", "a 000002", "A_000003", "type 000001", "_", "leadid", "Lead/Id"))
    | st.sampled_from(("资料", "ﬁ", "Ω", "2", "2nd", "a_ca9781", "a/b_ca9781", "attribute_e3b0c4"))
)
# Small numbers, which names may end in, and those of custom types.
NUMBERS = st.integers(0, 4) | st.integers(100_000, 2**63)
TYPES = st.dictionaries(NUMBERS, NAMES, max_size=6)
FIELDS = st.dictionaries(NAMES, st.none() | NUMBERS, max_size=6)
MANY = settings(max_examples=budget(100, soak=500), deadline=None)


def streams(types: dict[int, str]) -> dict[int, str]:
    return PLAIN.streams(list(types.items()), PREFIX)


def assert_held(names: list[str], *taken: str) -> None:
    """Every name can be held by any target, beside those that are taken."""
    assert all(HELD.fullmatch(name) for name in names)
    folded = [name.casefold() for name in (*names, *taken)]
    assert len(set(folded)) == len(folded)


def has_ids_of_their_own(fields: dict[str, int | None]) -> bool:
    numbers = [number for number in fields.values() if number is not None]
    return len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("number", "name", "stream"),
    [
        (1, "Visit Webpage", "visit_webpage"),
        (100_009, "3rd Party Event", "3rd_party_event"),
        (100_009, "_two  spaces__c", "_two__spaces__c"),
        (100_008, 'Web/Form "Contact"', "web_form_contact_100008"),
        (46, "Follow-up", "follow_up_000046"),
        (3_000_000_007, "(v2.0)", "v2_0_3000000007"),
        (100_003, "Größe / Änderung – 日本", "grosse_anderung_100003"),
        (100_003, "Łódź Ærø Đà Nẵng ™", "lodz_aero_da_nang_tm_100003"),
        (100_009, "製品ページ閲覧", "type_100009"),
        (100_009, "", "type_100009"),
        (100_009, "Webinar 2024", "webinar_2024"),
        (100_009, "Webinar 202405", "webinar_202405_100009"),
        (100_009, "x" * 51, "x" * 51),
        (100_009, "x" * 52, "x" * 44 + "_100009"),
    ],
)
def test_streams(number: int, name: str, stream: str) -> None:
    assert streams({number: name}) == {number: PREFIX + stream}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Client IP Address", "client_ip_address"),
        ("Huge_Number__c", "huge_number__c"),
        ("Client-IP", "client_ip_[0-9a-f]{6}"),
        ("Durée", "duree_[0-9a-f]{6}"),
        ("2nd Answer", "_2nd_answer_[0-9a-f]{6}"),
        ("ページ名", "attribute_[0-9a-f]{6}"),
        ("Last Decade", "last_decade_[0-9a-f]{6}"),
        ("LeadID", "leadid_[0-9a-f]{6}"),
        ("x" * 62, "x{62}"),
        ("x" * 63, "x{55}_[0-9a-f]{6}"),
    ],
)
def test_columns_of_attributes(name: str, column: str) -> None:
    assert re.fullmatch(column, PLAIN.attributes([name], TAKEN)[name])


def test_columns_of_fields_keep_their_letter_case() -> None:
    numbers = {"createdat": 3, "Size__c": 96, "createdAt": 90, "size__c": 95, "2nd": 7, "Ü": None}
    columns = PLAIN.fields(numbers, ["createdAt"])
    tag = columns["Ü"].removeprefix("U_")
    assert re.fullmatch("[0-9a-f]{6}", tag)
    assert columns == {
        "createdat": "createdat_000003", "Size__c": "Size__c_000096", "createdAt": "createdAt",
        "size__c": "size__c", "2nd": "_2nd_000007", "Ü": f"U_{tag}",
    }  # fmt: skip


@MANY
@given(TYPES, st.randoms())
def test_any_types_have_streams_that_can_be_held_whatever_their_order(
    types: dict[int, str], random: Random
) -> None:
    found = streams(types)
    assert found.keys() == types.keys()
    assert_held(list(found.values()))
    assert all(stream.startswith(PREFIX) and stream.islower() for stream in found.values())
    shuffled = list(types.items())
    random.shuffle(shuffled)
    assert PLAIN.streams(shuffled, PREFIX) == found


@MANY
@given(st.lists(NAMES, unique=True, max_size=8), st.randoms())
def test_any_attributes_have_columns_that_can_be_held_whatever_their_order(
    names: list[str], random: Random
) -> None:
    found = PLAIN.attributes(names, TAKEN)
    assert list(found) == names
    assert_held(list(found.values()), *TAKEN)
    shuffled = names.copy()
    random.shuffle(shuffled)
    assert PLAIN.attributes(shuffled, TAKEN) == found


@MANY
@given(FIELDS, st.randoms())
def test_any_fields_have_columns_that_can_be_held_whatever_their_order(
    fields: dict[str, int | None], random: Random
) -> None:
    fields = {**fields, "id": 1}
    found = PLAIN.fields(fields, ["id"])
    assert list(found) == list(fields)
    assert_held(list(found.values()))
    assert found["id"] == "id"
    shuffled = list(fields.items())
    random.shuffle(shuffled)
    assert PLAIN.fields(dict(shuffled), ["id"]) == found


@MANY
@given(TYPES, NUMBERS, NAMES)
def test_no_new_type_changes_the_stream_of_another(
    types: dict[int, str], number: int, name: str
) -> None:
    assume(number not in types)
    # One of the same name but for letter case and spaces comes with a higher number.
    equal = [other for other, its in types.items() if clean(its) == clean(name)]
    assume(all(other < number for other in equal))
    before = streams(types)
    after = streams({**types, number: name})
    assert {other: after[other] for other in types} == before


@MANY
@given(st.lists(NAMES, unique=True, max_size=6), NAMES)
def test_no_new_attribute_changes_the_column_of_another(names: list[str], name: str) -> None:
    assume(name not in names)
    assume(all(other < name for other in names if clean(other) == clean(name)))
    before = PLAIN.attributes(names, TAKEN)
    after = PLAIN.attributes([name, *names], TAKEN)
    assert {other: after[other] for other in names} == before


# API names: letters, digits and underscores.
OBJECTS = st.text("aA_1", min_size=1, max_size=4) | st.text("aA", min_size=48, max_size=70)


@MANY
@given(st.lists(OBJECTS, unique=True, max_size=6), OBJECTS)
def test_no_new_custom_object_changes_the_stream_of_another(names: list[str], name: str) -> None:
    assume(name not in names)
    assume(all(other < name for other in names if clean(other) == clean(name)))
    before = PLAIN.objects(names, "custom_object_")
    assert_held(list(before.values()))
    after = PLAIN.objects([name, *names], "custom_object_")
    assert {other: after[other] for other in names} == before


def test_streams_of_custom_objects_have_their_api_names_as_far_as_they_can_be_held() -> None:
    long = "vehicle_that_was_bought_on_the_occasion_of_a_visit_c"
    names = ["car_c", "Car_c", "visit_c", long]
    as_marketo = NAMINGS["as_marketo"].objects(names, "custom_object_")
    assert list(as_marketo.values()) == [
        *("custom_object_car_c_2", "custom_object_car_c", "custom_object_visit_c"),
        f"custom_object_{long}",
    ]
    plain = PLAIN.objects(names, "custom_object_")
    assert plain["Car_c"] == "custom_object_car_c"
    assert re.fullmatch("custom_object_car_c_[0-9a-f]{6}", plain["car_c"])
    assert re.fullmatch(f"custom_object_{long[:41]}_[0-9a-f]{{6}}", plain[long])


@MANY
@given(FIELDS, NAMES, NUMBERS)
def test_no_new_field_changes_the_column_of_another(
    fields: dict[str, int | None], name: str, number: int
) -> None:
    assume(name not in fields)
    assume(has_ids_of_their_own({**fields, name: number}))
    equal = [its for other, its in fields.items() if clean(other) == clean(name)]
    assume(all(its is not None and its < number for its in equal))
    before = PLAIN.fields(fields, [])
    after = PLAIN.fields({name: number, **fields}, [])
    assert {other: after[other] for other in fields} == before


def test_names_whose_hashes_begin_alike_differ_all_the_same() -> None:
    # 16,384 names of which nothing is left: some of their hashes begin with the same six digits.
    names = ["".join(chars) for chars in itertools.product("!?-/", repeat=7)]
    columns = list(PLAIN.attributes(names, []).values())
    assert_held(columns)
    assert any(len(column) > len("attribute_123456") for column in columns)
