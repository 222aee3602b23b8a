"""The export files with which rows are measured."""

from __future__ import annotations

from dataclasses import dataclass

START_DATE = "2026-05-24T12:00:00Z"
# Everything lies within one window of 30 days, no job waits, and none is kept from its bytes.
_OPTIONS = ["--history-days", "20", "--late-share", "0", "--deleted-leads", "0"]
_OPTIONS += ["--campaigns", "1", "--lists", "1", "--programs", "1"]
_OPTIONS += ["--export-minutes", "0.1", "--daily-export-mb", "100000"]

# Several thousand different values in a column, so that no cache of values helps more than it
# would with real data; a prime, as the sandbox asks for.
_VARIED = ["--variety", "4999"]


@dataclass(frozen=True)
class RowCase:
    """What one export file holds.

    Attributes:
        title: of the table; names the columns.
        rows: leads or activities in the sandbox.
        options: of the sandbox, but for the rows.
        lead_columns: those of the leads; none where it is about activities.
        activity_types: ids; none where it is about leads.
        times_incumbent: how many times the incumbent's rows per CPU second are expected.
        times_floor: how many times the floor's CPU time may be taken at most, if that is asked.
    """

    title: str
    rows: int
    options: tuple[str, ...]
    lead_columns: tuple[str, ...] = ()
    activity_types: tuple[int, ...] = ()
    times_incumbent: float = 8
    times_floor: float | None = None

    def account_options(self, rows: int) -> list[str]:
        """Return the options of a sandbox that holds so many rows."""
        leads, activities = (0, rows) if self.activity_types else (rows, 0)
        # Activities are of leads, but need none to be there.
        counts = ["--leads", str(leads), "--activities", str(activities)]
        return [*_OPTIONS, *self.options, *counts]


_TYPED = (
    *("id", "createdAt", "updatedAt", "leadPartitionId", "leadScore", "numberOfEmployees"),
    *("annualRevenue", "unsubscribed", "emailInvalid", "dateOfBirth"),
)


def _sparse(count: int) -> tuple[str, ...]:
    return tuple(f"sparse{number:04d}" for number in range(1, count + 1))


def _padding(count: int) -> tuple[str, ...]:
    """Return padding fields of all types but string, which every fourth of them has."""
    numbers = [number for number in range(1, 2 * count) if number % 8 not in (0, 5)]
    return tuple(f"customField{number:04d}" for number in numbers[:count])


LEADS = RowCase(
    "A leads file of 80,000 rows and 50 columns: 40 sparse texts, ids, dates, numbers, booleans",
    80_000,
    (*_VARIED, "--sparse-strings", "40"),
    (*_TYPED, *_sparse(40)),
    times_floor=1.35,
)
WIDE_LEADS = RowCase(
    "A leads file of 15,000 rows and 300 columns: 230 sparse texts, 70 of other types",
    15_000,
    (*_VARIED, "--sparse-strings", "230", "--lead-fields", "387"),
    (*_TYPED, *_padding(60), *_sparse(230)),
    times_floor=1.35,
)
_SIX_TYPES = (1, 2, 6, 7, 12, 13)
ACTIVITIES = RowCase(
    "An activities file of six types, with up to 8 attributes",
    60_000,
    (*_VARIED, "--activity-types", "15"),
    activity_types=_SIX_TYPES,
)
HARD_ACTIVITIES = RowCase(
    "An activities file of six types, with odd texts in a third of the attributes",
    60_000,
    ("--activity-types", "15"),
    activity_types=_SIX_TYPES,
    times_incumbent=4,
)

# The 45 standard fields of the sandbox and five custom ones: 7 integers, 3 numbers, 4 booleans,
# 5 dates and times, an array and 30 texts.
_ALL_TYPES = """
id createdAt updatedAt email firstName middleName lastName salutation company title phone
mobilePhone fax website address city state country postalCode dateOfBirth industry
numberOfEmployees annualRevenue leadScore priority relativeScore rating leadStatus leadSource
leadRole leadPartitionId unsubscribed unsubscribedReason emailInvalid doNotCall inferredCompany
inferredCountry originalSourceType originalReferrer anonymousIP mktoIsPartner cookies
contactCompany leadPerson ecids
behaviourScore latitude lifetimeValue lastContactAt renewalDate
"""
HARD_LEADS = RowCase(
    "A leads file of 25,000 rows and 50 columns of all types, with odd texts all over",
    25_000,
    (),
    tuple(_ALL_TYPES.split()),
    times_incumbent=4,
)
