"""What --about writes, in the shape of taps built on Meltano's SDK."""

from __future__ import annotations

import json
from typing import Any

from tap_marketo import __version__
from tap_marketo.config import SETTINGS
from tap_marketo.settings import Setting
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.registry import REGISTRY

NAME = "tap-marketo"
DESCRIPTION = "Singer tap for Adobe Marketo Engage"
CAPABILITIES = ("catalog", "discover", "state", "about")


def about(form: str) -> str:
    """Return name, version, capabilities, settings and streams as text, JSON or Markdown.

    JSON has the settings as a JSON Schema.
    """
    return {"text": _text, "json": _json, "markdown": _markdown}[form]()


def _text() -> str:
    lines = [
        f"Name: {NAME}",
        f"Description: {DESCRIPTION}",
        f"Version: {__version__}",
        f"Capabilities: {', '.join(CAPABILITIES)}",
        "Settings:",
    ]
    width = max(len(each.name) for each in SETTINGS)
    for each in SETTINGS:
        lines.append(f"  {each.name:<{width}}  {each.about} ({_default(each)})")
    lines.append("Streams:")
    width = max(len(stream.name) for stream in REGISTRY)
    lines += [f"  {stream.name:<{width}}  {_how(stream)}" for stream in REGISTRY]
    return "\n".join(lines)


def _json() -> str:
    facts = {
        "name": NAME,
        "description": DESCRIPTION,
        "version": __version__,
        "capabilities": CAPABILITIES,
        "settings": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {each.name: _schema(each) for each in SETTINGS},
            "required": [each.name for each in SETTINGS if each.is_required],
        },
        "streams": [
            {
                "name": stream.name,
                "bulk_export": stream.is_exported,
                "permissions": stream.permissions,
            }
            for stream in REGISTRY
        ],
    }
    return json.dumps(facts, indent=2)


def _markdown() -> str:
    rows = [
        f"| `{each.name}` | {'yes' if each.is_required else 'no'} | "
        f"{'' if each.is_required else _default(each)} | {each.about} |"
        for each in SETTINGS
    ]
    streams = [
        f"| `{stream.name}` | {_way(stream)} | {', '.join(stream.permissions) or 'none'} |"
        for stream in REGISTRY
    ]
    return "\n".join(
        [
            f"# `{NAME}`",
            "",
            f"{DESCRIPTION}, version {__version__}.",
            "",
            "## Capabilities",
            "",
            *(f"- `{capability}`" for capability in CAPABILITIES),
            "",
            "## Settings",
            "",
            "| Setting | Required | Default | Description |",
            "|:--------|:--------:|:-------:|:------------|",
            *rows,
            "",
            "## Streams",
            "",
            "| Stream | Read by | Permissions of the API user's role |",
            "|:-------|:--------|:-----------------------------------|",
            *streams,
        ]
    )


def _way(stream: StreamDefinition) -> str:
    return "bulk export" if stream.is_exported else "pages"


def _how(stream: StreamDefinition) -> str:
    return f"{_way(stream)}; needs {', '.join(stream.permissions) or 'no permission'}"


def _default(setting: Setting) -> str:
    if setting.is_required:
        return "required"
    if isinstance(setting.default, bool):
        return json.dumps(setting.default)
    if isinstance(setting.default, float):
        return f"{setting.default:g}"
    if setting.default == ():
        return "none"
    return str(setting.default) or "made of the endpoint"


def _schema(setting: Setting) -> dict[str, Any]:
    schema = {**setting.type.schema, "title": setting.name, "description": setting.about}
    if setting.is_secret:
        schema |= {"secret": True, "writeOnly": True}
    if setting.default not in (None, ""):
        schema["default"] = setting.default
    return schema
