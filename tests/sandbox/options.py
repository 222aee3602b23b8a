"""What a sandbox can be told when it starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache


@dataclass(frozen=True)
class Options:
    """Settings of one sandbox; every default is what Adobe documents as the usual subscription."""

    port: int = 0
    """Port to listen on; 0 takes a free one."""
    seed: int = 1
    """All data follow from the seed (and from `now`)."""
    now: str | None = None
    """Start of the simulated clock, ISO 8601; the real time when not given."""
    scale: float = 1.0
    """Simulated seconds in a real one. With 0 real time moves nothing."""
    poll_seconds: float = 0.0
    """Simulated seconds that pass before each poll of unfinished export jobs is answered."""
    call_seconds: float = 0.0
    """Simulated seconds that pass before any other call is answered."""
    leads: int = 500
    activity_types: int = 37
    """Number of activity types in all, custom ones among them."""
    activities: int = 5000
    history_days: float = 365.0
    """The past over which leads and activities are spread."""
    activities_kept_months: int = 0
    """Months after which activities of most types are gone: 25, or 37 with Adobe's premium option.
    Those of some types are gone sooner, and of one never (retention.py). 0 keeps all for ever."""
    late_share: float = 0.03
    """Share of the activities that are written up to 24 hours after their activityDate."""
    campaigns: int = 650
    lists: int = 640
    programs: int = 450
    deleted_leads: int = 45
    merged_leads: int = 12
    """Merges of the past; some of their winners have lost a later one."""
    list_memberships: int = 900
    """Leads in static lists, each list counted; half of them are in the first list."""
    smart_lists: int = 205
    emails: int = 420
    email_templates: int = 45
    landing_pages: int = 210
    landing_page_templates: int = 30
    landing_page_redirect_rules: int = 205
    landing_page_domains: int = 25
    forms: int = 60
    snippets: int = 205
    files: int = 210
    folders: int = 150
    """Folders beside the areas' own; programs stand in the tree as well."""
    channels: int = 25
    tag_types: int = 25
    segmentations: int = 25
    segments: int = 260
    """Segments in all; 205 of them are of the first segmentation."""
    tokens: int = 300
    """Tokens in all, spread over folders and programs."""
    lead_partitions: int = 25
    designer_emails: int = 60
    designer_email_templates: int = 20
    designer_fragments: int = 20
    designer_arrays: bool = False
    """Answer calls of the Email Designer as its pages have it: an array, errors with HTTP 200."""
    users: int = 205
    """Users of Marketo; one in ten has not accepted the invitation yet."""
    user_roles: int = 25
    workspaces: int = 4
    bare_errors: bool = False
    """Refuse calls about users (401, 403, 404) without a body (swagger-user.json names none)."""
    custom_object_types: int = 2
    custom_objects: int = 120
    """Rows of each type of custom objects."""
    linked_objects: bool = False
    """Add types of custom objects that do not hang on leads, and the bridges to them."""
    edges_tell: bool = False
    """Describe the links of an edge object at that object, and not at its bridges."""
    links_told: str = "both"
    """Which call tells what types of custom objects are linked to: list, describe, or both."""
    api_names: bool = False
    """List the types of custom objects with apiName in place of name (swagger-mapi.json)."""
    program_members: int = 800
    """Memberships in all, as far as there are leads and programs for them."""
    most_members: int = 100_000
    """Most members of a program that any filter but leadId takes (program-members.md)."""
    member_pages: str = ""
    """How pages of members differ from exports: "fewer" or "other"; empty where they do not."""
    member_filters: str = "leadId,myCustomField,reachedSuccess,statusName"
    """The fields that filters of members take, separated by commas."""
    lacks: str = ""
    """Permissions that the API user's role lacks, separated by commas."""
    crm_sync: bool = False
    """A native CRM sync: a custom object of the CRM's, which bulk extract refuses (1018)."""
    crm_objects: bool = False
    """Companies, sales persons, opportunities and their roles are open to the API.

    Without it a native CRM integration has charge of them (1018, lead-database.md).
    """
    companies: int = 40
    sales_persons: int = 12
    opportunities: int = 60
    opportunity_roles: int = 90
    opportunity_filters: str = ""
    """Further fields that filters of opportunities take, separated by commas."""
    most_matches: int = 0
    """Most rows that a filter of these objects may match (1003 beyond; 0: no bound)."""
    named_accounts: int = 30
    named_account_lists: int = 4
    lead_fields: int = 0
    """Pad the exportable lead fields to this number (0: no padding)."""
    sparse_strings: int = 0
    """Add so many string fields, `sparse0001` and so on, that are empty in nine leads of ten."""
    variety: int = 0
    """Different values of a field or attribute, and sets of attributes (0: 61 and 47)."""
    text_bytes: int = 0
    """Size of the text column `sandboxBody` in every lead (0: no such column)."""
    hostile: bool = False
    """Add lead fields, activity types and activities whose names and values are hard to take."""
    export_minutes: str = "2-5"
    """Simulated minutes a job takes to process: one number or a range."""
    minutes_per_mb: float = 0.0
    """Simulated minutes of processing on top for each million bytes of the file."""
    queue_minutes: str = "0"
    """Simulated minutes a job stands in the queue even when a worker idles: number or range."""
    no_updated_at: bool = False
    """A subscription that refuses the updatedAt and smart list filters (error 1035)."""
    daily_export_mb: float = 500.0
    """Daily byte quota of bulk extract, in millions of bytes."""
    daily_calls: int = 50_000
    no_rate_limits: bool = False
    """Turns errors 606 and 615 off."""
    crlf: bool = False
    """End CSV lines with CR LF rather than LF."""
    token_bytes: int = 0
    """Least length of a paging token, in characters."""
    date_offset: float = 0.0
    """Seconds by which the Date header is wrong."""
    no_date: bool = False
    """Leave the Date header out of every answer."""
    verbose: bool = False
    exit_with_stdin: bool = False
    """Stop when standard input closes, so that a dead parent leaves no orphan."""

    def of_data(self) -> Options:
        """These options with the defaults of all that the data do not depend on."""
        usual = Options()
        return replace(self, **{name: getattr(usual, name) for name in _OF_BEHAVIOUR})

    @property
    def more_filters(self) -> list[str]:
        """The fields that opportunity_filters names."""
        return [name for name in self.opportunity_filters.split(",") if name]

    @property
    def export_range(self) -> tuple[float, float]:
        """Shortest and longest processing time of a job, in simulated seconds."""
        return _seconds(self.export_minutes)

    @property
    def queue_range(self) -> tuple[float, float]:
        """Shortest and longest wait of a job for an idle worker, in simulated seconds."""
        return _seconds(self.queue_minutes)


