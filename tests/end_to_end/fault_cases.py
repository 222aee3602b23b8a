"""The matrix of faults: what may go wrong, with which call, how often, and how a run must end.

A fault case is a fault that befalls a call once, three times or for ever. What must come of it
follows from how often the tap tries: a fault that passes before that ends in the right tables at
once; one that stays stops the run, which says what went wrong, and the next run ends in the right
tables.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.end_to_end.checks import MAILS, VISITS
from tests.end_to_end.expected import MEMBERS
from tests.end_to_end.expected_crm import CRM
from tests.end_to_end.expected_linked import COURSES, HOUSES
from tests.end_to_end.fault_calls import CALLS, KEYS, LEADS, PEOPLE, USUAL, Call, Rule
from tests.end_to_end.people import OBJECTS
from tests.sandbox.fault_kinds import FAULT_KINDS

TIMES = {"once": 1, "three times": 3, "for ever": None}

# How often the tap makes a call before it gives up, by what is wrong with it (CONTRIBUTING):
# a failure that passes, a limit that others use up, a token, and a refusal.
TRANSIENT, THROTTLED, TOKEN, REFUSED = 8, 40, 4, 1
# How often a job is made before its window is given up, and how often each file is downloaded.
JOBS, DOWNLOADS = 4, 2
EMPTY_PAGES = 21
# So many rows or parents that Marketo says not to have while it has answered for none.
MOST_GONE = 5
NEVER = None

# The exit code of what no retry mends (docs/command-line.md).
TO_BE_CHANGED = 2

# A small file is checked before its rows are emitted, a large one (from 8 MB on) afterwards.
TEXT_BYTES = {"small": "0", "large": "330000"}
# A connection that brings as much as this is no failed try, however it ends; so many of them make
# up a file.
FRUITFUL_BYTES = 1 << 16
FRUITFUL_TRIES = {"small": 0, "large": 10_000_000 // FRUITFUL_BYTES}


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        rule: as the sandbox's control API takes it, without the call.
        said: what the run says when it stops over it, as a regular expression.
        tries: how often the call is made before the run stops; NEVER if it goes on without it.
        code: the exit code of a run that stops.
        settings: of the tap.
        is_of_the_run: whether it stops everything, whichever stream made the call.
    """

    name: str
    rule: Rule
    said: str
    tries: int | None = TRANSIENT
    code: int = 1
    settings: Rule = field(default_factory=dict)
    is_of_the_run: bool = False

    @property
    def is_of_one_call(self) -> bool:
        """Whether it says nothing of calls about other things."""
        return self.tries == TRANSIENT or self.name == "HTTP 414"

    @property
    def kind(self) -> str:
        """The kind of fault, in the sandbox's words."""
        return str(self.rule["kind"])


@dataclass(frozen=True)
class FaultCase:
    """One case of the matrix.

    Attributes:
        named: as of Call.
        said, tries, code, settings: as of Fault.
        rules: the faults to arrange.
        own: which of them is the case's own; others only lead there.
        object: whose jobs the outcomes are of.
        job_outcomes: of the next of its jobs.
        fails: the streams that fail while all others are read; none where the whole run stops.
        lacking: a stream whose rows the run may do without, as Marketo said that they are gone
            or that it may not see them; empty if there is none.
        streams: those that make the call, and those whose calls come before it.
        way, file, askers, without, scenario: as of Call.
    """

    fault: str
    call: str
    times: str
    named: str
    said: str
    tries: int | None
    code: int
    rules: Sequence[Rule] = ()
    own: int = 0
    object: str = ""
    job_outcomes: Sequence[Rule] = ()
    settings: Rule = field(default_factory=dict)
    fails: tuple[str, ...] = ()
    lacking: str = ""
    streams: tuple[str, ...] = ()
    way: str = ""
    file: str = "small"
    askers: int = 1
    without: tuple[str, ...] = ()
    scenario: str = USUAL

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.fault}-{self.call}-{self.times}".replace(" ", "_")

    @property
    def ends_right_at_once(self) -> bool:
        """Whether the first run must end well; if not, it must stop."""
        times = TIMES[self.times]
        return self.tries is NEVER or (times is not None and times < self.tries)

    @property
    def is_slow(self) -> bool:
        """Whether it waits for seconds, or moves megabytes."""
        waits = "request_timeout" in self.settings and self.times != "once"
        return waits or self.file == "large" or self.fault == "stuck in Queued"


