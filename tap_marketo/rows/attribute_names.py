"""The names of activities' attributes: which column each of them means, however it is spelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from tap_marketo.names import clean


class AttributeColumns:
    """Finds the column of an attribute by any of the names a row may use for it.

    As :func:`tap_marketo.same_names.find_names`: a display name or an apiName as it stands first,
    letter case aside only where that leaves one attribute.
    """

    def __init__(
        self,
        columns: Mapping[str, str | None],
        api_names: Mapping[str, str],
        others: Collection[str],
    ) -> None:
        """Index the names.

        Args:
            columns: column of each attribute's display name, None for an attribute that the
                catalog lacks.
            api_names: display name of each apiName.
            others: columns whose attribute is no longer known; only the cleaned name leads to
                them.
        """
        by_api_name = {
            api_name: columns[name] for api_name, name in api_names.items() if name in columns
        }
        self._exact = {**by_api_name, **columns}
        self._folded: defaultdict[str, set[str | None]] = defaultdict(set)
        for name, column in (*columns.items(), *by_api_name.items()):
            self._folded[name.casefold()].add(column)
        self._others = frozenset(others)

    def find(self, name: str) -> str | None:
        """Return the column of an attribute as a row names it, None when it is not known."""
        if name in self._exact:
            return self._exact[name]
        candidates = self._folded.get(name.casefold(), set())
        if len(candidates) == 1:
            return next(iter(candidates))
        cleaned = clean(name)
        return cleaned if cleaned in self._others else None