_OF_BEHAVIOUR = (
    "port", "scale", "poll_seconds", "call_seconds", "api_names", "bare_errors", "designer_arrays",
    "links_told",
    "lacks", "most_matches", "most_members", "member_pages",
    "export_minutes", "minutes_per_mb", "queue_minutes", "no_updated_at",
    "daily_export_mb", "daily_calls", "no_rate_limits", "crlf",
    "token_bytes", "date_offset", "no_date", "verbose", "exit_with_stdin",
)  # fmt: skip


def _seconds(minutes: str) -> tuple[float, float]:
    low, _, high = minutes.partition("-")
    return float(low) * 60, float(high or low) * 60


_HELP = {
    "port": "port to listen on (0: a free one)",
    "seed": "seed of all data",
    "now": "start of the simulated clock, ISO 8601 (default: the real time)",
    "scale": "simulated seconds in a real second; 0 stops the clock",
    "poll_seconds": "simulated seconds that each poll of unfinished jobs takes",
    "call_seconds": "simulated seconds that any other call takes",
    "export_minutes": "simulated minutes a job takes, for instance 2-5",
    "minutes_per_mb": "simulated minutes a job takes longer for each million bytes",
    "queue_minutes": "simulated minutes before an idle worker takes a job, for instance 1-3",
}


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the options of `python -m tests.sandbox`; each field of Options is one flag."""
    return Options(**vars(_parser().parse_args(arguments)))


@cache
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sandbox",
        description="A Marketo that behaves as Adobe documents, on the loopback interface.",
    )
    for field in fields(Options):
        flag = "--" + field.name.replace("_", "-")
        text = _HELP.get(field.name)
        if isinstance(field.default, bool):
            parser.add_argument(flag, action="store_true", help=text)
        elif field.default is None:
            parser.add_argument(flag, default=None, help=text)
        else:
            kind = type(field.default)
            parser.add_argument(flag, type=kind, default=field.default, help=text)
    return parser