# The faults of any call --------------------------------------------------------------------------

_HASTY = {"request_timeout": 1}


def _http(status: int, tries: int = TRANSIENT) -> Fault:
    return Fault(f"HTTP {status}", {"kind": "http", "status": status}, f"HTTP {status}", tries)


def _error(code: str, tries: int, exit_code: int = 1, *, is_of_the_run: bool = False) -> Fault:
    return Fault(
        f"error {code}", {"kind": "error", "code": code}, f"error {code}: .*requestId", tries,
        exit_code, is_of_the_run=is_of_the_run,
    )  # fmt: skip


FAULTS = (
    Fault("reset", {"kind": "reset"}, "Connection"),
    Fault("reset after it was done", {"kind": "reset", "executed": True}, "Connection"),
    Fault("reset in the body", {"kind": "reset_body"}, "Connection"),
    Fault("timeout", {"kind": "timeout", "seconds": 3}, "imed ?out", settings=_HASTY),
    Fault(
        "slow drip",
        {"kind": "drip", "bytes_per_second": 40},
        r"longer than request_timeout \(1 s\)",
        settings=_HASTY,
    ),
    _http(500),
    _http(502),
    _http(503),
    _http(429, THROTTLED),
    _http(403, REFUSED),
    _http(404, REFUSED),
    _http(414, REFUSED),
    Fault(
        "redirect",
        {"kind": "http", "status": 302, "location": "http://127.0.0.1:9/"},
        "HTTP 302 sends the call elsewhere",
        REFUSED,
    ),
    Fault("half JSON", {"kind": "half_json"}, "not JSON"),
    Fault("HTML", {"kind": "html_200"}, "not JSON"),
    Fault("empty body", {"kind": "empty_200"}, "not JSON"),
    *(_error(code, TOKEN, TO_BE_CHANGED, is_of_the_run=True) for code in ("601", "602")),
    *(_error(code, REFUSED) for code in ("603", "610")),
    *(_error(code, TRANSIENT) for code in ("604", "608", "611", "614", "713")),
    *(_error(code, THROTTLED) for code in ("606", "615")),
    _error("607", REFUSED, 3, is_of_the_run=True),
    Fault("no result", {"kind": "no_result"}, "no result|no access_token"),
    Fault(
        "token expires",
        {"kind": "expire_token"},
        "error 602",
        TOKEN,
        TO_BE_CHANGED,
        is_of_the_run=True,
    ),
    Fault("clock ahead", {"kind": "wrong_date", "seconds": 300}, "", NEVER),
    Fault("clock behind", {"kind": "wrong_date", "seconds": -300}, "", NEVER),
    # Of pages.
    Fault("repeated page token", {"kind": "repeat_token"}, "same page token twice", REFUSED),
    Fault(
        "empty page", {"kind": "empty_page"}, "21 times in a row with an empty page", EMPTY_PAGES
    ),
    # Of jobs.
    Fault("no export id", {"kind": "no_export_id"}, "without an exportId", 3),
    Fault("no job", {"kind": "empty_result"}, "without an exportId|does not hold this job", 3),
    # Of files.
    Fault("flipped byte", {"kind": "flip_byte"}, "checksum", JOBS * DOWNLOADS),
    Fault("cut", {"kind": "cut", "content_length": "full"}, "does not get past byte"),
    Fault(
        "cut with its Content-Length",
        {"kind": "cut", "content_length": "match"},
        "does not get past byte",
    ),
    Fault(
        "cut without Content-Length",
        {"kind": "cut", "content_length": "absent"},
        "does not get past byte",
    ),
    Fault("range ignored", {"kind": "ignore_range"}, "", NEVER),
    Fault("range a byte late", {"kind": "bad_range", "by": 1}, "checksum", JOBS * DOWNLOADS),
    Fault("range a byte early", {"kind": "bad_range", "by": -1}, "checksum", JOBS * DOWNLOADS),
    Fault(
        "range a byte late that says so",
        {"kind": "bad_range", "by": 1, "truthful": True},
        "asked for bytes from [0-9,]+ on, offered bytes from",
    ),
    *(
        Fault(
            f"{form} envelope as file",
            {"kind": "envelope_file", "code": "611", "content_type": form},
            "error 611: .*requestId",
        )
        for form in ("json", "csv")
    ),
    Fault("file 404", {"kind": "file_404"}, "there is no file", JOBS),
)

