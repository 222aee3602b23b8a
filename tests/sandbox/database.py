"""All data of one subscription, and the changes that the control API makes to them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.sandbox.activities import ActivityTable
from tests.sandbox.activity_contents import COMBINATIONS, named_ids
from tests.sandbox.activity_history import make_activities
from tests.sandbox.activity_types import (
    ABOUT_LEADS,
    ABOUT_MAILS,
    ABOUT_MEMBERS,
    CHANGE_DATA_VALUE,
    DELETE_LEAD,
    NEW_LEAD,
    Attribute,
    make_types,
    type_from_json,
)
from tests.sandbox.assets.build import make_assets
from tests.sandbox.assets.kinds import KINDS
from tests.sandbox.assets.reader import details_of, records_of
from tests.sandbox.clock import DAY, parse_time
from tests.sandbox.crm.database import CrmDatabase
from tests.sandbox.crm.kinds import BY_TABLE, MEMBERS
from tests.sandbox.custom_objects import CustomObjects
from tests.sandbox.fields import LeadField, schema_of
from tests.sandbox.hostile import hostile_types
from tests.sandbox.lead_changes import Event, LeadChanges
from tests.sandbox.lead_history import make_lead_history
from tests.sandbox.leads import FIRST_ID, make_lead_table
from tests.sandbox.mails import Mails
from tests.sandbox.member_changes import MemberChanges, make_history, make_member_table
from tests.sandbox.memberships import make_memberships
from tests.sandbox.metadata.kinds import FORM_FIELDS, SCHEMAS
from tests.sandbox.metadata.rows import (
    custom_type_details,
    custom_types,
    describe2,
    form_fields,
    object_fields,
    schema,
)
from tests.sandbox.options import Options

LEAST_HOSTILE = 20
"""Activities of each hostile type, at least."""
METADATA = (
    "custom_activity_types",
    "custom_activity_types_details",
    "lead_describe2",
    "form_fields",
    "object_fields",
    "object_schemas",
)
"""Tables of what is worked out from the others."""
DETAILED = (
    *("programs", "smart_campaigns", "smart_lists", "emails", "email_templates", "landing_pages"),
    *("landing_page_templates", "snippets", "forms", "tag_types", "custom_object_types", "users"),
    *("designer_emails", "designer_email_templates", "designer_fragments"),
)
"""Tables with columns that only the call for one row gives: <table>_details has those."""
TABLES = (
    "leads",
    "activities",
    "list_memberships",
    "campaigns",
    "lists",
    "programs",
    "folders",
    *(kind.table for kind in KINDS),
    "segments",
    "tokens",
    *(f"{table}_details" for table in DETAILED),
    "activity_types",
    "lead_fields",
    "lead_schema_fields",
    "program_members",
    "program_member_fields",
    *METADATA,
    *BY_TABLE,
    MEMBERS,
)
UNEXPORTABLE, EXPORT_ONLY = "unexportable_fields", "export_only_fields"
REFUSED_FIELDS = (UNEXPORTABLE, EXPORT_ONLY)
"""Lead fields of describe that export jobs refuse, or the calls that give records."""
_OBJECTS = "custom_object_"
"""The rows of custom objects of the type car_c are the table custom_object_car_c."""
_DETAILS_OF_ORDERS = (
    "at",
    "activity_type",
    "custom_object_type",
    "external_id",
    "late_hours",
    "linked_to",
    "lists",
    "members",
    "merge_chains",
    "programs",
)
"""Members of a request that say more of its changes."""


class Database:
    """The tables of a subscription; the same seed and start make the same tables."""

    def __init__(self, options: Options, start: float) -> None:
        seed = options.seed
        self._options = options
        self.leads = make_lead_table(options, start)
        self.refused_fields = dict.fromkeys(REFUSED_FIELDS, frozenset[str]())
        """Lead fields that describe lists and yet no export may name."""
        self.assets = make_assets(options, start)
        self.campaigns = self.assets["campaigns"]
        self.lists = self.assets["lists"]
        self.programs = self.assets["programs"]
        self.members = make_member_table(options, self.leads, self.programs)
        self.memberships = make_memberships(
            seed, options.list_memberships, [row.id for row in self.lists.rows], self.leads.ids
        )
        types = make_types(options.activity_types)
        defined = {kind.id for kind in types}
        history = make_lead_history(options, self.leads, self.lists, self.memberships, int(start))
        history = [event for event in history if event.kind in defined]
        joined = make_history(options, self.members, self.programs, int(start))
        joined = [change for change in joined if change.kind in defined]
        # Activities do not last for ever: of older changes none tells any more.
        room = (options.activities - len(history)) // 2
        joined = joined[max(len(joined) - max(room, 0), 0) :]
        self.activities = ActivityTable(
            seed,
            types,
            named_ids(options),
            options.variety or COMBINATIONS,
            options.activities_kept_months,
        )
        self._mails = Mails(options, start, self.leads, self.assets, self.activities)
        make_activities(options, start, self.activities, self._mails, len(history) + len(joined))
        self._lead_changes = LeadChanges(
            seed, self.leads, self.memberships, self.members, self.assets, self.activities
        )
        self._lead_changes.tell_history(history, options.late_share)
        self._member_changes = MemberChanges(seed, self.members, self.activities)
        self._member_changes.tell_history(joined, options.late_share)
        if options.hostile:
            self._add_hostile_types(options, int(start))
        self.custom_objects = CustomObjects(
            options, self.assets["custom_object_types"], self.leads, int(start)
        )
        self._has_crm_objects = options.crm_objects
        self.crm = CrmDatabase(options, self.leads, self.activities, int(start))
        self._untold: set[tuple[int, str]] = set()
        """Attributes, by type and name, that activities have and types.json does not tell of."""
        # Of its own, so that the n-th change is the same whatever was asked in between.
        self._rng = random.Random(f"{seed}:changes")

    def _add_hostile_types(self, options: Options, start: int) -> None:
        """Types beside the others, after them, so that those keep their activities."""
        rng = random.Random(f"{options.seed}:hostile")
        span = max(int(options.history_days * DAY), 120)
        for kind in hostile_types(options.seed):
            self.activities.add_type(kind)
            for _ in range(max(LEAST_HOSTILE, options.activities // 100)):
                lead_id = FIRST_ID + rng.randrange(max(options.leads, 1))
                date = start - rng.randint(0, span)
                self.activities.add(kind.id, lead_id, date, date)

    def tables(self) -> tuple[str, ...]:
        """Every table of truths."""
        return (*TABLES, *(_OBJECTS + name for name in self.custom_objects.names()))

    def truth(self, table: str, moment: float) -> Iterator[dict[str, Any]]:
        """The rows of a table as they are at the moment."""
        if table == "leads":
            return self.leads.truth()
        if table == "activities":
            return self.activities.truth(moment)
        if table == "list_memberships":
            return self.memberships.truth()
        if table == "activity_types":
            return iter(self.described_types())
        if table == "lead_fields":
            return iter([field.described() for field in self.leads.fields])
        if table == "lead_schema_fields":
            return iter(schema_of(self.leads.fields))
        if table == "program_members":
            return self.members.truth()
        if table == "program_member_fields":
            return iter([field.described() for field in self.members.fields])
        if table in METADATA:
            return self._metadata(table)
        if table in (*BY_TABLE, MEMBERS):
            return self.crm.truth(table)
        objects = self.custom_objects.table(table.removeprefix(_OBJECTS))
        if objects is not None and table not in TABLES:
            return objects.truth()
        if table.endswith("_details"):
            return iter(details_of(self.assets, self._options, table.removesuffix("_details")))
        return iter(records_of(self.assets, table))

    def _metadata(self, table: str) -> Iterator[dict[str, Any]]:
        types, members = self.activities.types, self.members.fields
        if table == "form_fields":
            found = [(each, form_fields(each, self.leads.fields, members)) for each in FORM_FIELDS]
            return iter([{"object": name, **row} for name, rows in found for row in rows])
        if table == "object_fields":
            open_ones = {
                name: each
                for name, each in self.crm.tables.items()
                if self._has_crm_objects or not each.kind.is_of_crm
            }
            return object_fields(open_ones, self.members)
        if table == "object_schemas":
            schemas = [(name, schema(name, members)) for name in SCHEMAS]
            return iter([{"object": name, **row} for name, rows in schemas for row in rows])
        if table == "lead_describe2":
            return iter([describe2(self.leads.fields)])
        return iter(custom_types(types) if table in METADATA[:1] else custom_type_details(types))

    def described_types(self) -> list[dict[str, Any]]:
        """The activity types as types.json has them."""
        described = [kind.described() for kind in self.activities.types]
        for entry in described:
            entry["attributes"] = [
                each
                for each in entry["attributes"]
                if (entry["id"], each["name"]) not in self._untold
            ]
        return described

    def change(self, request: dict[str, Any], now: float) -> dict[str, Any]:
        """Carry out what a control call asks for; tells what was changed.

        Raises ValueError or KeyError for a request that makes no sense.
        """
        given = request.get("at")
        moment = now if given is None else parse_time(given)
        if moment is None:
            raise ValueError(f"not a time: {given}")
        handlers = {
            "new_leads": self._new_leads,
            "updated_leads": self._updated_leads,
            "custom_only_updates": self._custom_only_updates,
            "new_activities": self._new_activities,
            "late_activities": self._late_activities,
            **self._member_changes.handlers,
            **self.custom_objects.handlers,
        }
        given_handlers = {**self._lead_changes.handlers, **self.crm.handlers}
        assets = self.assets
        # A type must exist before activities of that type can be asked for in the same request.
        done: dict[str, Any] = {**self._change_types(request), **self._change_fields(request)}
        for name, value in request.items():
            if name in given_handlers:
                done[name] = given_handlers[name](value, int(moment), request)
            elif name == "deleted_leads":
                done[name] = self._deleted_leads(value, int(moment))
            elif name in handlers:
                done[name] = handlers[name](int(value), int(moment), request)
            elif name.endswith("_updated") and name[:-8] in assets:
                done[name] = assets[name[:-8]].update(value, int(moment))
            elif name.endswith("_deleted") and name[:-8] in assets:
                done[name] = assets[name[:-8]].remove(value)
                self._drop_orphans()
            elif name.startswith("new_") and name[4:] in assets:
                done[name] = [assets[name[4:]].add(int(moment)) for _ in range(int(value))]
                if name in ("new_lists", "new_static_lists") and "members" in request:
                    self._lead_changes.fill(
                        done[name], int(request["members"]), int(moment), request
                    )
            elif name not in done and name not in _DETAILS_OF_ORDERS:
                raise ValueError(f"no such change: {name}")
        return done

    def _drop_orphans(self) -> None:
        """Segments go with their segmentation, tokens with their folder or program.

        Nor does a list leave its members behind, for whom no page promises an activity.
        """
        self.memberships.keep_lists({row.id for row in self.lists.rows})
        owners = {("Segmentation", row.id) for row in self.assets["segmentations"].rows}
        owners |= {("Folder", row.id) for row in self.assets["folders"].rows}
        owners |= {("Program", row.id) for row in self.programs.rows}
        for name in ("segments", "tokens"):
            rows = self.assets[name].rows
            rows[:] = [row for row in rows if row.parent in owners]

    def _change_types(self, request: dict[str, Any]) -> dict[str, Any]:
        done: dict[str, Any] = {}
        if "new_activity_type" in request:
            kind = type_from_json(request["new_activity_type"])
            self.activities.add_type(kind)
            done["new_activity_type"] = kind.id
        if "remove_activity_type" in request:
            number = int(request["remove_activity_type"])
            if not self.activities.remove_type(number):
                raise ValueError(f"no such activity type: {number}")
            done["remove_activity_type"] = number
        if "new_attribute" in request:
            entry = request["new_attribute"]
            attribute = Attribute.read(entry)
            self.activities.add_attribute(int(entry["activity_type"]), attribute)
            done["new_attribute"] = attribute.name
        if "untold_attribute" in request:
            entry = request["untold_attribute"]
            self._untold.add((int(entry["activity_type"]), str(entry["name"])))
            done["untold_attribute"] = entry
        return done

    def _change_fields(self, request: dict[str, Any]) -> dict[str, Any]:
        done: dict[str, Any] = {}
        if "new_lead_field" in request:
            entry = request["new_lead_field"]
            number = max(field.number for field in self.leads.fields) + 1
            kind_name = str(entry.get("dataType", "string"))
            rest = str(entry["name"])
            display = str(entry.get("displayName", rest))
            self.leads.fields.append(LeadField(number, rest, display, kind_name, standard=False))
            done["new_lead_field"] = rest
        if "remove_lead_field" in request:
            name = str(request["remove_lead_field"])
            field = self.leads.field(name)
            if field is None:
                raise ValueError(f"no such lead field: {name}")
            self.leads.fields.remove(field)
            done["remove_lead_field"] = name
        for key in request.keys() & REFUSED_FIELDS:
            names = [str(name) for name in request[key]]
            unknown = [name for name in names if self.leads.field(name) is None]
            if unknown:
                raise ValueError(f"no such lead fields: {', '.join(unknown)}")
            self.refused_fields[key] = frozenset(names)
            done[key] = names
        return done

    def _new_leads(self, count: int, moment: int, request: dict[str, Any]) -> list[int]:
        made = [self.leads.add(moment) for _ in range(count)]
        for lead_id in made:
            self._lead_changes.tell(Event(moment, NEW_LEAD, lead_id), request)
        return made

    def _some_leads(self, count: int) -> list[int]:
        ids = self.leads.ids
        return sorted(self._rng.sample(ids, min(count, len(ids))))

    def _updated_leads(self, count: int, moment: int, request: dict[str, Any]) -> list[int]:
        chosen = self._some_leads(count)
        for lead_id in chosen:
            self.leads.touch(lead_id, moment, custom_only=False)
            self._lead_changes.tell(Event(moment, CHANGE_DATA_VALUE, lead_id, (0,)), request)
        return chosen

    def _custom_only_updates(self, count: int, moment: int, request: dict[str, Any]) -> list[int]:
        chosen = self._some_leads(count)
        for lead_id in chosen:
            self.leads.touch(lead_id, moment, custom_only=True)
            self._lead_changes.tell(Event(moment, CHANGE_DATA_VALUE, lead_id, (1,)), request)
        return chosen

    def _deleted_leads(self, value: Any, moment: int) -> list[int]:
        """Delete leads: so many, or these."""
        if isinstance(value, int):
            chosen = self._some_leads(value)
        else:
            chosen = sorted({int(lead_id) for lead_id in value})
        if strange := [lead_id for lead_id in chosen if not self.leads.has(lead_id)]:
            raise ValueError(f"no such leads: {strange}")
        for lead_id in chosen:
            self.leads.delete(lead_id)
            self.activities.add(DELETE_LEAD, lead_id, moment, moment)
        self.memberships.drop_leads(chosen)
        return chosen

    def _kinds(self, request: dict[str, Any]) -> list[int]:
        if "activity_type" in request:
            return [int(request["activity_type"])]
        untold = (DELETE_LEAD, *ABOUT_LEADS, *ABOUT_MEMBERS)
        return [kind.id for kind in self.activities.types if kind.id not in untold]

    def _new_activities(self, count: int, moment: int, request: dict[str, Any]) -> list[str]:
        return [self._activity(request, moment, moment) for _ in range(count)]

    def _late_activities(self, count: int, moment: int, request: dict[str, Any]) -> list[str]:
        """Activities written now but dated up to a day ago."""
        return [
            self._activity(request, moment - self._rng.randint(3600, DAY), moment)
            for _ in range(count)
        ]

    def _activity(self, request: dict[str, Any], date: int, visible: int) -> str:
        kind = self._rng.choice(self._kinds(request))
        if self.activities.type(kind) is None:
            raise ValueError(f"no such activity type: {kind}")
        if kind in ABOUT_MEMBERS:
            return self._member_changes.activity(kind, date, visible, request)
        if kind in ABOUT_MAILS:
            return self._mails.activity(kind, date, visible)
        if kind in ABOUT_LEADS:
            raise ValueError(f"activities of type {kind} come with the change they tell of")
        lead_id = self._rng.choice(self.leads.ids or [1])
        return self.activities.add(kind, lead_id, date, visible)
