"""What is said of fields beside what describe says of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tap_marketo.errors import AccessDeniedError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row, token_pages


class FieldSchemas:
    """The schemas of fields (leads.md, Query Fields), which take permissions of their own.

    They show what the role may see. One that is denied is the last that is asked for.
    """

    def __init__(self, client: MarketoClient, stream: str, described: Collection[str]) -> None:
        """Ask for nothing yet.

        Args:
            client: makes the calls.
            stream: is named in the log.
            described: what is known of the fields already, and not taken from their schemas.
        """
        self._client = client
        self._described = described
        self._stream = stream
        self._is_denied = False

    def of(self, path: str) -> Mapping[str, Row]:
        """Return what only the schema says of the fields of the object at a path, by their names.

        It is nothing where the role may not read the schema.
        """
        found: dict[str, Row] = {}
        if self._is_denied:
            return found
        try:
            for page in token_pages(
                self._client, f"{path}/schema/fields.json", "field_schema", None
            ):
                for row in page.rows:
                    own = {key: value for key, value in row.items() if key not in self._described}
                    found[str(row.get("name"))] = own
        except AccessDeniedError as error:
            self._is_denied = True
            LOGGER.info(
                "%s omits columns that only the schema endpoint returns. The permission "
                "needed is Read-Write Schema Standard Field or Read-Write Schema Custom Field. %s",
                self._stream, error,
            )  # fmt: skip
        return found


def searchable_fields(described: Row) -> set[object]:
    """Return the fields that a description names as searchable, by themselves or with others."""
    groups = described.get("searchableFields")
    lists = [group for group in groups if isinstance(group, list)] if groups else []
    return {name for group in lists for name in group if isinstance(name, str)}
