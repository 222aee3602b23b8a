"""Patterns of selection."""

from __future__ import annotations

import pytest

from tap_marketo.commands.discovery import Pattern, select
from tap_marketo.errors import CatalogError


@pytest.mark.parametrize(
    ("text", "stream", "column", "matches"),
    [
        ("leads", "leads", "email", True),
        ("leads.*", "leads", "email", True),
        ("leads.email", "leads", "Email", False),
        ("*.email", "leads", "email", True),
        ("activities_*.lead?d", "activities_visit_webpage", "leadId", True),
        ("activities_*.*", "leads", "id", False),
        (r"activities_v1\.2.*", "activities_v1.2", "leadId", True),
        ("activities_v1.2", "activities_v1.2", "leadId", False),
        ("leads.a.b", "leads", "a.b", True),
        ("!leads.*", "leads", "email", True),
        ("[kl]eads.*", "leads", "email", True),
    ],
)
def test_a_pattern_matches_a_column_of_a_stream(
    text: str, stream: str, column: str, matches: bool
) -> None:
    pattern = Pattern.parse(text)
    assert pattern.excludes is text.startswith("!")
    assert pattern.matches(stream, column) is matches


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        (["*"], False),
        (["activities_*.*"], False),
        (["activities_*.unknown_attributes"], True),
        (["*", "*.unknown_*"], True),
        (["*.unknown_*", "!*.unknown_attributes"], False),
    ],
)
def test_an_object_that_declares_no_members_is_selected_only_by_its_name(
    patterns: list[str], selected: bool
) -> None:
    note: dict[str, object] = {
        "inclusion": "available",
        "marketo.extra-column": "unknown_attributes",
    }
    campaign: dict[str, object] = {"inclusion": "available"}
    columns = {"campaignId": campaign, "unknown_attributes": note}
    metadata = [
        {"breadcrumb": [], "metadata": {}},
        *({"breadcrumb": ["properties", name], "metadata": m} for name, m in columns.items()),
    ]
    stream = {
        "tap_stream_id": "activities_visit_webpage",
        "schema": {"properties": {name: {} for name in columns}},
        "metadata": metadata,
    }
    select({"streams": [stream]}, patterns)
    assert note["selected"] is selected
    if patterns[0] in ("*", "activities_*.*"):
        assert campaign["selected"] is True


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("leads.*,lists.*", r"Several patterns are given with --select each\.$"),
        ("activities.*", r"did you mean 'activities_\*\.\*'\?$"),
        ("lead.*", r"did you mean 'leads'\?$"),
        ("programs.*", r"left programs out, which needs the permission Read-Only Asset\. A"),
        ("nothing.like.it", r"matches no stream of this account\.$"),
    ],
)
def test_a_pattern_that_matches_nothing_is_answered_with_what_may_be_meant(
    pattern: str, hint: str
) -> None:
    names = ("leads", "lead_fields", "lists", "activities_bare", "activities_click_email")
    streams = [
        {"tap_stream_id": name, "schema": {"properties": {"id": {}}}, "metadata": []}
        for name in names
    ]
    with pytest.raises(CatalogError, match=hint):
        select({"streams": streams}, [pattern])
