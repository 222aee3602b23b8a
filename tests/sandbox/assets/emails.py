"""Emails, their templates, snippets and files (emails.md, email-templates.md, files.md)."""

from __future__ import annotations

from typing import Any

from tests.sandbox.assets.draw import JSON, Draw, app_url, first_of, folder_value, used_by


def _header(draw: Draw, value: str) -> JSON | None:
    """A field of an email's head; fromEmail is null in an example."""
    if draw.rng.random() < 0.1:
        return None
    if draw.rng.random() < 0.1:
        return {"type": "DynamicContent", "value": str(draw.rng.randint(1001, 1025))}
    return {"type": "Text", "value": value}


def _status(draw: Draw) -> Any:
    """The status; in the example of one email by id it is the boolean false."""
    return draw.one("approved", "approved", "draft", "approved with draft", False)


def email(draw: Draw) -> JSON:
    """An email without its content."""
    fields = [
        {
            "attributeId": "157",
            "objectName": "lead",
            "displayName": "Lead Owner Email Address",
            "apiName": draw.one(None, "leadOwnerEmailAddress"),
        }
    ]
    return {
        "id": draw.number,
        "name": draw.name("Email"),
        "description": draw.description(),
        "url": draw.one(None, app_url("EM", draw.number)),
        "subject": _header(draw, f"{draw.words(draw.rng)} \U0001f389, {{{{lead.Name}}}}"),
        "fromName": _header(draw, 'Größe & "Söhne", GmbH'),
        "fromEmail": _header(draw, "sender@example.com"),
        "replyEmail": _header(draw, "reply@example.com"),
        "folder": folder_value(draw, programs=True),
        "operational": draw.flag(),
        "textOnly": draw.flag(),
        "publishToMSI": draw.flag(),
        "webView": draw.flag(),
        "status": _status(draw),
        "template": draw.one(None, draw.another("email_templates")),
        "workspace": "Default",
        "isOpenTrackingDisabled": draw.flag(),
        "version": draw.one(1, 2),
        "autoCopyToText": draw.flag(),
        "ccFields": draw.one(fields, [], None),
        "preHeader": draw.one("My awesome preheader!", "", None),
    }


def email_template(draw: Draw) -> JSON:
    """An email template; the case of its status differs from example to example."""
    return {
        "id": draw.number,
        "name": draw.name("Email Template"),
        "description": draw.description(),
        "url": app_url("EMT", draw.number),
        "folder": folder_value(draw, named=draw.number % 2 == 0),
        "status": draw.one("Draft", "draft", "approved", "Approved"),
        "version": draw.one(1, 2),
        "workspace": "Default",
    }


def snippet(draw: Draw) -> JSON:
    """A snippet (snippets.md, "Browse"); its folder has a value in the Swagger too."""
    number = draw.folder()
    return {
        "id": draw.number,
        "name": draw.name("Snippet"),
        "description": draw.description(),
        "url": draw.one(None, app_url("SN", draw.number)),
        "folder": {"type": "Folder", "value": number, "folderName": f"Folder {number}"},
        "status": draw.one("draft", "approved"),
        "workspace": "Default",
    }


def file(draw: Draw) -> JSON:
    """A file: its folder has id and name, and as type what the folder holds."""
    number = draw.folder()
    folder: JSON = {"type": draw.once("Image", "Email", "File"), "id": number}
    if draw.fixed.random() < 0.7:
        folder["name"] = f"Folder {number}"
    name = f"{draw.name('file').strip()}.png"
    return {
        "id": draw.number,
        "size": draw.one(0, 1454, 13_987, 2**31 - 1),
        "mimeType": draw.one("image/png", "text/plain", "application/pdf"),
        "url": f"http://na-abm.marketo.com/rs/sandbox/assets/{draw.number}.png",
        "folder": folder,
        "name": name,
        "description": draw.description(),
    }


_HTML = '<h1 class="x">Größe, \U0001f600</h1>\r\n{{lead.First Name}}'
MANY_USERS = 205
"""So many emails use the first template: more than a page shows."""


def email_details(draw: Draw) -> JSON:
    """The sections and variables of an email (emails.md, "Query Content"; swagger-asset.json).

    The value of a section is an array in the example, an object in the Swagger; emails of
    version 1 have no variables.
    """
    parts: list[JSON] = [{"type": "HTML", "value": _HTML}, {"type": "Text", "value": "Größe"}]
    values: list[Any] = [parts, {"type": "DynamicContent", "value": "RVMtNDg="}, "plain text"]
    content = []
    for place in range(draw.rng.randint(0, 3)):
        section = {"htmlId": f"edit_text_{place}", "value": values[place], "contentType": "Text"}
        if draw.flag():
            section |= {"index": place, "isLocked": draw.flag(), "parentHtmlId": "body"}
        content.append(section)
    variables = []
    for place in range(draw.rng.randint(0, 2)):
        variable = {"name": f"color{place}", "value": draw.one("#fff", "", None)}
        local = {"moduleScope": True, "moduleId": "hero"}
        variables.append({**variable, **(local if draw.flag() else {"moduleScope": False})})
    return {"content": content, "variables": variables}


def template_details(draw: Draw) -> JSON:
    """The HTML of a template, and the emails that use it (email-templates.md)."""
    number = MANY_USERS if draw.number == 1001 else draw.rng.randint(0, 3)
    emails = range(1001, 1001 + first_of(draw.options, "emails", MANY_USERS))
    return {"content": f"<html>{_HTML}</html>", "usedBy": used_by(draw, number, {"Email": emails})}


def snippet_details(draw: Draw) -> JSON:
    """The content of a snippet (snippets.md, "Query Content")."""
    kinds = ("HTML", "Text", "DynamicContent")[: draw.rng.randint(0, 3)]
    return {"content": [{"type": kind, "content": draw.one(_HTML, "1001", None)} for kind in kinds]}
