"""Segmentations with their segments, and the tokens of folders and programs."""

from __future__ import annotations

from tests.sandbox.assets.draw import JSON, Draw, app_url, folder_value


def segmentation(draw: Draw) -> JSON:
    """A segmentation (dynamic-content.md, "List")."""
    return {
        "id": draw.number,
        "name": draw.name("Segmentation"),
        "description": draw.description(),
        "url": app_url("SG", draw.number),
        "folder": folder_value(draw),
        "status": draw.one("approved", "draft"),
        "workspace": "Default",
    }


def segment(draw: Draw) -> JSON:
    """A segment; the first of the example has no url (dynamic-content.md)."""
    return {
        "id": draw.number,
        "name": draw.name("Segment"),
        "description": draw.description(),
        "url": app_url("SL", draw.number),
        "status": draw.one("approved", "draft"),
        "segmentationId": draw.asset.parent[1] if draw.asset.parent else None,
    }


def token(draw: Draw) -> JSON:
    """A token; whatever its type, the value is a text (tokens.md)."""
    kind = draw.once("date", "number", "rich text", "score", "sfdc campaign", "text")
    values = {
        "date": ("2026-04-01",),
        "number": ("12", "10.40", "1e5"),
        "rich text": ('<p class="a">rich, \U0001f600</p>',),
        "score": ("+5", "-3"),
        "sfdc campaign": ("7014000000", ""),
        "text": ("text", 'a "quoted", text', "", "日本語 " * 2000),
    }
    record: JSON = {
        "name": f"token {draw.number}" + draw.once("", " - deverly", ' "q", x', " \U0001f600")[:30],
        "type": kind,
        "value": draw.one(*values[kind]),
        "computedUrl": app_url("MF", draw.number),
    }
    if draw.rng.random() < 0.06:
        record["value"] = None
    if draw.rng.random() < 0.06:
        del record["computedUrl"]
    return record