_REFUSALS = ("error 603", "error 610")
# What is lasting, but no word on whether Marketo has something.
_NO_WORD = ("HTTP 403", "HTTP 404", "HTTP 414", "redirect")
# Of one list that assets_seen may not read there are no rows.
_SEEN = ("smart_campaigns seen", "landing_pages seen page 2")
# What is told of one object, or of all fields, can be done without.
_TOLD = (
    *("describe2", "fields of members", "schema of accounts"),
    *("lead_form_fields page 2", "member_form_fields"),
)
_NO_DETAILS = (
    *("program", "smart_list", "form_fields", "tag_type", "customobject_describe", "user"),
    *("external_type", "email_content"),
    *("email_variables", "email_template_content", "email_template_used_by"),
    *("landing_page_content", "landing_page_variables", "landing_page_template_content"),
    *("snippet_content", "form_used_by"),
    *("designer_email", "designer_email_template", "designer_fragment"),
)

# So many stretches of time without an activity are gone through.
EMPTY_STRETCHES = 501

# What the tap does about a fault at one call that it does not do at others.
_TRIES: dict[tuple[str, str], int | None] = {
    # The call for a token carries none that a new one could replace.
    **{(f"error {code}", "token"): REFUSED for code in ("601", "602")},
    # Whose exports cannot be seen is not counted; the second such call watches the own jobs, or
    # is that of a stream.
    **{(refusal, "list of finished"): 2 for refusal in _REFUSALS},
    **{(refusal, "custom objects"): 2 for refusal in (*_REFUSALS, *_NO_WORD)},
    # What the list of jobs does not show is asked for by its id.
    **{("empty page", call): NEVER for call in ("list of finished", "list")},
    # A job that is queued already is as good as queued.
    ("no result", "enqueue"): NEVER,
    # An export of ten programs that cannot be made is halved, and the first program comes by itself
    # at the fourth try.
    **{
        (fault, f"{call} of {what}"): 4
        for fault in ("HTTP 414", "no export id", "no job")
        for call in ("create", "enqueue")
        for what in ("members", "the sweep")
    },
    # A job, or a file, that does not exist is created again.
    **{("error 610", call): JOBS for call in ("status", "file", "file middle")},
    # What is gone by now is skipped, unless nothing at all is found: of five rows or folders,
    # or of the three segmentations that there are.
    **{("error 610", call): MOST_GONE for call in (*_NO_DETAILS, "tokens")},
    ("error 610", "segments"): 3,
    # There are fewer email programs than it takes.
    ("error 610", "program_smart_list"): NEVER,
    ("error 610", "segments page 2"): NEVER,
    # Fewer leads are asked for at once.
    **{("HTTP 414", call): 2 for call in ("leads_by_filter", "few leads by id")},
    # The list of all programs says which there are.
    **{(fault.name, "programs looked up"): NEVER for fault in FAULTS if fault.is_of_one_call},
    ("error 610", "programs looked up"): NEVER,
    # Where few pages do not hold all changes, an export does.
    ("empty page", "activities of leads"): NEVER,
    **{
        ("empty page", call): EMPTY_STRETCHES
        for call in ("activities_page", "activities_page page 2", "activities of roles")
    },
    # Where pages do not give the members of a program, an export does.
    **{
        (fault.name, call): NEVER
        for fault in FAULTS
        if not fault.is_of_the_run
        for call in ("members of a program", "members by lead")
    },
    # The schema of the lead fields takes permissions of its own, so do the exports of an object.
    ("error 603", "schema_fields"): NEVER,
    **{
        (refusal, call): NEVER
        for refusal in _REFUSALS
        for call in ("exports of members", *_SEEN, *_TOLD)
    },
}
# Where the tap goes on without what it was refused.
_LACKING = {
    *(
        ("error 610", call)
        for call in (*_NO_DETAILS, "program_smart_list", "tokens", "segments", "segments page 2")
    ),
    ("error 603", "schema_fields"),
    *((refusal, call) for refusal in _REFUSALS for call in ("exports of members", *_SEEN, *_TOLD)),
}
_SAID = {
    "reset in the body": "does not get past byte .*Connection",
    # The second when the token expires meanwhile: then the refusal drips as well.
    "slow drip": "does not get past byte .*too slow|longer than request_timeout",
    "HTML": "HTML came in place of the file",
    "error 610": "there is no file",
}
_SAID_OF_STRETCHES = {"empty page": "501 times in a row with an empty page"}
# What can befall the second half of a file; all of it befalls small files, this large ones too.
_OF_BODIES = (
    "reset in the body", "HTTP 502", "token expires", "flipped byte", "cut",
    "cut with its Content-Length", "cut without Content-Length", "range ignored",
    "range a byte late", "range a byte early",
)  # fmt: skip


