"""Airbyte's source, driven like a tap: its own config, catalog and command line."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from benchmarks.runs import MeasuredTap, MeasurementError


class AirbyteTap(MeasuredTap):
    """Airbyte's source-marketo, with its files in a directory of its own."""

    def settings(self, start_date: str, **more: Any) -> dict[str, Any]:
        return {
            "domain_url": self.marketo.endpoint.removesuffix("/rest"),
            "client_id": self.marketo.client_id,
            "client_secret": self.marketo.client_secret,
            "start_date": start_date,
            # It would read until today, which is later than the sandbox's.
            "end_date": self.marketo.control("GET", "clock")["now"],
            "poll_interval": self.tool.poll_interval / self.scale,
            **more,
        }

    def command(self, config: Any, catalog: Any = None, state: Any = None, *more: str) -> list[str]:
        command = [*self.tool.command, *(more or ("read",))]
        command += ["--config", str(self.write("config.json", config))]
        if catalog is not None:
            command += [self.tool.catalog_option, str(self.write("catalog.json", catalog))]
        return command

    def catalog(
        self,
        config: Any,
        lead_columns: Sequence[str] | None = None,
        types: Collection[int] | None = None,
    ) -> dict[str, Any]:
        done = self.run(config, None, None, "discover")
        messages = [json.loads(line) for line in done.lines]
        found = [each["catalog"] for each in messages if each["type"] == "CATALOG"]
        if not found:
            raise MeasurementError(f"{self.tool.name} discovers nothing: {done.stderr[-3000:]}")
        kinds = self.marketo.truth("activity_types")
        wanted = {
            _letters(f"activities {kind['name']}")
            for kind in kinds
            if types is None or kind["id"] in types
        }
        chosen = []
        for stream in found[0]["streams"]:
            if stream["name"] == "leads" and lead_columns != ():
                known = stream["json_schema"]["properties"]
                names = known if lead_columns is None else lead_columns
                stream["json_schema"]["properties"] = {name: known[name] for name in names}
            elif _letters(stream["name"]) not in wanted:
                continue
            chosen.append(
                {
                    "stream": stream,
                    "sync_mode": "incremental",
                    "cursor_field": stream["default_cursor_field"],
                    "destination_sync_mode": "append",
                }
            )
        return {"streams": chosen}


def _letters(name: str) -> str:
    """Return a name without what it makes of case and blanks in names of streams."""
    return re.sub("[^a-z0-9]", "", name.lower())
