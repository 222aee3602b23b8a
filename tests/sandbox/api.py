"""The API as a whole: from a request to its answer."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable

from tests.sandbox.answers import (
    NOT_CHARGED,
    Answer,
    ApiError,
    Request,
    error_answer,
    json_answer,
    plain_answer,
    with_status,
    without_envelope,
)
from tests.sandbox.assets.kinds import DESIGNER_CALLS, USER_CALLS
from tests.sandbox.bulk import Bulk
from tests.sandbox.calls import Call, find_call, method_fits, override
from tests.sandbox.clock import Clock
from tests.sandbox.counters import Counters
from tests.sandbox.database import Database
from tests.sandbox.exports import ExportQueue
from tests.sandbox.fault_kinds import FAULT_KINDS, Case
from tests.sandbox.faults import Fault, Faults
from tests.sandbox.limits import Limits
from tests.sandbox.options import Options
from tests.sandbox.permissions import Permissions
from tests.sandbox.readers import Readers
from tests.sandbox.scheduled import Scheduled
from tests.sandbox.tokens import Tokens
from tests.sandbox.usage import Usage

LONGEST_TARGET = 8 * 1024
"""414 when the URI of a request, of GET or of any, exceeds 8 KB (error-codes.md, rest-api.md)."""
LARGEST_BODY = 1 << 20
LARGEST_BULK_BODY = 10 << 20
"""Bodies of 1 MB, of bulk calls 10 MB (rest-api.md); 413 above."""

TOKEN_PATH = "/identity/oauth/token"


class Api:
    """Everything that Marketo answers."""

    def __init__(
        self,
        options: Options,
        clock: Clock,
        database: Database,
        queue: ExportQueue,
        changed: threading.Condition,
    ) -> None:
        self.clock = clock
        self.queue = queue
        self.tokens = Tokens(options.seed)
        self.limits = Limits(options, clock)
        self.counters = Counters()
        self.faults = Faults()
        self.lock = changed
        self._token_bytes = options.token_bytes
        self._poll_seconds = options.poll_seconds
        self._call_seconds = options.call_seconds
        self.permissions = Permissions(options.lacks, options.crm_sync, options.crm_objects)
        self._bare_errors = options.bare_errors
        self._designer_arrays = options.designer_arrays
        self.scheduled = Scheduled(database)
        self.usage = Usage(options.seed, clock, self.limits, self.tokens.user)
        self._readers = Readers(options, database, clock, self.usage, self.permissions)
        self._bulk = Bulk(options, clock, database, queue)
        rng = random.Random(f"{options.seed}:requests")
        self._request_base = rng.getrandbits(44)
        self._serial = itertools.count(1)

    def answer(self, request: Request) -> Answer:
        """Answer a request; the caller has counted it as begun."""
        refusal = _check_size(request)
        with self.lock:
            if refusal is not None:
                return self._refused(request, refusal)
            if request.path == TOKEN_PATH:
                return self._token(request)
            if not request.path.startswith(("/rest/", "/bulk/", "/userservice/")):
                return plain_answer(404, "Not Found")
            return self._call(request)

    def _refused(self, request: Request, refusal: Answer) -> Answer:
        """Log a request that is turned away before it is a call."""
        call = find_call(request)
        kind, name = (call.kind, call.object) if call else ("unknown", None)
        self.counters.answered(self.clock.now(), kind, name, request.path, 1, refusal, None)
        return refusal

    def _request_id(self) -> str:
        number = next(self._serial)
        return f"{number * 2654435761 % 0x10000:x}#{self._request_base + number:x}"

    def _token(self, request: Request) -> Answer:
        self._pass_time(None)
        now = self.clock.now()
        kind = "token_get" if request.method == "GET" else "token_post"
        self.counters.call(kind, None)
        fault = self.faults.claim("token", None)
        answer = self._instead(fault)
        if answer is None or (fault and fault.executed):
            true = (
                self.tokens.answer(request, now)
                if request.method in ("GET", "POST")
                else plain_answer(405, "Method Not Allowed")
            )
            answer = answer or self._altered(fault, None, true)
        name = fault.kind if fault is not None else None
        self.counters.answered(now, kind, None, "", 1, answer, name)
        return self._altered(self.faults.claim("token", None, dates=True), None, answer)

    def _pass_time(self, call: Call | None) -> None:
        """Let the time pass that a call takes, and everything happen that was due by then."""
        waits = call is not None and self.queue.is_waited_for(call.kind, call.object or "")
        seconds = self._poll_seconds if waits else self._call_seconds
        if seconds:
            self.queue.advance(self.clock.now() + seconds)
        self.queue.settle()

    def _call(self, request: Request) -> Answer:
        call = find_call(request)
        self._pass_time(call)
        now = self.clock.now()
        if "access_token" in request.query():
            self.counters.query_tokens += 1
        if call is None:
            self.counters.call("unknown", None)
            answer = self._guarded(lambda: self._unknown(request))
            self.usage.note(answer.code)
            self.counters.answered(now, "unknown", None, request.path, 1, answer, None)
            return answer
        self.counters.call(call.kind, call.object)
        self.scheduled.before(call, now)
        call.programs = self._bulk.programs(call)
        fault = self.faults.claim(call.kind, call)
        answer_instead = self._instead(fault)
        if fault is not None and fault.kind == "expire_token":
            # Falls through to the check of the token, which then finds it expired.
            self.tokens.expire(now)
        if answer_instead is None:
            answer = self._altered(fault, call, self._guarded(lambda: self._execute(call)))
        else:
            if fault is not None and fault.executed:
                self._guarded(lambda: self._execute(call))
            elif answer_instead.code not in NOT_CHARGED:
                self._guarded(self._charge_only)
            answer = answer_instead
        self.usage.note(answer.code)
        if call.kind in USER_CALLS:
            answer = without_envelope(answer, call.kind == "user", self._bare_errors)
        elif call.kind in DESIGNER_CALLS and not self._designer_arrays:
            answer = with_status(answer)
        name = fault.kind if fault is not None else None
        self.counters.answered(now, call.kind, call.object, call.job_id, call.page, answer, name)
        return self._altered(self.faults.claim(call.kind, call, dates=True), call, answer)

    def _charge_only(self) -> Answer:
        self.limits.charge()
        return Answer()

    def _instead(self, fault: Fault | None) -> Answer | None:
        instead = fault and FAULT_KINDS[fault.kind].instead
        return instead(fault.more, self._request_id()) if fault and instead else None

    def _altered(self, fault: Fault | None, call: Call | None, answer: Answer) -> Answer:
        alter = fault and FAULT_KINDS[fault.kind].alter
        if not fault or not alter:
            return answer
        changed = alter(Case(fault.more, call, answer, self._token_bytes))
        if changed is None:
            self.faults.give_back(fault)
            return answer
        return changed

    def _guarded(self, work: Callable[[], Answer]) -> Answer:
        """Run the work; an ApiError becomes its envelope."""
        try:
            return work()
        except ApiError as error:
            if error.code in NOT_CHARGED and error.code not in ("601", "602"):
                self.limits.refund()
            return error_answer(self._request_id(), error.code, error.message)

    def _admit(self, request: Request) -> None:
        """Authenticate, then hold against the limits; 601 and 602 are not charged."""
        self.tokens.check(request.headers.get("authorization"), self.clock.now())
        self.limits.charge()

    def _unknown(self, request: Request) -> Answer:
        self._admit(request)
        raise ApiError("610")

    def _execute(self, call: Call) -> Answer:
        self._admit(call.request)
        if not method_fits(call):
            raise ApiError("605")
        takes_body = call.request.form() or call.members
        if override(call.request) and call.request.body and not takes_body:
            raise ApiError("612")
        self.permissions.check(call)
        if call.kind == "file":
            return self._bulk.file(call)
        bulk = call.object is not None
        members = self._bulk.answer(call) if bulk else self._readers.answer(call)
        return json_answer({"requestId": self._request_id(), "success": True, **members})


def _check_size(request: Request) -> Answer | None:
    """Refusals at the level of HTTP."""
    if "//" in request.path:
        # Double slashes in an address are no longer put right (rest-api.md).
        return plain_answer(404, "Not Found")
    if len(request.target) > LONGEST_TARGET:
        return plain_answer(414, "Request-URI Too Long")
    limit = LARGEST_BULK_BODY if request.path.startswith("/bulk/") else LARGEST_BODY
    if len(request.body) > limit:
        return plain_answer(413, "Request Entity Too Large")
    return None
