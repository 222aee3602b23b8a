"""What custom objects hang on (custom-objects.md, List and Describe), and what leads to their rows.

Bulk extract gives the rows of those that hang on leads (bulk-custom-object-extract.md). The rows of
others have to be asked for by keys, which stand in the fields that link objects: a lead names its
company, a row of a bridge object names that of an edge object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tap_marketo.errors import NOT_HERE
from tap_marketo.marketo.describe import (
    DEDUPE_FIELDS,
    Link,
    ObjectDescription,
    custom_object_name,
    object_links,
)
from tap_marketo.names import find_names
from tap_marketo.streams.account import Account

LEADS = "leads"
"""The path part of the exports of leads."""
CUSTOM_OBJECT = "customobjects/{id}"
"""The path part of a type's exports."""
COMPANY, COMPANY_KEY = "contactCompany", "externalCompanyId"
"""The company of a lead: its id, which any lead has, and its key, which it may have."""
# What a link names: the object, and the field of a lead that has what a company has.
_LEAD, _COMPANY = "lead", "company"
_FIELDS_OF_LEADS = {"id": COMPANY, "externalcompanyid": COMPANY_KEY}
_GUID = "marketoGUID"


@dataclass(frozen=True)
class KeyPath:
    """Exported rows whose fields name rows of a type.

    Attributes:
        bulk_object: the path part of the exports.
        filter: by which the rows of the type are asked for: one of their fields, or DEDUPE_FIELDS.
        fields: those of the exported rows by those of the type; one, or all of a compound key.
        numbers: those of the type that are numbers.
    """

    bulk_object: str
    filter: str
    fields: Mapping[str, str]
    numbers: frozenset[str] = frozenset()


class ObjectLinks:
    """How the types of custom objects of an account are linked."""

    def __init__(self, account: Account) -> None:
        """Ask for nothing yet."""
        self._account = account

    def is_exported(self, name: str) -> bool:
        """Say whether bulk extract may give the rows of a type, as far as the list of types tells.

        Raises:
            TapError: the types could not be listed.
        """
        own, names = self._listed(name), self._account.custom_objects
        is_linked = own or any(
            _means(link, name, names) for other in names for link in self._listed(other)
        )
        return _is_of_leads(own) or not is_linked

    def are_of_companies(self, name: str) -> bool:
        """Say whether leads lead to the rows of a type, as far as the list of types tells.

        Raises:
            TapError: the types could not be listed.
        """
        links = self._listed(name)
        return not _is_of_leads(links) and any(map(_field_of_leads, links))

    def paths(self, name: str) -> list[KeyPath] | None:
        """Return what leads to the rows of a type; None where it hangs on leads.

        Raises:
            TapError: the account could not be asked.
        """
        if _is_of_leads(self._listed(name)):
            return None
        described = self._account.custom_object(name)
        own = [*self._listed(name), *described.links]
        if _is_of_leads(own):
            return None
        found = [*_by_companies(own, described)]
        found += self._by_bridges(name, own, described, self._listed)
        if not found:
            # The list may not say what describe does.
            found += self._by_bridges(name, own, described, self._described)
        return list({(p.bulk_object, p.filter, *p.fields.items()): p for p in found}.values())

    def _listed(self, name: str) -> Sequence[Link]:
        """Return the links of a type that the list of types names."""
        for entry in self._account.custom_object_entries:
            if custom_object_name(entry) == name:
                return object_links(entry)
        return ()

    def _described(self, name: str) -> Sequence[Link]:
        """Return the links of a type; none where it cannot be described, or is of a CRM."""
        try:
            found = self._account.custom_object(name)
        except NOT_HERE:
            return ()
        return () if all(field.is_of_crm for field in found.fields) else found.links

    def _by_bridges(
        self,
        name: str,
        own: Sequence[Link],
        described: ObjectDescription,
        links_of: Callable[[str], Sequence[Link]],
    ) -> Iterator[KeyPath]:
        """Yield how the rows of other types lead to those of a type.

        No page shows whether a bridge's description names the edge object or the other way round.
        """
        names = self._account.custom_objects
        for other in names:
            if other == name or not _is_of_leads(theirs := links_of(other)):
                continue
            pairs = [(link.other_field, link.field) for link in theirs if _means(link, name, names)]
            pairs += [(link.field, link.other_field) for link in own if _means(link, other, names)]
            yield from _paths(CUSTOM_OBJECT.format(id=other), pairs, described)


def _means(link: Link, name: str, names: Sequence[str]) -> bool:
    return find_names([link.other], names).get(link.other) == name


def _is_of_leads(links: Sequence[Link]) -> bool:
    return any(link.other.casefold() == _LEAD for link in links)


def _field_of_leads(link: Link) -> str | None:
    """Return the field of leads that names what a link to companies does; None for another link."""
    if link.other.casefold() != _COMPANY:
        return None
    return _FIELDS_OF_LEADS.get(link.other_field.casefold().replace(" ", ""))


def _by_companies(own: Sequence[Link], described: ObjectDescription) -> Iterator[KeyPath]:
    """Yield how leads lead to the rows of a type that hangs on companies."""
    for link in own:
        if field := _field_of_leads(link):
            yield from _paths(LEADS, [(link.field, field)], described)


def _paths(
    bulk_object: str, pairs: Sequence[tuple[str, str]], described: ObjectDescription
) -> Iterator[KeyPath]:
    """Yield how exported rows lead to those of a type, if they can be asked for so.

    A pair has a field of the type, and one of the exported rows with its values.
    """
    known = {field.name: field.data_type for field in described.fields}
    named: dict[str, list[str]] = defaultdict(list)
    for field, exported in dict.fromkeys(pairs):
        found = find_names([field], known)
        if field in found and exported not in named[found[field]]:
            named[found[field]].append(exported)
    numbers = frozenset(name for name in named if known[name].casefold() == "integer")
    if described.is_compound(DEDUPE_FIELDS) and named.keys() >= {*described.dedupe}:
        for chosen in product(*(named[key] for key in described.dedupe)):
            fields = dict(zip(described.dedupe, chosen, strict=True))
            yield KeyPath(bulk_object, DEDUPE_FIELDS, fields, numbers)
        return
    for name, exported_fields in named.items():
        if described.takes(name) or name == _GUID:
            for exported in exported_fields:
                yield KeyPath(bulk_object, name, {name: exported})
