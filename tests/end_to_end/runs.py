"""Runs that are cut short."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.harness import ROOT


def state_with_jobs(command: list[str]) -> dict[str, Any]:
    """Run until both families have a job under way; return that STATE."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        for line in process.stdout:
            message = json.loads(line)
            if message["type"] == "STATE" and len(message["value"].get("exports", {})) == 2:
                process.kill()
                state: dict[str, Any] = message["value"]
                return state
    raise AssertionError("no such state")