def _fits(fault: Fault, call: Call) -> bool:
    if call.kind not in FAULT_KINDS[fault.kind].fits:
        return False
    if fault.kind == "no_result" and call.kind in ("pagingtoken", "activities_page"):
        # It is no fault: they have none where there is nothing (activities.md).
        return False
    if fault.kind == "repeat_token":
        # The first page is asked for without a token.
        return "page 2" in call.name
    if FAULT_KINDS[fault.kind].is_of_ranges:
        return "middle" in call.name and (call.file == "small" or fault.name in _OF_BODIES)
    return call.file == "small" or fault.name in _OF_BODIES


def _fault_case(fault: Fault, call: Call, times: str) -> FaultCase:
    own = {**call.rule, **fault.rule, "times": TIMES[times]}
    rules = [*call.before, own]
    if FAULT_KINDS[fault.kind].is_of_ranges:
        # It befalls a download that was interrupted: each time, so that each has a second half.
        rules = [own, *({**rule, "times": None} for rule in call.before)]
    said = _SAID.get(fault.name, fault.said) if call.kind == "file" else fault.said
    if call.kind == "activities_page":
        said = _SAID_OF_STRETCHES.get(fault.name, said)
    # Jobs are looked after in one way, whatever they export.
    name = call.way if call.way in ("enqueue", "list", "status", "file") else call.name
    tries = _TRIES.get((fault.name, name), fault.tries)
    tries = _TRIES.get((fault.name, call.name), tries)
    if call.kind == "cancel":
        # That a job which nobody needs goes on is no matter.
        tries = NEVER
    if call.kind == "status" and fault.name == "error 610":
        said = "no longer has it"
    # Where a token is refused to these calls alone, all others go on.
    is_of_the_run = fault.is_of_the_run and not (call.is_apart and fault.code == TO_BE_CHANGED)
    if call.is_bare:
        said = said.replace(": .*requestId", ": ")
    is_refused = fault.name in _REFUSALS or (fault.name, call.name) == ("HTTP 414", "usage")
    is_refused_whole = is_refused and not call.fails
    code = TO_BE_CHANGED if is_refused_whole else fault.code
    if not is_of_the_run and fault.is_of_the_run:
        code = 1
    return FaultCase(
        fault.name, call.name, times, call.named, said, tries, code,
        rules=rules, own=rules.index(own), settings=fault.settings,
        fails=() if is_of_the_run else call.fails,
        lacking=call.fails[0] if (fault.name, call.name) in _LACKING else "",
        streams=(*call.fails, *call.beside), way=call.way, file=call.file, askers=call.askers,
        without=call.without, scenario=call.scenario,
    )  # fmt: skip


# What becomes of jobs ----------------------------------------------------------------------------

# Seconds.
IMPATIENCE = 0.2
_IMPATIENT = {"job_timeout": IMPATIENCE}
# More than are made of any window.
_FOR_EVER = 20

