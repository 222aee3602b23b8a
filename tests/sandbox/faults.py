"""Faults: what goes wrong with which call, how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.calls import Call, is_bulk_object
from tests.sandbox.fault_kinds import ANY, API, FAULT_KINDS

_COMMON = ("call", "kind", "object", "id", "page", "times", "skip", "executed")


@dataclass
class Fault:
    """One fault. `times` is None for one that never ends."""

    call: str
    kind: str
    object: str | None = None
    id: str | None = None
    """Of what the call is about, as the log has it; of exports also one of their programs."""
    page: int | None = None
    times: int | None = 1
    skip: int = 0
    executed: bool = False
    """For kinds that answer in place of the call: whether the call is carried out all the same."""
    more: dict[str, Any] = field(default_factory=dict)
    fired: int = 0

    def matches(self, kind: str, call: Call | None) -> bool:
        """Whether a call is one that the fault is meant for."""
        own = FAULT_KINDS[self.kind]
        if self.call != kind and (self.call != "any" or kind not in own.fits & API):
            return False
        if call is None:
            return True
        if self.object is not None and self.object != call.object:
            return False
        if self.id is not None and self.id not in call.ids:
            return False
        if own.is_of_ranges and "range" not in call.request.headers:
            return False
        return self.page is None or self.page == call.page

    def shown(self) -> dict[str, Any]:
        """The fault as the control API lists it."""
        shown = {
            "call": self.call,
            "kind": self.kind,
            "times": self.times,
            "skip": self.skip,
            **self.more,
            "fired": self.fired,
        }
        for name in ("object", "id", "page"):
            if getattr(self, name) is not None:
                shown[name] = getattr(self, name)
        return shown


def read_fault(entry: dict[str, Any]) -> Fault:
    """The fault that a control call describes; ValueError when it makes no sense."""
    call, kind = entry.get("call"), entry.get("kind")
    if kind not in FAULT_KINDS:
        raise ValueError(f"no such kind of fault: {kind}; there are {', '.join(FAULT_KINDS)}")
    if call != "any" and call not in ANY:
        raise ValueError(f"no such call: {call}; there are any, {', '.join(sorted(ANY))}")
    fits, takes = FAULT_KINDS[kind].fits, FAULT_KINDS[kind].takes
    if call != "any" and call not in fits:
        raise ValueError(f"{kind} fits only {', '.join(sorted(fits))}")
    more = {name: value for name, value in entry.items() if name not in _COMMON}
    for name, value in more.items():
        if name not in takes or not isinstance(value, takes[name]):
            raise ValueError(f"{kind} does not take {name}={value!r}")
    fault = Fault(str(call), kind, entry.get("object"), page=entry.get("page"), more=more)
    fault.id = None if entry.get("id") is None else str(entry["id"])
    fault.times = entry.get("times", 1)
    fault.skip = int(entry.get("skip", 0))
    fault.executed = bool(entry.get("executed", False))
    _check(fault)
    return fault


def _check(fault: Fault) -> None:
    if fault.times is not None and (not isinstance(fault.times, int) or fault.times < 1):
        raise ValueError("times must be a positive integer, or null for ever")
    if fault.object is not None and not is_bulk_object(fault.object):
        raise ValueError("object must be leads, activities, program/members or customobjects/NAME")
    if fault.page is not None and (not isinstance(fault.page, int) or fault.page < 1):
        raise ValueError("page must be a positive integer")
    needed = FAULT_KINDS[fault.kind].needs
    if needed is not None and needed not in fault.more:
        raise ValueError(f"{fault.kind} needs {needed}")
    if fault.more.get("content_length", True) not in (True, False, "full", "absent", "match"):
        raise ValueError("content_length must be true, false, full, absent or match")


class Faults:
    """The faults in force; the owner's lock guards them."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def claim(self, kind: str, call: Call | None, dates: bool = False) -> Fault | None:
        """The first fault meant for the call, counted as fired.

        A wrong date goes with any other fault, so it is claimed on its own.
        """
        for fault in self.rules:
            if (fault.kind == "wrong_date") != dates or not fault.matches(kind, call):
                continue
            if fault.times is not None and fault.fired >= fault.times:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.fired += 1
            return fault
        return None

    def give_back(self, fault: Fault) -> None:
        """The fault could do nothing to this answer (no range was asked, say)."""
        fault.fired -= 1
