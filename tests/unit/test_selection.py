"""Patterns of selection."""

from __future__ import annotations

import pytest

from tap_marketo.commands.selection import Pattern


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
