"""Answers of these calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.calls import Call
from tests.sandbox.database import Database
from tests.sandbox.metadata import rows
from tests.sandbox.metadata.kinds import FORM_FIELDS, SCHEMAS, SEARCHABLE, TYPE, TYPES
from tests.sandbox.paging import offset_page, token_page
from tests.sandbox.permissions import SCHEMA, Permissions

_OBJECT_OF = {call: name for calls in (FORM_FIELDS, SCHEMAS) for name, call in calls.items()}


class MetadataReader:
    """Gives the members of the envelope beside requestId."""

    def __init__(self, database: Database, permissions: Permissions, token_bytes: int) -> None:
        self._database = database
        self._permissions = permissions
        self._token_bytes = token_bytes

    def answer(self, call: Call) -> dict[str, Any]:
        """The answer to any of these calls."""
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            TYPES: lambda: {"result": rows.custom_types(self._database.activities.types)},
            TYPE: lambda: {"result": [self._type(call.job_id)]},
            SEARCHABLE: lambda: {"result": [rows.describe2(self._database.leads.fields)]},
        }
        if call.kind in answers:
            return answers[call.kind]()
        name = _OBJECT_OF[call.kind]
        return self._forms(call, name) if call.kind in FORM_FIELDS.values() else self._schema(call)

    def _type(self, name: str) -> dict[str, Any]:
        types = self._database.activities.types
        for listed in rows.custom_types(types):
            for details in rows.custom_type_details(types):
                if listed["apiName"] == details["apiName"] == name:
                    return {**listed, **details}
        raise ApiError("1013", f"Custom activity type {name} not found")

    def _forms(self, call: Call, name: str) -> dict[str, Any]:
        fields = rows.form_fields(name, self._database.leads.fields, self._database.members.fields)
        return {"errors": [], "warnings": [], "result": list(offset_page(fields, call.query))}

    def _schema(self, call: Call) -> dict[str, Any]:
        """A page of the fields that the role may see, as with those of leads."""
        standard, custom = (self._permissions.grants(name) for name in SCHEMA)
        shown = [
            field
            for field in rows.schema(_OBJECT_OF[call.kind], self._database.members.fields)
            if (custom if field["isCustom"] else standard)
        ]
        numbered = list(enumerate(shown, start=1))
        page, beside = token_page(
            numbered, call.query, call.kind, call.token, self._token_bytes, lambda row: row[0]
        )
        return {"result": [field for _, field in page], **beside}
