"""Assets of the Email Designer (emails-new.md, email-templates-new.md, fragments.md).

The pages show next to nothing of a row; swagger-asset.json, EmailContentDTO and the like, has the
rest.
"""

from __future__ import annotations

from tests.sandbox.assets.draw import JSON, Draw, spelled
from tests.sandbox.assets.table import Asset
from tests.sandbox.clock import asset_time

_WORKSPACES = ("1", "1", "1008")
"""Ids of workspaces: half of the assets or more are in the first."""


def workspace_of(draw: Draw) -> str:
    """The workspace of an asset, for good."""
    return draw.once(*_WORKSPACES)


def is_archived(row: Asset) -> bool:
    """Whether an asset only comes with includeArchived."""
    return row.id % 11 == 4


def is_variant(row: Asset) -> bool:
    """Whether it is a variant of an A/B test: counted, "not returned" (swagger-asset.json)."""
    return row.id % 17 == 5


def _content(draw: Draw, what: str, **more: JSON | str | int | None) -> JSON:
    record: JSON = {
        "id": str(draw.number),
        "name": draw.name(what),
        "description": draw.description(),
        "status": "archived" if is_archived(draw.asset) else draw.one("draft", "approved"),
        "state": draw.one("draft", "published", None),
        "appType": "marketo",
        "virtualId": f"urn:{draw.number}",
        "externalId": draw.one(None, f"ext-{draw.number}"),
        "scriptEngine": draw.once("velocity", "handlebars", None),
        "metadata": {
            "createdAt": spelled(draw, draw.asset.created),
            "createdBy": draw.once("jamie@example.com", "Größe, O'Hara"),
            "createdById": str(draw.fixed.randrange(1, 50)),
            "modifiedAt": spelled(draw, draw.asset.updated),
            "modifiedBy": draw.one("jamie@example.com", None),
            "modifiedById": draw.one("7", None),
        },
        "appData": {
            "editorType": what.lower(),
            "workspaceId": workspace_of(draw),
            "folderId": str(draw.folder()),
        },
        "associatedStates": draw.one(
            [], [{"contentId": str(draw.number + 5000), "externalId": None, "state": "draft"}]
        ),
        **more,
    }
    if draw.number % 17 == 3:
        record["sandboxExtra"] = {"note": "no page names this key"}
        record["metadata"]["createdByAepId"] = "A1@AdobeOrg"
    return record


def email(draw: Draw) -> JSON:
    """An email (EmailContentDTO)."""
    record = _content(
        draw, "Email",
        headers={
            "subject": draw.one("Introducing", 'Say "hi", \U0001f600', ""),
            "fromName": draw.one("Marketing Team", None),
            "fromEmail": "marketing@example.com",
            "replyEmail": draw.one("reply@example.com", None),
            "preheader": draw.one("See what changed", None),
            "ccEmails": draw.one([], ["owner@example.com", "b@example.com"], None),
        },
        settings={
            "isOperational": draw.flag(), "isWebPageView": draw.flag(), "isTextOnly": draw.flag(),
            "disableOpenTracking": draw.flag(), "enableUrlTracking": draw.flag(),
        },
        templateId=draw.one(str(draw.another("designer_email_templates")), None),
    )  # fmt: skip
    if draw.number % 3 == 0:
        # "Program fields are only present when the email lives under a program".
        record["appData"] |= {
            "programId": "1001", "programName": "Spring, 2026", "programType": "Email",
        }  # fmt: skip
    return record


def email_template(draw: Draw) -> JSON:
    """An email template (EmailTemplateContentDTO)."""
    return _content(draw, "Template", version=draw.one(1, 2))


def fragment(draw: Draw) -> JSON:
    """A fragment (FragmentContentDTO), with its picture."""
    return _content(
        draw, "Fragment",
        settings={
            "fragmentType": "email", "fragmentSubType": draw.one("html", None),
            "supportedChannels": ["email"],
        },
        themeId=draw.one("42", None),
        thumbnail={"url": "data:image/png;base64,iVBORw0KGgo="},
    )  # fmt: skip


def content(draw: Draw) -> JSON:
    """What the call for one asset adds (DataDTO)."""
    html = f'<p>{draw.number}, {draw.asset.version}: "Größe" {asset_time(draw.asset.created)}</p>'
    text = {"body": draw.one("plain", ""), "syncFromHtml": draw.flag()}
    return {"data": {"html": {"body": html}, "text": draw.one(text, None)}}
