"""Runs that are cut short."""

from __future__ import annotations

import io
import json
import os
from typing import Any

from tests.harness import piped


def state_with_jobs(command: list[str], families: int = 2) -> dict[str, Any]:
    """Run until so many families have a job under way, then kill the run; return that STATE."""
    with (
        open(os.devnull, "wb") as nothing,
        piped(command, nothing.fileno()) as (_, out),
        io.BufferedReader(out) as lines,
    ):
        for line in lines:
            message = json.loads(line)
            if message["type"] == "STATE" and len(message["value"].get("exports", {})) == families:
                state: dict[str, Any] = message["value"]
                return state
    raise AssertionError("no such state")
