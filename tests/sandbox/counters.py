"""What the sandbox has been asked and has done, for tests to look at."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from tests.sandbox.answers import Answer
from tests.sandbox.calls import KINDS
from tests.sandbox.clock import plain

LOG_LENGTH = 20_000


class Counters:
    """Counts since the start or the last reset; the owner's lock guards them."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        self._calls: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self.bytes_served = 0
        self.query_tokens = 0
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    def call(self, kind: str, object_name: str | None) -> None:
        """A call came in."""
        self._calls[kind, object_name or ""] += 1

    def answered(
        self,
        moment: float,
        kind: str,
        object_name: str | None,
        job_id: str,
        page: int,
        answer: Answer,
        fault: str | None,
    ) -> None:
        """A call got its answer."""
        self._statuses[answer.status] += 1
        if answer.code is not None:
            self._errors[answer.code] += 1
        self.log.append(
            {
                "at": moment,
                "time": plain(moment) + "Z",
                "call": kind,
                "object": object_name,
                "id": job_id or None,
                "page": page,
                "status": answer.status,
                "code": answer.code,
                "fault": fault,
            }
        )

    def count(self, kind: str) -> int:
        """Calls of a kind."""
        return sum(number for (each, _), number in self._calls.items() if each == kind)

    def shown(self) -> dict[str, Any]:
        """The counts in the shape that the control API gives."""
        calls: dict[str, Any] = {}
        for kind in ("token_get", "token_post", *KINDS, "unknown"):
            if kind in ("create", "enqueue", "status", "list", "file", "cancel"):
                names = {name for each, name in self._calls if each == kind}
                names |= {"leads", "activities"}
                calls[kind] = {name: self._calls[kind, name] for name in sorted(names)}
            else:
                calls[kind] = self.count(kind)
        tokens = calls["token_get"] + calls["token_post"]
        return {
            "calls": calls,
            "total_calls": sum(self._calls.values()) - tokens,
            "polls": self.count("status") + self.count("list"),
            "errors": dict(self._errors),
            "http_statuses": {str(status): count for status, count in self._statuses.items()},
            "bytes_served": self.bytes_served,
            "query_access_tokens": self.query_tokens,
        }
