"""Columns that look as if they named a row of another stream, and why they are no relation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.relations import ABOUT, is_named


class NoRelation(NamedTuple):
    """A column, or all whose path begins so, of a stream, or of all that begin so."""

    stream: str
    path: str
    why: str

    def is_of(self, stream: str, path: str) -> bool:
        """Whether it is about a stream's column, or a part of it."""
        return is_named(stream, self.stream) and is_named(path, self.path)


_RULES = "numbers within the rules of a smart list"
_OWN_LIST = "a smart list of its own, which no list shows"
_WITHIN = "parts of the asset itself"
_NO_STREAM = "Marketo lists none of these"
_NO_PAGE = "no page of Adobe's says of what"
_VALUE = "the type's primary attribute is a value, and no asset"

NO_RELATIONS = (
    NoRelation("*", "sfdcId", "of the CRM"),
    NoRelation("activities_visit_webpage", ABOUT, "a page that was visited, Marketo's or not"),
    NoRelation("activities_click_link", ABOUT, "a link: " + _NO_STREAM),
    *(
        NoRelation(f"activities_{name}_opportunity", ABOUT, "`opportunities` have no such number")
        for name in ("add_to", "remove_from", "update")
    ),
    NoRelation("activities_change_revenue_stage", ABOUT, "a model: " + _NO_STREAM),
    *(
        NoRelation(f"activities_{name}", ABOUT, _VALUE)
        for name in ("new_lead", "interesting_moment", "change_owner", "call_webhook")
    ),
    NoRelation("activities_*", "webpage_id", "a page that was visited, Marketo's or not"),
    NoRelation("activities_*", "link_id", "a link: " + _NO_STREAM),
    NoRelation("activities_*", "campaign_run_id", "a run of the campaign: " + _NO_STREAM),
    NoRelation("activities_*", "step_id", "a step of the campaign's flow: " + _NO_STREAM),
    NoRelation("activities_*", "new_stage_id", "a stage of the model: " + _NO_STREAM),
    NoRelation("activities_*", "old_stage_id", "a stage of the model: " + _NO_STREAM),
    NoRelation("activities_*", "new_status_id", "statuses of a channel have names, and no numbers"),
    NoRelation("activities_*", "old_status_id", "statuses of a channel have names, and no numbers"),
    NoRelation("activities_*", "new_track_id", "a track of the program: " + _NO_STREAM),
    NoRelation("activities_*", "previous_track_id", "a track of the program: " + _NO_STREAM),
    NoRelation("activities_*", "track_id", "a track of the program: " + _NO_STREAM),
    NoRelation("activities_*", "program_member_id", "members are known by program and lead"),
    NoRelation("activities_*", "request_id", "a call of the API"),
    NoRelation("smart_campaigns", "smartListId", _OWN_LIST),
    NoRelation("smart_campaigns", "flowId", "a flow: " + _NO_STREAM),
    NoRelation("smart_campaigns", "rules.*", _RULES),
    NoRelation("smart_lists", "rules.*", _RULES),
    NoRelation("programs", "smartList.*", _OWN_LIST),
    NoRelation("emails", "ccFields[].attributeId", "a field of the object that `objectName` names"),
    NoRelation("emails", "content[]*", _WITHIN),
    NoRelation("emails", "variables[]*", _WITHIN),
    NoRelation("landing_pages", "content[]*", _WITHIN),
    NoRelation("landing_pages", "variables[]*", _WITHIN),
    NoRelation("forms", "fields[].id", "a field of the form by its name"),
    NoRelation("folders", "folderId*", "the row itself once more"),
    NoRelation("folders", "accessZoneId", _NO_PAGE),
    NoRelation("form_fields", "id", "the field's name, which together with `object` is the key"),
    NoRelation("lead_fields", "id", "the field's number, beside its name, which is the key"),
    NoRelation("users", "id", "the user's number, beside `userid`, which is the key"),
    *(
        NoRelation("designer_*", path, why)
        for path, why in (
            ("virtualId", _NO_PAGE),
            ("externalId", _NO_PAGE),
            ("associatedStates[]*", "other states of the asset itself"),
            ("createdById", _NO_PAGE),
            ("modifiedById", _NO_PAGE),
            ("themeId", "a theme: " + _NO_STREAM),
        )
    ),
)

_LOOKS = re.compile(r"(^|_)id$|(?<![A-Z])I[dD]s?$|_ids$|^userid$")


def paths(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of each column of a schema, and of each member within."""
    if "items" in schema:
        yield from paths(schema["items"], f"{path}[]")
        return
    if path:
        yield path
    for name, own in schema.get("properties", {}).items():
        yield from paths(own, f"{path}.{name}" if path else name)


def looks_like_a_reference(path: str) -> bool:
    """Whether the last name of a path is that of an id."""
    return bool(_LOOKS.search(path.removesuffix("[]").rpartition(".")[2]))
