"""State: the other tap's file goes on working, nothing moves back, nonsense is named."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.errors import StateError
from tap_marketo.protocol.marks import ChildMark, ListMark, PageMark
from tap_marketo.protocol.position import (
    Ahead,
    Bookmark,
    Entry,
    Parent,
    PendingExport,
    Position,
)
from tap_marketo.protocol.state import State
from tap_marketo.protocol.state_file import check_past

UTC = timezone.utc
START = datetime(2020, 1, 1, tzinfo=UTC)

# As singer-io's tap-marketo writes it.
OTHER_TAPS_STATE = {
    "bookmarks": {
        "leads": {"updatedAt": "2026-01-01T00:00:00+00:00", "export_id": None, "export_end": None},
        "activities_visit_webpage": {
            "activityDate": "2026-01-01T00:00:00+00:00",
            "export_id": "ce45a7a1",
            "export_end": "2026-01-31T00:00:00+00:00",
        },
        "lists": {"updatedAt": "2026-01-02T03:04:05+00:00", "next_page_token": None},
        "campaigns": {"updatedAt": "2026-01-02T03:04:05+00:00", "next_page_token": "TOKEN"},
    },
    "currently_syncing": "activities_visit_webpage",
}


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def saved(state: State) -> Any:
    """Return the state as a target gives it back for the next run."""
    return json.loads(json.dumps(state.value))


def test_the_other_tap_s_bookmarks_are_read() -> None:
    state = State(OTHER_TAPS_STATE)
    assert state.bookmark("leads", "updatedAt") == day(1, 1)
    assert state.bookmark("activities_visit_webpage", "activityDate") == day(1, 1)
    assert state.bookmark("lists", "updatedAt") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert state.bookmark("leads", "createdAt") is None
    assert state.bookmark("unknown", "updatedAt") is None


def test_the_other_tap_s_job_under_way_becomes_a_pending_export() -> None:
    state = State(OTHER_TAPS_STATE)
    assert state.pending_exports(
        "activities", {"activities_visit_webpage": "activityDate", "activities_other": "x"}, START
    ) == [
        PendingExport(
            "ce45a7a1",
            day(1, 1),
            day(1, 31),
            ("activities_visit_webpage",),
            "activityDate",
        )
    ]
    assert state.pending_exports("leads", {"leads": "updatedAt"}, START) == []


def test_the_other_tap_s_job_of_a_stream_without_bookmark_began_at_start_date() -> None:
    state = State(
        {"bookmarks": {"leads": {"export_id": "1", "export_end": "2026-01-31T00:00:00.9Z"}}}
    )
    assert state.pending_exports("leads", {"leads": "updatedAt"}, START) == [
        PendingExport("1", START, day(1, 31), ("leads",), "updatedAt")
    ]


def test_the_other_tap_s_page_token_is_a_page_mark_without_a_start() -> None:
    state = State(OTHER_TAPS_STATE)
    assert state.mark(PageMark, "campaigns") == PageMark(next_page_token="TOKEN")
    assert state.mark(PageMark, "lists") == PageMark()
    assert state.mark(PageMark, "unknown") == PageMark()


def test_currently_syncing_is_not_carried_on() -> None:
    assert "currently_syncing" not in State(OTHER_TAPS_STATE).value


def test_the_other_tap_s_job_is_forgotten_once_its_stream_has_moved() -> None:
    state = State(OTHER_TAPS_STATE)
    stream = "activities_visit_webpage"
    state.apply(Position(bookmarks={stream: Bookmark("activityDate", day(1, 31))}))
    assert state.pending_exports("activities", {stream: "activityDate"}, START) == []
    assert State(saved(state)).pending_exports("activities", {stream: "activityDate"}, START) == []


def test_the_other_tap_s_job_is_not_listed_twice_once_it_is_a_job_of_ours() -> None:
    state = State(OTHER_TAPS_STATE)
    keys = {"activities_visit_webpage": "activityDate"}
    taken = state.pending_exports("activities", keys, START)
    state.apply(Position(exports={"activities": taken}))
    assert State(saved(state)).pending_exports("activities", keys, START) == taken


def test_a_bookmark_never_moves_back() -> None:
    state = State(OTHER_TAPS_STATE)
    state.apply(Position(bookmarks={"leads": Bookmark("updatedAt", day(1, 1) - timedelta(1))}))
    assert state.bookmark("leads", "updatedAt") == day(1, 1)
    state.apply(Position(bookmarks={"leads": Bookmark("updatedAt", day(1, 2))}))
    assert state.bookmark("leads", "updatedAt") == day(1, 2)


def test_what_a_stream_had_reached_is_forgotten_but_not_keys_nobody_knows() -> None:
    lists = {"updatedAt": "2026-01-02T00:00:00Z", "settled": "2026-01-01T00:00:00Z", "own": 1}
    readings = {"7": "2026-01-01T00:00:00Z"}
    other = {"createdAt": "2026-01-02T00:00:00Z"}
    state = State({"bookmarks": {"lists": {**lists, "readings": readings}, "leads": other}})
    mark = ListMark(scan_started=day(5, 1), read_at=day(5, 1))
    state.apply(Position(forgotten={"lists", "unheard of"}, marks={"lists": mark}))
    state = State(saved(state))
    assert (state.bookmark("lists", "updatedAt"), state.settled("lists")) == (None, None)
    assert state.mark(ListMark, "lists") == mark
    assert saved(state)["bookmarks"]["lists"]["own"] == 1
    assert saved(state)["bookmarks"]["leads"] == other
    # From then on it is a stream like any other, which may move to a time before the old one.
    state.apply(Position(bookmarks={"lists": Bookmark("updatedAt", day(1, 1))}))
    assert state.bookmark("lists", "updatedAt") == day(1, 1)


def test_what_is_ahead_stands_beside_the_bookmark_until_it_joins_it() -> None:
    state = State({})
    ahead = Ahead(day(3, 1), day(4, 1), day(3, 31))
    position = Bookmark("activityDate", day(1, 1), day(1, 1), ahead)
    state.apply(Position(bookmarks={"activities_send_email": position}))
    assert State(saved(state)).ahead("activities_send_email") == ahead
    assert state.bookmark("activities_send_email", "activityDate") == day(1, 1)
    state.apply(Position(bookmarks={"activities_send_email": Bookmark("activityDate", day(4, 1))}))
    assert state.ahead("activities_send_email") is None
    # Where states are laid over each other, the last one says so.
    assert state.value["bookmarks"]["activities_send_email"]["ahead"] is None


@pytest.mark.parametrize(
    "value",
    [
        {"start": "2026-03-01T00:00:00+00:00"},
        {"start": "2026-03-01T00:00:00+00:00", "end": "2026-03-01T00:00:00+00:00"},
        {"start": "2026-03-01T00:00:00+00:00", "end": "soon"},
        ["2026-03-01T00:00:00+00:00"],
    ],
)
def test_what_is_ahead_has_a_start_and_an_end(value: Any) -> None:
    with pytest.raises(StateError, match=r"activities_send_email\.ahead must have a start and an"):
        State({"bookmarks": {"activities_send_email": {"ahead": value}}})


def test_what_is_ahead_lies_not_in_the_future() -> None:
    ahead = {"start": "2026-03-01T00:00:00+00:00", "end": "2026-09-01T00:00:00+00:00"}
    state = State({"bookmarks": {"activities_send_email": {"ahead": ahead}}})
    with pytest.raises(StateError, match=r"activities_send_email\.ahead\.end lies in the future"):
        check_past(state, day(6, 1))


def test_bookmarks_of_two_keys_of_one_stream_move_apart() -> None:
    state = State(OTHER_TAPS_STATE)
    state.apply(Position(bookmarks={"leads": Bookmark("createdAt", day(1, 1) - timedelta(1))}))
    assert state.bookmark("leads", "createdAt") == day(1, 1) - timedelta(1)
    assert state.bookmark("leads", "updatedAt") == day(1, 1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T00:00:00.999Z", day(1, 1)),
        ("2026-01-01T05:30:00+05:30", day(1, 1)),
        ("2026-01-01", day(1, 1)),
    ],
)
def test_bookmarks_of_every_spelling_are_whole_seconds_in_utc(text: str, moment: datetime) -> None:
    state = State({"bookmarks": {"leads": {"updatedAt": text}}})
    assert state.bookmark("leads", "updatedAt") == moment


def test_times_are_compared_as_times_and_not_as_text() -> None:
    state = State({"bookmarks": {"leads": {"updatedAt": "2026-01-01T02:00:00+05:00"}}})
    state.apply(Position(bookmarks={"leads": Bookmark("updatedAt", day(1, 1))}))
    assert state.bookmark("leads", "updatedAt") == day(1, 1)


def test_exports_of_a_family_replace_what_was_there_and_leave_other_families_alone() -> None:
    state = State()
    one = PendingExport("1", day(1, 1), day(1, 2), ("leads",), "updatedAt")
    two = PendingExport("2", day(1, 2), day(1, 3), ("a", "b"), "activityDate")
    state.apply(Position(exports={"leads": [one], "activities": [two]}))
    state.apply(Position(exports={"activities": []}))
    again = State(saved(state))
    assert again.pending_exports("leads", {}, START) == [one]
    assert again.pending_exports("activities", {}, START) == []


def test_a_state_without_exports_has_no_exports_key() -> None:
    state = State()
    assert state.value == {"bookmarks": {}}
    export = PendingExport("1", day(1, 1), day(1, 2), ("leads",), "updatedAt")
    state.apply(Position(exports={"leads": [export]}))
    assert "exports" in state.value
    state.apply(Position(exports={"leads": []}))
    assert state.value == {"bookmarks": {}}


def test_a_scan_that_ended_leaves_no_mark() -> None:
    state = State()
    mark = PageMark(next_page_token="TOKEN", scan_started=day(1, 5))
    state.apply(Position(marks={"lists": mark}))
    assert State(saved(state)).mark(PageMark, "lists") == mark
    state.apply(Position(marks={"lists": PageMark()}))
    assert State(saved(state)).mark(PageMark, "lists") == PageMark()
    assert not any(state.value["bookmarks"]["lists"].values())


def test_keys_nobody_knows_are_kept() -> None:
    value = {
        "bookmarks": {"leads": {"updatedAt": "2026-01-01T00:00:00+00:00", "mine": [1]}, "x": {}},
        "another tap's": {"a": 1},
    }
    state = State(value)
    state.apply(Position(bookmarks={"leads": Bookmark("updatedAt", day(2, 1))}))
    assert state.value["another tap's"] == {"a": 1}
    assert state.value["bookmarks"]["leads"]["mine"] == [1]
    assert "x" in state.value["bookmarks"]


def test_the_value_given_is_not_changed() -> None:
    before = json.dumps(OTHER_TAPS_STATE)
    state = State(OTHER_TAPS_STATE)
    state.apply(Position(bookmarks={"leads": Bookmark("updatedAt", day(2, 1))}))
    assert json.dumps(OTHER_TAPS_STATE) == before


STREAMS = ("leads", "activities_a", "activities_b", "lists")
FAMILIES = ("leads", "activities")
KEYS = dict.fromkeys(STREAMS, "updatedAt")
SECONDS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
IDS = st.text(min_size=1, max_size=12)
EXPORTS = st.builds(
    PendingExport,
    IDS,
    SECONDS,
    SECONDS,
    st.lists(st.sampled_from(STREAMS), unique=True).map(tuple),
    st.sampled_from(("updatedAt", "createdAt", "activityDate")),
    st.none() | SECONDS,
)
POSITIONS = st.builds(
    Position,
    bookmarks=st.dictionaries(
        st.sampled_from(STREAMS),
        st.builds(
            Bookmark, st.sampled_from(("updatedAt", "createdAt")), SECONDS, st.none() | SECONDS
        ),
    ),
    marks=st.dictionaries(
        st.sampled_from(STREAMS),
        st.just(PageMark())
        | st.builds(PageMark, next_page_token=IDS, scan_started=st.none() | SECONDS),
    ),
    exports=st.dictionaries(st.sampled_from(FAMILIES), st.lists(EXPORTS, max_size=3)),
    failed=st.dictionaries(
        st.sampled_from(STREAMS), st.dictionaries(IDS, SECONDS, max_size=2), max_size=2
    ),
)


@given(st.lists(POSITIONS, max_size=6), st.booleans())
def test_whatever_is_applied_is_answered_the_same_by_the_next_run(
    positions: list[Position], saved_each_time: bool
) -> None:
    state = State()
    bookmarks: dict[tuple[str, str], datetime] = {}
    settled: dict[str, datetime] = {}
    pages: dict[str, Entry] = {}
    exports: dict[str, list[PendingExport]] = {}
    failed: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    for position in positions:
        before = saved(state)["bookmarks"]
        state.apply(position)
        for stream, parts in position.failed.items():
            if parts and not failed.get(stream):
                beside[stream] = before.get(stream, {})
            failed[stream] = parts
        for stream, mark in position.bookmarks.items():
            key = stream, mark.key
            bookmarks[key] = max(bookmarks.get(key, mark.time), mark.time)
            if mark.settled:
                settled[stream] = mark.settled
        pages.update(position.marks)
        exports.update({name: list(jobs) for name, jobs in position.exports.items()})
        if saved_each_time:
            state = State(saved(state))
    again = State(saved(state))
    for stream in STREAMS:
        assert again.mark(PageMark, stream) == pages.get(stream, PageMark())
        assert again.settled(stream) == settled.get(stream)
        assert again.failed(stream) == failed.get(stream, {})
        for name in ("updatedAt", "createdAt"):
            assert again.bookmark(stream, name) == bookmarks.get((stream, name))
        if failed.get(stream):
            # A version that does not know what failed goes on where everything had been read.
            own = saved(state)["bookmarks"][stream]
            del own["failed"], own["others"]
            assert own == beside[stream]
    for family in FAMILIES:
        assert again.pending_exports(family, KEYS, START) == exports.get(family, [])
    assert sorted(again.streams_with_exports()) == sorted(name for name in exports if exports[name])


def test_parts_that_failed_are_forgotten_once_another_version_has_read_them() -> None:
    state = State({"bookmarks": {"tokens": {"refreshed": "2026-01-01T00:00:00+00:00"}}})
    failed = {"Folder/12": day(1, 2)}
    mark = ChildMark(refreshed=day(1, 2))
    state.apply(Position(marks={"tokens": mark}, failed={"tokens": failed}))
    own = saved(state)["bookmarks"]["tokens"]
    assert own["refreshed"] == "2026-01-01T00:00:00+00:00"
    # It keeps the keys that it does not know.
    for moved, known in (("2026-01-01", True), ("2026-01-02", True), ("2026-01-03", False)):
        again = State({"bookmarks": {"tokens": {**own, "refreshed": f"{moved}T00:00:00+00:00"}}})
        assert again.failed("tokens") == (failed if known else {})
        assert again.mark(ChildMark, "tokens").refreshed == day(1, 2 if known else 3)
    assert State({"bookmarks": {"tokens": {"failed": None, "others": None}}}).failed("tokens") == {}


@pytest.mark.parametrize(
    ("marks", "complaint"),
    [
        ({"failed": ["Folder/12"]}, "failed must be an object"),
        ({"failed": {"Folder/12": 7}}, "failed must be a string"),
        ({"failed": {"Folder/12": "soon"}}, "failed is no date-time"),
        ({"failed": {"Folder": START.isoformat()}}, "failed is no parent: 'Folder'"),
        ({"others": "2026-01-01"}, "others must be an object"),
        ({"others": {"refreshed": "soon"}}, "others.refreshed is no date-time"),
    ],
)
def test_nonsense_about_parts_that_failed_is_named(marks: dict[str, Any], complaint: str) -> None:
    with pytest.raises(StateError, match=rf"bookmarks\.tokens\.{complaint}"):
        State({"bookmarks": {"tokens": marks}}).failed("tokens", Parent.read)


def test_a_stream_is_not_settled_anywhere_until_a_run_says_so() -> None:
    state = State(OTHER_TAPS_STATE)
    assert state.settled("leads") is None
    assert state.settled("unknown") is None
    state.apply(Position(bookmarks={"leads": Bookmark("updatedAt", day(1, 2))}))
    assert state.settled("leads") is None
    assert "settled" not in state.value["bookmarks"]["leads"]
    state.apply(Position(bookmarks={"leads": Bookmark("updatedAt", day(1, 3), day(1, 2))}))
    state.apply(Position(bookmarks={"leads": Bookmark("updatedAt", day(1, 4))}))
    assert State(saved(state)).settled("leads") == day(1, 2)


def test_what_families_cost_is_kept_for_the_next_run() -> None:
    state = State()
    assert state.bytes_per_day() == state.rows_per_day() == {}
    state.remember_costs({}, {})
    assert state.value == {"bookmarks": {}}
    state.remember_costs({"leads": 0, "activities": 12_000_000}, {"leads": 7})
    state.remember_costs({}, {})
    kept = State(saved(state))
    assert kept.bytes_per_day() == {"leads": 0, "activities": 12_000_000}
    assert kept.rows_per_day() == {"leads": 7}
    state.remember_costs({"leads": 5}, {})
    assert State(saved(state)).bytes_per_day() == {"leads": 5}
    assert State(saved(state)).rows_per_day() == {"leads": 7}


def test_a_state_told_its_costs_does_not_change_with_them() -> None:
    state, costs, rows = State(), {"leads": 1}, {"leads": 1}
    state.remember_costs(costs, rows)
    costs["leads"] = rows["leads"] = 2
    state.bytes_per_day()["leads"] = state.rows_per_day()["leads"] = 3
    assert state.bytes_per_day() == state.rows_per_day() == {"leads": 1}


def test_families_with_jobs_under_way_are_distinguished() -> None:
    job = PendingExport("1", day(1, 1), day(1, 2), ("leads",), "updatedAt", day(1, 3))
    state = State(OTHER_TAPS_STATE)
    assert state.streams_with_exports() == {}
    state.apply(Position(exports={"leads": [job], "activities": []}))
    assert State(saved(state)).streams_with_exports() == {"leads": {"leads"}}


JOB = {
    "export_id": "1",
    "start": "2026-01-01",
    "end": "2026-01-02",
    "streams": ["leads"],
    "replication_key": "updatedAt",
}


SENSELESS_SIZES: tuple[Any, ...] = (-1, 1.5, "7", True, None, [])


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"bookmarks": []}, "bookmarks must be an object"),
        ({"bookmarks": {"leads": "2026-01-01"}}, "bookmarks.leads must be an object"),
        (
            {"bookmarks": {"leads": {"updatedAt": 1767225600}}},
            "bookmarks.leads.updatedAt must be a string",
        ),
        (
            {"bookmarks": {"leads": {"updatedAt": "soon"}}},
            "bookmarks.leads.updatedAt is no date-time: 'soon'",
        ),
        (
            {"bookmarks": {"leads": {"createdAt": "2026-02-30"}}},
            "bookmarks.leads.createdAt is no date-time",
        ),
        (
            {"bookmarks": {"activities_x": {"activityDate": ""}}},
            "bookmarks.activities_x.activityDate is no date-time",
        ),
        (
            {"bookmarks": {"leads": {"export_id": "1", "export_end": "later"}}},
            "bookmarks.leads.export_end is no date-time",
        ),
        ({"bookmarks": {"leads": {"export_id": 7}}}, "bookmarks.leads.export_id must be a string"),
        (
            {"bookmarks": {"assets_seen": {"shown": {"forms": "12"}}}},
            "bookmarks.assets_seen.shown must be a whole number",
        ),
        (
            {"bookmarks": {"assets_seen": {"listed": ["forms"]}}},
            "bookmarks.assets_seen.listed must be an object",
        ),
        (
            {"bookmarks": {"lists": {"next_page_token": []}}},
            "bookmarks.lists.next_page_token must be a string",
        ),
        (
            {"bookmarks": {"lists": {"scan_started": "x"}}},
            "bookmarks.lists.scan_started is no date-time",
        ),
        (
            {"bookmarks": {"leads": {"settled": 1767225600}}},
            "bookmarks.leads.settled must be a string",
        ),
        ({"bookmarks": {"leads": {"settled": "long ago"}}}, "bookmarks.leads.settled is no date"),
        ({"export_bytes_per_day": [1]}, "export_bytes_per_day must be an object"),
        *(
            (
                {"export_bytes_per_day": {"leads": 1, "activities": size}},
                "export_bytes_per_day.activities must be a whole number",
            )
            for size in SENSELESS_SIZES
        ),
        (
            {"exports": {"leads": [{**JOB, "made": "before"}]}},
            r"exports.leads\[0\].made is no date-time",
        ),
        ({"exports": []}, "exports must be an object"),
        ({"exports": {"leads": {"a": 1}}}, "exports.leads must be a list"),
        ({"exports": {"leads": [JOB, "2"]}}, r"exports.leads\[1\] must be an object"),
        (
            {"exports": {"leads": [{**JOB, "start": "x"}]}},
            r"exports.leads\[0\].start is no date-time",
        ),
        (
            {"exports": {"leads": [{**JOB, "end": 1}]}},
            r"exports.leads\[0\].end must be a string",
        ),
        (
            {"exports": {"leads": [{**JOB, "streams": "leads"}]}},
            r"exports.leads\[0\].streams must be a list of stream names",
        ),
        (
            {"exports": {"leads": [{**JOB, "streams": [1]}]}},
            r"exports.leads\[0\].streams must be a list of stream names",
        ),
        *(
            (
                {"exports": {"leads": [{k: v for k, v in JOB.items() if k != missing}]}},
                r"exports.leads\[0\] must have",
            )
            for missing in ("export_id", "start", "end", "replication_key")
        ),
    ],
)
def test_nonsense_is_named_by_file_and_key(value: dict[str, Any], complaint: str) -> None:
    with pytest.raises(StateError, match=f"^The state file my.json cannot be used: {complaint}"):
        State(value, "my.json")


def test_an_export_id_without_its_end_is_named_when_it_is_asked_for() -> None:
    state = State({"bookmarks": {"leads": {"export_id": "1"}}}, "my.json")
    with pytest.raises(StateError, match=r"bookmarks\.leads\.export_end is missing"):
        state.pending_exports("leads", {"leads": "updatedAt"}, START)


@pytest.mark.parametrize("value", [None, {}, {"bookmarks": None}, {"bookmarks": {"leads": None}}])
def test_empty_states_of_every_shape_are_first_runs(value: dict[str, Any] | None) -> None:
    assert State(value).bookmark("leads", "updatedAt") is None


# Streams with a call for each parent.


def test_a_stream_with_parents_goes_on_at_the_parent_it_had_reached() -> None:
    state = State({})
    assert state.mark(ChildMark, "tokens") == ChildMark()
    mark = ChildMark(parent=Parent("Folder", 12), scan_started=START)
    state.apply(Position(marks={"tokens": mark}))
    again = State(json.loads(json.dumps(state.value)))
    assert again.mark(ChildMark, "tokens") == mark
    again.apply(Position(marks={"tokens": ChildMark(refreshed=START)}))
    assert again.mark(ChildMark, "tokens") == ChildMark(refreshed=START)


@pytest.mark.parametrize("marks", [{"parent": 7}, {"parent": "Folder"}, {"refreshed": "soon"}])
def test_nonsense_about_parents_is_refused_with_its_key(marks: dict[str, Any]) -> None:
    (key,) = marks
    with pytest.raises(StateError, match=f"bookmarks.tokens.{key}"):
        State({"bookmarks": {"tokens": marks}}).mark(ChildMark, "tokens")


def test_parents_go_by_type_and_number() -> None:
    parents = [Parent("Program", 2), Parent("Folder", 10), Parent("Folder", 9)]
    assert [str(parent) for parent in sorted(parents)] == ["Folder/9", "Folder/10", "Program/2"]
    assert all(Parent.read(str(parent)) == parent for parent in parents)


FUTURE = "2026-06-17T12:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"bookmarks": {"leads": {"updatedAt": FUTURE}}}, r"bookmarks\.leads\.updatedAt"),
        ({"bookmarks": {"leads": {"settled": FUTURE}}}, r"bookmarks\.leads\.settled"),
        ({"bookmarks": {"tokens": {"refreshed": FUTURE}}}, r"bookmarks\.tokens\.refreshed"),
        (
            {"bookmarks": {"list_memberships": {"readings": {"7": FUTURE}}}},
            r"bookmarks\.list_memberships\.readings\.7",
        ),
        (
            {"bookmarks": {"tokens": {"failed": {"Folder/7": FUTURE}}}},
            r"bookmarks\.tokens\.failed\.Folder/7",
        ),
        (
            {"bookmarks": {"tokens": {"others": {"refreshed": FUTURE}}}},
            r"bookmarks\.tokens\.others\.refreshed",
        ),
        (
            {"bookmarks": {"assets_seen": {"listed": {"forms": FUTURE}}}},
            r"bookmarks\.assets_seen\.listed\.forms",
        ),
        ({"exports": {"leads": [{**JOB, "end": FUTURE}]}}, r"exports\.leads\[0\]\.end"),
    ],
)
def test_a_time_in_the_future_is_named_as_nothing_behind_it_would_be_read(
    value: dict[str, Any], complaint: str
) -> None:
    state = State(value, "my.json")
    with pytest.raises(StateError, match=f"{complaint} lies in the future: '{FUTURE[:10]}"):
        check_past(state, datetime(2026, 6, 15, 12, tzinfo=UTC))
    # Neither clock is said to be wrong where they agree, nor a bookmark where they do not.
    with pytest.raises(StateError, match=r"clock and Marketo's differ by 2\.0 days") as caught:
        check_past(state, datetime(2026, 6, 15, 12, tzinfo=UTC), timedelta(days=2))
    assert "leave the state file as it is" in str(caught.value)
    with pytest.raises(StateError, match=f"{complaint} lies in the future"):
        check_past(state, datetime(2026, 6, 15, 12, tzinfo=UTC), timedelta(hours=20))
    # Clocks differ, but not by so much.
    check_past(state, datetime(2026, 6, 16, 12, tzinfo=UTC))


def test_the_other_tap_may_have_set_the_end_of_an_export_into_the_future() -> None:
    check_past(State(OTHER_TAPS_STATE), day(1, 15))


READING: dict[str, Any] = {
    "reached": 3007,
    "scan_started": "2026-06-01T00:00:00+00:00",
    "reading": 3008,
    "next_page_token": "TOKEN",
    "read_since": "2026-06-01T00:02:00+00:00",
    "readings": {"3001": "2026-06-01T00:00:00+00:00"},
}


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        ("scan_started", "reached stands without scan_started"),
        ("reached", "readings stands without reached"),
        ("reading", "next_page_token stands without reading"),
        ("next_page_token", "reading stands without next_page_token"),
        ("read_since", "reading stands without read_since"),
    ],
)
def test_half_of_a_mark_of_lists_is_named_as_what_happened_since_would_be_missed(
    missing: str, complaint: str
) -> None:
    whole = State({"bookmarks": {"list_memberships": READING}})
    assert whole.mark(ListMark, "list_memberships").reached == 3007
    half = {key: value for key, value in READING.items() if key != missing}
    state = State({"bookmarks": {"list_memberships": half}}, "my.json")
    with pytest.raises(StateError, match=rf"bookmarks\.list_memberships\.{complaint}"):
        state.mark(ListMark, "list_memberships")


@pytest.mark.parametrize("parent", ["", "1007", "Program/", "Program/x", "Program/-1", "/7"])
def test_what_is_no_parent_is_named(parent: str) -> None:
    mark = {"parent": parent, "scan_started": "2026-06-01T00:00:00+00:00"}
    if not parent:
        assert State({"bookmarks": {"tokens": mark}}).mark(ChildMark, "tokens").parent is None
        return
    with pytest.raises(StateError, match=rf"bookmarks\.tokens\.parent is no parent: '{parent}'"):
        State({"bookmarks": {"tokens": mark}}, "my.json")


def test_a_parent_without_the_time_of_its_scan_is_named() -> None:
    state = State({"bookmarks": {"tokens": {"parent": "Program/7"}}}, "my.json")
    with pytest.raises(StateError, match=r"tokens\.parent stands without scan_started"):
        state.mark(ChildMark, "tokens")
