"""The control API under /sandbox: no part of Marketo, for tests to steer and to look."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.api import Api
from tests.sandbox.calls import is_bulk_object
from tests.sandbox.clock import bulk_time, parse_time
from tests.sandbox.database import Database
from tests.sandbox.faults import read_fault
from tests.sandbox.jobs import Outcome

PREFIX = "/sandbox"


class Control:
    """The control API. It needs no token and counts as no call."""

    def __init__(self, api: Api, database: Database) -> None:
        self._api = api
        self._database = database
        self._created_before = 0
        self._own: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "daily_usage": lambda: api.usage.answer("usage_week"),
            "daily_errors": lambda: api.usage.answer("errors_week"),
            "bulk_exports": api.queue.shown,
        }

    def answer(self, request: Request) -> Answer:
        """Answer a control request; anything senseless is a 400 that says why."""
        parts = request.path[len(PREFIX) :].strip("/").split("/")
        try:
            body = json.loads(request.body) if request.body else {}
            return self._dispatch(request, parts, body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)

    def _dispatch(self, request: Request, parts: list[str], body: Any) -> Answer:
        method, name = request.method, parts[0]
        if method == "GET" and name == "truth" and len(parts) == 2:
            return self._truth(parts[1], request.query().get("type"))
        with self._api.lock:
            self._api.queue.settle()
            if method == "GET" and name == "clock":
                return self._clock()
            if method == "GET" and name == "counters":
                return json_answer(self.counters())
            if method == "GET" and name == "log":
                return json_answer({"log": list(self._api.counters.log)})
            if method == "GET" and name == "token":
                return json_answer({"tokens": self._api.tokens.issued})
            if name == "faults":
                return self._faults(method, body)
            if name == "before_call":
                return self._before_call(method, body)
            if name == "permissions":
                return self._permissions(method, body)
            if method == "DELETE" and name == "next_jobs":
                queue = self._api.queue
                forgotten = len(queue.next_outcomes) + len(queue.outcomes_of_programs)
                queue.next_outcomes.clear()
                queue.outcomes_of_programs.clear()
                return json_answer({"forgotten": forgotten})
            if method == "POST":
                answer = self._post(name, parts[1:], body)
                if answer is not None:
                    return answer
        return json_answer({"error": f"no such control call: {method} {request.path}"}, 404)

    def _post(self, name: str, rest: list[str], body: Any) -> Answer | None:
        if name == "change":
            return json_answer(self._database.change(body, self._api.clock.now()))
        if name == "clock":
            return self._set_clock(body)
        if name == "reset_counters":
            self._api.counters.reset()
            self._api.limits.most_at_once = self._api.limits.at_once
            self._api.queue.most_places = self._api.queue.places()
            self._created_before = len(self._api.queue.jobs)
            return json_answer({})
        if name == "queue":
            minutes = float(body.get("minutes", 5))
            placed = self._api.queue.add_foreign_jobs(int(body.get("foreign_jobs", 1)), minutes)
            return json_answer({"placed": placed, "places": self._api.queue.places()})
        if name == "usage":
            self._api.limits.add_foreign(int(body.get("foreign_calls", 0)))
            self._api.queue.add_foreign_bytes(int(body.get("foreign_bytes", 0)))
            return json_answer(
                {
                    "calls_today": self._api.limits.today(),
                    "bytes_today": self._api.queue.bytes_today(),
                }
            )
        if name == "finished_jobs":
            moment = self._api.clock.now() - 60 * float(body.get("minutes_ago", 0))
            queue = self._api.queue
            made = queue.add_finished_job(str(body["object"]), int(body["bytes"]), moment)
            return json_answer(made.report())
        if name == "token":
            return self._token(body)
        if name == "next_jobs":
            of_programs = [entry for entry in body if "program" in entry]
            self._api.queue.outcomes_of_programs.update(map(_read_outcome_of_program, of_programs))
            others = [_read_next_outcome(entry) for entry in body if entry not in of_programs]
            self._api.queue.next_outcomes.extend(others)
            return json_answer({"waiting": len(self._api.queue.next_outcomes)})
        if name == "jobs" and len(rest) == 1:
            job = self._api.queue.jobs.get(rest[0])
            if job is None:
                return json_answer({"error": f"no such job: {rest[0]}"}, 404)
            self._api.queue.set_outcome(job, _read_outcome(body, job.outcome))
            return json_answer(job.report())
        return None

    def _clock(self) -> Answer:
        now = self._api.clock.now()
        return json_answer({"now": bulk_time(now), "epoch": now, "scale": self._api.clock.scale})

    def _set_clock(self, body: dict[str, Any]) -> Answer:
        now = self._api.clock.now()
        if "advance_seconds" in body:
            target = now + float(body["advance_seconds"])
        else:
            moment = parse_time(body["set"])
            if moment is None:
                raise ValueError(f"not a time: {body['set']}")
            target = moment
        if target < now:
            raise ValueError("the clock moves forward only")
        self._api.queue.advance(target)
        return self._clock()

    def _token(self, body: dict[str, Any]) -> Answer:
        if body.get("expire"):
            self._api.tokens.expire(self._api.clock.now())
        elif body.get("revoke"):
            self._api.tokens.revoke()
        elif "prolong_seconds" in body:
            now = self._api.clock.now()
            token = str(self._api.tokens.issue(now)["access_token"])
            self._api.tokens.prolong(token, float(body["prolong_seconds"]))
        else:
            raise ValueError("expire or revoke must be true, or prolong_seconds a number")
        return json_answer({})

    def _faults(self, method: str, body: Any) -> Answer:
        rules = self._api.faults.rules
        if method == "POST":
            entries = body if isinstance(body, list) else [body]
            rules.extend([read_fault(entry) for entry in entries])
        elif method == "DELETE":
            rules.clear()
        return json_answer({"faults": [fault.shown() for fault in rules]})

    def _before_call(self, method: str, body: Any) -> Answer:
        scheduled = self._api.scheduled
        if method == "POST":
            for entry in body if isinstance(body, list) else [body]:
                scheduled.add(entry)
        elif method == "DELETE":
            scheduled.clear()
        return json_answer({"before_call": scheduled.shown()})

    def _permissions(self, method: str, body: Any) -> Answer:
        if method == "POST":
            self._api.permissions.set(list(body["lacks"]))
        return json_answer({"lacks": self._api.permissions.lacks})

    def _truth(self, table: str, types: list[str] | None) -> Answer:
        tables = (*self._database.tables(), *self._own)
        if table not in tables:
            return json_answer({"error": f"no such table; there are {', '.join(tables)}"}, 404)
        with self._api.lock:
            self._api.queue.settle()
            if table in self._own:
                return Answer(200, _as_json(iter(self._own[table]())))
            now = self._api.clock.now()
            if types is None:
                rows = self._database.truth(table, now)
            elif table == "activities":
                rows = self._database.activities.truth(now, {*map(int, types)})
            else:
                raise ValueError("only activities have types")
            # A generator would see later changes; all but huge tables are read at once.
            return Answer(200, _as_json(rows))

    def counters(self) -> dict[str, Any]:
        """All counts, with the jobs created since the last reset."""
        api = self._api
        jobs = list(api.queue.jobs.values())[self._created_before :]
        return {
            **api.counters.shown(),
            "calls_today": api.limits.today(),
            "max_concurrent_calls": api.limits.most_at_once,
            "max_queue_places": api.queue.most_places,
            "bytes_exported_today": api.queue.bytes_today(),
            "jobs": [job.report() for job in jobs],
        }


def _as_json(rows: Iterator[dict[str, Any]]) -> bytes:
    return json.dumps({"rows": list(rows)}, ensure_ascii=False).encode()


def _read_next_outcome(entry: dict[str, Any]) -> tuple[str | None, Outcome]:
    """The outcome of a job to come, of the bulk object that the control call names, if it does."""
    bulk_object = entry.get("object")
    if bulk_object is not None and not is_bulk_object(bulk_object):
        raise ValueError(f"no such object: {bulk_object}")
    own = {name: value for name, value in entry.items() if name != "object"}
    return bulk_object, _read_outcome(own, Outcome())


def _read_outcome_of_program(entry: dict[str, Any]) -> tuple[int, Outcome]:
    """The outcome of all jobs to come that export the members of a program."""
    own = {name: value for name, value in entry.items() if name != "program"}
    return int(entry["program"]), _read_outcome(own, Outcome())


def _read_outcome(entry: dict[str, Any], outcome: Outcome) -> Outcome:
    """An outcome as a control call writes it, on top of one already there."""
    known = {"status", "errorMsg", "stick", "file", "minutes"}
    unknown = set(entry) - known
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    if entry.get("stick") not in (None, "Created", "Queued", "Processing"):
        raise ValueError("stick must be Created, Queued, Processing or null")
    members = asdict(outcome)
    members.update({name: value for name, value in entry.items() if name != "errorMsg"})
    if "errorMsg" in entry:
        members["error"] = entry["errorMsg"]
    if members["file"] not in (None, "404"):
        raise ValueError("file must be 404 or null")
    return Outcome(**members)
