"""Discovery: what the account has as a Singer catalog, and what patterns select of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from tap_marketo.errors import AccessDeniedError, CatalogError
from tap_marketo.log import LOGGER, counted, some_of
from tap_marketo.names import is_plain
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_columns import EXTRA_COLUMN, UNKNOWN_ATTRIBUTES
from tap_marketo.streams.permissions import PermissionProbe
from tap_marketo.streams.registry import REGISTRY


def discover(account: Account) -> dict[str, Any]:
    """Return the catalog of all streams the account can give.

    Streams whose permission the API user lacks are left out; a warning names the permission.
    """
    account.client.start()
    needing: dict[str, list[str]] = {}
    offered = [kind for kind in REGISTRY if kind.is_offered(account)]
    for kind in offered:
        needing.setdefault(kind.permission, []).append(kind.name)
    permissions = PermissionProbe(account, needing)
    streams: list[dict[str, Any]] = []
    for kind in offered:
        if permissions.has(kind.permission):
            try:
                streams += kind.discover(account)
            except AccessDeniedError as error:
                permissions.deny(kind.permission, error)
    LOGGER.info("Discovered %s.", counted(len(streams), "stream"))
    _warn_of_names(streams)
    return {"streams": streams}


def _warn_of_names(streams: Sequence[dict[str, Any]]) -> None:
    """Warn of names that a target may refuse, or take for another stream's."""
    hard = _hard_names(stream["tap_stream_id"] for stream in streams)
    named = [
        stream["tap_stream_id"]
        for stream in streams
        if stream["tap_stream_id"] in hard or _hard_names(_emitted_columns(stream))
    ]
    if named:
        LOGGER.warning(
            "%d of %d streams have names, or columns with names, that many targets cannot hold: "
            '%s. To have names that all can hold, set "names": "plain" and run discovery again.',
            len(named), len(streams), some_of(named, most=5),
        )  # fmt: skip


def _hard_names(names: Iterable[str]) -> set[str]:
    """Return the names that are not plain, or differ from another in letter case only."""
    names = list(names)
    counts = Counter(name.lower() for name in names)
    return {name for name in names if not is_plain(name) or counts[name.lower()] > 1}


def _emitted_columns(stream: dict[str, Any]) -> list[str]:
    return [
        item["breadcrumb"][-1]
        for item in stream["metadata"]
        if item["breadcrumb"] and item["metadata"]["inclusion"] != "unsupported"
    ]


@dataclass(frozen=True)
class Pattern:
    """A pattern for streams and their columns, as Meltano has them: ``leads.*``, ``!*.ssn``.

    ``*``, ``?`` and ``[...]`` mean what they mean in file names. A dot within the name of a stream
    has a backslash before it. A pattern without columns matches all of them. What one with ``!``
    matches is left out.
    """

    text: str
    excludes: bool
    stream: str
    column: str

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a pattern as it is given."""
        stream, *columns = re.split(r"(?<!\\)\.", text.removeprefix("!"), maxsplit=1)
        column = "".join(columns) or "*"
        return cls(text, text.startswith("!"), stream.replace(r"\.", "."), column)

    def matches_stream(self, stream: str) -> bool:
        """Say whether it matches a stream, or some columns of it."""
        return fnmatchcase(stream, self.stream)

    def matches(self, stream: str, column: str) -> bool:
        """Say whether it matches a column of a stream."""
        return self.matches_stream(stream) and fnmatchcase(column, self.column)

    def names_columns(self) -> bool:
        """Say whether it matches some columns, and not just all of them."""
        return self.column.strip("*") != ""


def select(catalog: Mapping[str, Any], patterns: Sequence[str]) -> None:
    """Mark in a discovered catalog what some patterns select, and all else as not selected.

    An exclusion counts wherever it stands among the patterns. Some targets stop at an object that
    declares no members: only a pattern for columns selects it.

    Raises:
        CatalogError: a pattern that should select something matches nothing.
    """
    parsed = [Pattern.parse(text) for text in patterns]
    _check_patterns(catalog, parsed)
    wanted = [pattern for pattern in parsed if not pattern.excludes]
    unwanted = [pattern for pattern in parsed if pattern.excludes]
    for stream in catalog["streams"]:
        name = stream["tap_stream_id"]
        is_selected = any(p.matches_stream(name) for p in wanted) and not any(
            p.column == "*" and p.matches_stream(name) for p in unwanted
        )
        costly = []
        for item in stream["metadata"]:
            mark = item["metadata"]
            if not item["breadcrumb"]:
                mark["selected"] = is_selected
            elif mark["inclusion"] == "available":
                column = item["breadcrumb"][-1]
                has_no_members = mark.get(EXTRA_COLUMN) == UNKNOWN_ATTRIBUTES
                mark["selected"] = (
                    is_selected
                    and any(
                        p.matches(name, column) and (p.names_columns() or not has_no_members)
                        for p in wanted
                    )
                    and not any(p.matches(name, column) for p in unwanted)
                )
                if mark["selected"] and _takes_calls(mark):
                    costly.append(column)
        if costly:
            LOGGER.warning(
                "%s of %s take a call for each row. To leave them out: %s.",
                ", ".join(costly), name,
                " ".join(f"--select '!{name}.{column}'" for column in costly),
            )  # fmt: skip


def _takes_calls(mark: Mapping[str, Any]) -> bool:
    return mark.get("selected-by-default") is False and "marketo.extra-column" not in mark


def _check_patterns(catalog: Mapping[str, Any], patterns: Sequence[Pattern]) -> None:
    streams = {
        stream["tap_stream_id"]: stream["schema"]["properties"] for stream in catalog["streams"]
    }
    for pattern in patterns:
        meant = [name for name in streams if pattern.matches_stream(name)]
        if any(pattern.matches(name, column) for name in meant for column in streams[name]):
            continue
        if meant:
            known = sorted({column for name in meant for column in streams[name]})
            what, name = f"no column of {meant[0]}", pattern.column
        else:
            known, what, name = list(streams), "no stream of this account", pattern.stream
        hint = _hint(pattern, name, known)
        if not pattern.excludes:
            raise CatalogError(f"--select {pattern.text!r} matches {what}{hint}")
        LOGGER.warning("--select %r matches %s%s", pattern.text, what, hint)


def _hint(pattern: Pattern, name: str, known: Sequence[str]) -> str:
    """Return how the pattern is probably meant, as the end of a sentence."""
    if "," in pattern.text:
        return ". Several patterns are given with --select each."
    for stream in REGISTRY if name == pattern.stream else ():
        if stream.permission and pattern.matches_stream(stream.name):
            needs = f"{stream.name} out, which needs the permission {stream.permission}"
            return f": discovery has left {needs}. A warning above says why."
    if f"{pattern.stream}_" in {stream.name.partition("<")[0] for stream in REGISTRY}:
        return f": did you mean '{pattern.stream}_*.*'?"
    close = get_close_matches(name, known, n=1)
    return f": did you mean {close[0]!r}?" if close else "."
