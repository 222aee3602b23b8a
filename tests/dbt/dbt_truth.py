"""What the models of dbt/ should hold, worked out from what the sandbox holds.

Written from the descriptions of the models, not from their SQL. Activities are those of the truth:
there all that losers of merges did is the winner's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from tests.integration.target_drivers import Row, Rows

LEFT = "Not in Program"
DELETED = "Delete Lead"

Expected = dict[Any, Row]


class Truth:
    """The tables of a sandbox, and what follows from them."""

    def __init__(self, tables: Mapping[str, Rows]) -> None:
        """Read the sandbox's tables."""
        self._tables = tables
        self.names = {each["id"]: each["name"] for each in tables["activity_types"]}
        told = sorted(
            tables["activities"], key=lambda row: (row["activityDate"], int(row["marketoGUID"]))
        )
        self.told: dict[str, Rows] = defaultdict(list)
        for row in told:
            self.told[self.names[row["activityTypeId"]]].append(row)
        self.deleted = {row["leadId"]: row["activityDate"] for row in self.told[DELETED]}

    def table(self, name: str) -> Rows:
        """Return a table as the sandbox has it."""
        return self._tables[name]

    def gone_leads(self) -> Expected:
        """Return who is gone, with who it is now."""
        gone = {
            loser: {
                "current_lead_id": row["leadId"],
                "how": "merged",
                "is_deleted": row["leadId"] in self.deleted,
                "gone_at": row["activityDate"],
                "deleted_at": self.deleted.get(row["leadId"]),
            }
            for row in reversed(self.told["Merge Leads"])
            for loser in row["attributes"]["Merge IDs"]
        }
        alone = {
            lead: {
                "current_lead_id": lead,
                "how": "deleted",
                "is_deleted": True,
                "gone_at": date,
                "deleted_at": date,
            }
            for lead, date in self.deleted.items()
            if lead not in gone
        }
        return {**gone, **alone}

    def activities(self, loaded: Iterable[int]) -> Expected:
        """Return the timeline of the types with these numbers."""
        wanted = set(loaded)
        return {
            row["marketoGUID"]: {
                "activity_date": row["activityDate"],
                "activity_type_name": self.names[row["activityTypeId"]],
                "current_lead_id": row["leadId"],
                "is_deleted": row["leadId"] in self.deleted,
                "asset_id": row["leadId"] if kind == DELETED else row["primaryAttributeValueId"],
                "campaign_id": None if kind == DELETED else row["campaignId"],
            }
            for kind, rows in self.told.items()
            for row in rows
            if row["activityTypeId"] in wanted
        }

    def program_members(self) -> Expected:
        """Return who is in which program."""
        return {
            (row["programId"], row["leadId"]): {
                "status": row["statusName"],
                "reached_success": bool(row["reachedSuccess"]),
                "member_since": row["membershipDate"],
            }
            for row in self._tables["program_members"]
        }

    def status_history(self) -> Expected:
        """Return each status of a lead in a program, from when to when."""
        found: Expected = {}
        there = {row["id"] for row in self._tables["programs"]}
        for (program, lead), rows in by_subject(self.told["Change Status in Progression"]).items():
            for row, following in _followed(rows):
                until = following["activityDate"] if following else self.deleted.get(lead)
                status = row["attributes"]["New Status"]
                found[row["marketoGUID"]] = {
                    "program_id": program,
                    "lead_id": lead,
                    "status": status,
                    "since": row["activityDate"],
                    "until": until,
                    "is_current": until is None and status != LEFT and program in there,
                }
        told = {(row["program_id"], row["lead_id"]) for row in found.values()}
        for (program, lead), row in self.program_members().items():
            if (program, lead) not in told:
                found[f"member {program} {lead}"] = {
                    "program_id": program,
                    "lead_id": lead,
                    "status": row["status"],
                    "since": row["member_since"],
                    "until": None,
                    "is_current": True,
                }
        return found

    def funnel(self) -> Expected:
        """Return how many leads stand, and ever stood, at each status of each program."""
        now, ever, successes = _sets(), _sets(), _sets()
        for (program, lead), row in self.program_members().items():
            now[program, row["status"]].add(lead)
            if row["reached_success"]:
                successes[program, row["status"]].add(lead)
        for row in self.status_history().values():
            ever[row["program_id"], row["status"]].add(row["lead_id"])
        return {
            key: {
                "leads_now": len(now[key]),
                "leads_ever": len(ever[key]),
                "successes_now": len(successes[key]),
            }
            for key in now.keys() | ever.keys()
        }

    def programs(self) -> Expected:
        """Return what each program has brought, and cost."""
        costs = {row["id"]: row["costs"] for row in self._tables["programs_details"]}
        members, successes = _sets(), _sets()
        for (program, lead), row in self.program_members().items():
            members[program].add(lead)
            if row["reached_success"]:
                successes[program].add(lead)
        found = {}
        for row in self._tables["programs"]:
            number = row["id"]
            spent = costs[number] and sum(each["cost"] for each in costs[number])
            many, well = len(members[number]), len(successes[number])
            found[number] = {
                "members": many,
                "successes": well,
                "cost": spent,
                "cost_per_member": spent / many if spent is not None and many else None,
                "cost_per_success": spent / well if spent is not None and well else None,
            }
        return found

    def stays_on_lists(self) -> set[tuple[int, int, str | None, str | None]]:
        """Return each stay of a lead on a list: list, lead, from when, to when."""
        stays = set()
        told = sorted(
            [*self.told["Add to List"], *self.told["Remove from List"]],
            key=lambda row: (row["activityDate"], int(row["marketoGUID"])),
        )
        still = set()
        for (list_id, lead), rows in by_subject(told).items():
            since: str | None = None
            is_on, is_first = False, True
            for row in rows:
                comes = self.names[row["activityTypeId"]] == "Add to List"
                if comes and not is_on:
                    since, is_on = row["activityDate"], True
                elif not comes and (is_on or is_first):
                    stays.add((list_id, lead, since, row["activityDate"]))
                    since, is_on = None, False
                is_first = False
            if is_on:
                stays.add((list_id, lead, since, self.deleted.get(lead)))
                still.add((list_id, lead))
        members = {(row["listId"], row["leadId"]) for row in self._tables["list_memberships"]}
        return stays | {(*key, None, None) for key in members - still}

    def scores(self) -> Expected:
        """Return each value of each score of a lead, from when to when."""
        found = {}
        changes: dict[Any, Rows] = defaultdict(list)
        for row in self.told["Change Score"]:
            changes[row["leadId"], row["primaryAttributeValue"]].append(row)
        for (lead, name), rows in changes.items():
            for row, following in _followed(rows):
                found[row["marketoGUID"]] = {
                    "lead_id": lead,
                    "score_name": name,
                    "old_value": row["attributes"].get("Old Value"),
                    "new_value": row["attributes"].get("New Value"),
                    "since": row["activityDate"],
                    "until": following and following["activityDate"],
                }
        return found


def by_subject(rows: Iterable[Row]) -> dict[Any, Rows]:
    """Sort activities by what they are about, and the lead."""
    found: dict[Any, Rows] = defaultdict(list)
    for row in rows:
        found[row["primaryAttributeValueId"], row["leadId"]].append(row)
    return found


def _followed(rows: Rows) -> Iterator[tuple[Row, Row | None]]:
    """Give each row with the one that follows it."""
    return zip_longest(rows, rows[1:])


def _sets() -> dict[Any, set[int]]:
    return defaultdict(set)
