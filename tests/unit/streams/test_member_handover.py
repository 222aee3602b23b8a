"""A pass by pages: whenever it is stopped, each program is read by pages or by an export."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.protocol.marks import ChildMark, PagesMark
from tap_marketo.protocol.position import Position
from tap_marketo.protocol.state import State
from tap_marketo.streams.member_handover import PAGES, Handover
from tap_marketo.streams.member_passes import PassKind, pass_over_all
from tap_marketo.times import Window

BEGAN = datetime(2026, 6, 1, tzinfo=timezone.utc)
WINDOW = Window(BEGAN - timedelta(days=9), BEGAN)
DONE = Position(marks={"program_members": ChildMark(refreshed=BEGAN)})
COMPARED = PagesMark(compared=BEGAN)


def handover(programs: set[int], state: State) -> Handover:
    over = pass_over_all(PassKind.FIRST, programs, WINDOW, ChildMark(), DONE)
    return Handover(over, state.mark(PagesMark, PAGES), None)


@given(
    st.sets(st.integers(1, 60)),
    st.sets(st.integers(1, 60)),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=12),
)
def test_stopped_passes_read_every_program_once_by_pages(
    programs: set[int], large: set[int], stops: list[tuple[int, int]]
) -> None:
    state = State({"bookmarks": {PAGES: COMPARED.as_json()}})
    asked: list[int] = []
    exported: set[int] = set()
    for most, jobs in [*stops, (100, 100)]:
        each = handover(programs, state)
        left = list(each.programs())
        for number in left[:most]:
            asked.append(number)
            (each.hand_over if number in large else each.note_read)(number)
            state.apply(each.position(BEGAN))
        if len(left) <= most:
            each.end()
        each.has_to_offer()
        offered = list(each.to_export().programs)
        for start in range(0, len(offered), 10)[:jobs]:
            exported.update(offered[start : start + 10])
            each.have_exported(offered[start : start + 10])
        state.apply(each.position(BEGAN))
        if state.mark(ChildMark, "program_members").refreshed:
            break
    assert asked == sorted(programs)
    assert exported == programs & large
    assert state.mark(PagesMark, PAGES) == COMPARED
    assert state.mark(ChildMark, "program_members").refreshed == BEGAN


def test_a_mark_of_another_pass_or_half_of_one_is_not_taken() -> None:
    other = PagesMark(scan_started=BEGAN - timedelta(days=7), parent=None, to_export=(3,))
    each = handover({1, 2, 3}, State({"bookmarks": {PAGES: other.as_json()}}))
    assert list(each.programs()) == [1, 2, 3]
    assert not each.left_to_exports
