"""The names of activities' attributes: which column each of them means, however it is spelled."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tap_marketo.names import clean


class AttributeColumns:
    """Finds the column of an attribute by any of the names a row may use for it."""

    def __init__(
        self, columns: Mapping[str, str], api_names: Mapping[str, str], others: Collection[str]
    ) -> None:
        """Index the names.

        Args:
            columns: column of each attribute's display name.
            api_names: display name of each apiName.
            others: columns whose attribute is no longer known; only the cleaned name leads to
                them.
        """
        self._exact = dict(columns)
        self._folded: dict[str, str] = {}
        for name, column in columns.items():
            self._folded.setdefault(name.casefold(), column)
        for api_name, name in api_names.items():
            if name in columns:
                self._folded.setdefault(api_name.casefold(), columns[name])
        self._others = frozenset(others)

    def find(self, name: str) -> str | None:
        """Return the column of an attribute as a row names it, None when it is not known."""
        known = self._exact.get(name) or self._folded.get(name.casefold())
        if known:
            return known
        cleaned = clean(name)
        return cleaned if cleaned in self._others else None
