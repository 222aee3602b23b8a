"""Custom objects: each type is a stream.

Those that hang on leads are exported in bulk, by the time of their last change; the others are
asked for by keys.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tap_marketo.errors import NOT_OFFERED, DataError, MarketoError
from tap_marketo.exports.family import BulkFamily, ExportPlan, SyncContext, date_range
from tap_marketo.log import LOGGER
from tap_marketo.marketo.describe import Field
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.streams.account import Account, custom_object_path
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.described import DescribedFamily, described_entry, with_fields
from tap_marketo.streams.details import path_with
from tap_marketo.streams.keyed_object import REPLICATION_KEY, KeyedStream, declared_fields
from tap_marketo.streams.linked_objects import PREFIX, LinkedRead, is_fresh, source_of
from tap_marketo.streams.object_links import CUSTOM_OBJECT, LEADS, KeyPath, ObjectLinks
from tap_marketo.streams.permissions import READ_CUSTOM_OBJECT, READ_LEAD
from tap_marketo.streams.stream_read import Read, ReadEstimate, Steps, StreamRead

_PREFIX = "custom_object_"
# Where discovery notes the API name of a stream's type.
_OBJECT_NAME = "marketo.custom-object"
# An API name with anything else would make another path of the calls about its jobs.
_API_NAME = re.compile(r"\w+", re.ASCII)
_BULK_OBJECT = re.compile(rf"{LEADS}|{CUSTOM_OBJECT.format(id=_API_NAME.pattern)}", re.ASCII)
_KEY = "marketoGUID"
_SCHEMA_FILE = "custom_objects"
# What every record has, also where describe should not tell of it (custom-objects.md, Describe).
_ALWAYS = declared_fields(_SCHEMA_FILE)


class CustomObjectFamily(DescribedFamily):
    """The records of one type (bulk-custom-object-extract.md)."""

    keys = (_KEY,)
    replication_key = REPLICATION_KEY

    def __init__(
        self, object_name: str, entry: CatalogEntry, fields: Collection[Field], lookback: timedelta
    ) -> None:
        """Serve the stream of a type, given its API name; the rest is as of any described one."""
        self.name = f"{_PREFIX}{object_name}"
        self.bulk_object = path_with(CUSTOM_OBJECT, object_name)
        super().__init__(entry, fields, lookback)

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        return {self.replication_key: date_range(plan.window)}


class CustomObjectRead(StreamRead):
    """One sync of a type: it is asked what it has, and fails by itself; then it is exported."""

    finds_families = True

    def __init__(self, entry: CatalogEntry, account: Account, context: SyncContext) -> None:
        """Prepare to read.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, CustomObjectFamily.keys, CustomObjectFamily.replication_key)
        self._account = account
        self._lookback = timedelta(hours=context.config.leads_lookback_hours)

    def steps(self, emitter: Emitter) -> Steps:
        yield self._family()

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        return ReadEstimate(families=[self._family()])

    def _family(self) -> CustomObjectFamily:
        name = _object_name(self.entry)
        fields = with_fields(self._account.custom_object(name).fields, _ALWAYS)
        family = CustomObjectFamily(name, self.entry, fields, self._lookback)
        family.issues = {self.stream: self.issues}
        return family


class CustomObjects(StreamDefinition):
    """The streams of custom objects."""

    name = f"{_PREFIX}<name>"
    is_exported = True
    permission = READ_CUSTOM_OBJECT

    def bulk_objects(self, account: Account) -> Mapping[str, str]:
        links = ObjectLinks(account)
        return {
            name: path_with(CUSTOM_OBJECT, name)
            for name in account.custom_objects
            if links.is_exported(name)
        }

    def owns(self, entry: CatalogEntry) -> bool:
        return entry.stream.startswith(_PREFIX) and isinstance(_object_name(entry), str)

    def discover(self, account: Account) -> list[dict[str, Any]]:
        try:
            names = sorted(filter(_API_NAME.fullmatch, account.custom_objects))
        except NOT_OFFERED as error:
            LOGGER.warning("Types of custom objects cannot be found, and are left out. %s", error)
            return []
        streams = account.naming.objects(names, _PREFIX)
        links = ObjectLinks(account)
        entries = []
        for name in names:
            try:
                fields = account.custom_object(name).fields
            except NOT_OFFERED as error:
                LOGGER.warning("Custom objects of type %s are left out. %s", name, error)
                continue
            # "CRM custom objects are not allowed" (bulk-custom-object-extract.md).
            if all(field.is_of_crm for field in fields):
                LOGGER.info("Custom objects of type %s are of a CRM and are not exported.", name)
                continue
            if links.paths(name) == []:
                LOGGER.warning(
                    "Custom objects of type %s are left out: Marketo says neither that they hang "
                    "on leads or companies, nor which objects that hang on leads lead to them.",
                    name,
                )
                continue
            entries.append(
                described_entry(
                    streams[name],
                    with_fields(fields, _ALWAYS),
                    {field.name for field in _ALWAYS},
                    (_KEY,),
                    REPLICATION_KEY,
                    account.naming,
                    stream_metadata={_OBJECT_NAME: name},
                    schema_file=_SCHEMA_FILE,
                )
            )
        return entries

    def permissions_of(self, entry: CatalogEntry, account: Account) -> Sequence[str]:
        is_of_companies = ObjectLinks(account).are_of_companies(_object_name(entry))
        return (READ_LEAD,) if is_of_companies else ()

    def missing(self, entry: CatalogEntry, account: Account) -> str:
        name = _object_name(entry)
        is_there = name in account.custom_objects and _API_NAME.fullmatch(name)
        return "" if is_there else f"custom objects of type {name}"

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[Read | BulkFamily]:
        reads: list[Read | BulkFamily] = []
        links = ObjectLinks(account)
        for entry in entries:
            if gone := self.missing(entry, account):
                LOGGER.warning(
                    "%s is skipped: Marketo no longer has %s. Run discovery again.",
                    entry.stream, gone,
                )  # fmt: skip
                continue
            linked = _linked(entry, links, context)
            if linked:
                reads += linked.readings([entry], account, context)
            else:
                reads.append(CustomObjectRead(entry, account, context))
        return reads

    def bulk_object_of(self, family: str) -> str | None:
        exported = family.removeprefix(PREFIX)
        if exported != family:
            return exported if _BULK_OBJECT.fullmatch(exported) else None
        name = family.removeprefix(_PREFIX)
        if name == family or not _API_NAME.fullmatch(name):
            return None
        return path_with(CUSTOM_OBJECT, name)


def _linked(entry: CatalogEntry, links: ObjectLinks, context: SyncContext) -> KeyedStream | None:
    """Return how a type is read that does not hang on leads; None for all others.

    A catalog may have a type of which nothing is known any more, or which cannot be described: it
    is exported, which says what is wrong with it.
    """
    name = _object_name(entry)
    paths: Sequence[KeyPath] = ()
    # What is not read need not be described.
    if not is_fresh(context, entry.stream):
        try:
            paths = links.paths(name) or ()
        except (MarketoError, DataError) as error:
            if error.ends_run:
                raise
            return None
        if not paths:
            return None
    return KeyedStream(
        name=entry.stream,
        path=custom_object_path(name),
        schema_file=_SCHEMA_FILE,
        filters={path.filter: source_of(entry.stream, path) for path in paths},
        paths=paths,
        read=LinkedRead.shared,
    )


def _object_name(entry: CatalogEntry) -> Any:
    return entry.stream_metadata(_OBJECT_NAME)