# Name, outcome, what is said, tries and settings, as of Fault.
JOB_OUTCOMES: tuple[tuple[str, Rule, str, int, Rule], ...] = (
    ("job failed", {"status": "Failed", "errorMsg": "Out of space"}, "Out of space", JOBS, {}),
    ("job cancelled by someone", {"status": "Cancelled"}, "says cancelled", JOBS, {}),
    ("completed without a file", {"file": "404"}, "there is no file", JOBS, {}),
    (
        "stuck in Processing", {"stick": "Processing"},
        "has been processed for .*job_timeout", REFUSED, _IMPATIENT,
    ),
    (
        "stuck in Queued", {"stick": "Queued"},
        "has begun none of the waiting exports for .*job_timeout", REFUSED, _IMPATIENT,
    ),
    (
        "unknown status word", {"status": "Paused", "stick": "Processing"},
        "status 'Paused'", REFUSED, {},
    ),
)  # fmt: skip


# Families with the bulk object of their jobs, how many of them there are at once, their streams,
# and what is synced.
FAMILIES: tuple[tuple[str, str, int, tuple[str, ...], str], ...] = (
    ("leads", "leads", 1, ("leads",), USUAL),
    ("activities", "activities", 1, (VISITS, MAILS), USUAL),
    (MEMBERS, "program/members", 8, (MEMBERS,), PEOPLE),
    (OBJECTS[0], "customobjects/car_c", 1, OBJECTS[:1], PEOPLE),
    ("lead_changes", "activities", 1, ("leads",), LEADS),
    ("lead_references", "leads", 1, CRM, KEYS),
    ("links_of/customobjects/stay_c", "customobjects/stay_c", 1, (COURSES, HOUSES), KEYS),
)


def _job_cases() -> Iterator[FaultCase]:
    for name, outcome, said, tries, settings in JOB_OUTCOMES:
        for family, bulk_object, at_once, fails, scenario in FAMILIES:
            for times, number in TIMES.items():
                yield FaultCase(
                    name, f"{family} job", times, rf"{family} export [\w-]{{36}}|export job [\w-]+",
                    said, tries, 1, object=bulk_object,
                    job_outcomes=[outcome] * (number or _FOR_EVER), settings=settings,
                    fails=fails, streams=fails, way="" if scenario == USUAL else "other jobs",
                    askers=at_once, scenario=scenario,
                )  # fmt: skip


FAULT_CASES = (
    *(
        _fault_case(fault, call, times)
        for fault in FAULTS
        for call in CALLS
        if _fits(fault, call)
        for times in TIMES
    ),
    *_job_cases(),
)


def slice_of(
    cases: Sequence[FaultCase], meets: Callable[[FaultCase], set[tuple[str, ...]]]
) -> list[FaultCase]:
    """Return some cases that meet together what all of them do."""
    # In no order of faults or calls, the quick ones first; those that meet most before others.
    shuffled = random.Random(510).sample(cases, len(cases))
    each = [(case, meets(case)) for case in sorted(shuffled, key=lambda case: case.is_slow)]
    chosen: list[FaultCase] = []
    met: set[tuple[str, ...]] = set()
    for least in range(max(len(own) for _, own in each), 0, -1):
        for case, own in each:
            if len(own - met) >= least:
                met |= own
                chosen.append(case)
    return chosen


def meets_of_slice(case: FaultCase) -> set[tuple[str, ...]]:
    """Every fault, every way, and every scenario once, thrice and for ever.

    A call without a way is one by itself. What a run goes on without is met for every way, too.
    """
    way = case.way or case.call
    meets = {("fault", case.fault), ("way", way), ("scenario", case.scenario, case.times)}
    if case.lacking and case.ends_right_at_once:
        meets.add(("lacking", way))
    return meets


def meets_of_soak(case: FaultCase) -> set[tuple[str, ...]]:
    """Every fault at every call, and at every way once, thrice and for ever."""
    way = case.way or case.call
    return {("call", case.call, case.fault), ("way", way, case.times, case.fault)}
