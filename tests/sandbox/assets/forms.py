"""Forms and their fields (forms.md)."""

from __future__ import annotations

from tests.sandbox.assets.draw import JSON, Draw, app_url, folder_value, used_by

_KINDS = ("text", "email", "picklist", "textarea", "checkbox", "date", "number", "range", "phone")
# What may use a form, and the first of its ids.
_USERS = (("Landing Page", 1001), ("Smart List", 1001), ("Smart Campaign", 2001), ("Report", 1))
# An object without properties in the Swagger; so in the examples of adding and changing fields.
_CHOICE = {"label": "A, or B", "value": "ab", "isDefault": True, "selected": False}
_META: tuple[JSON | None, ...] = (
    None,
    {"minValue": 1, "maxValue": None},
    {"multiSelect": False, "values": [_CHOICE, {"label": "C", "value": "c"}], "visibleLines": 4},
)


def form(draw: Draw) -> JSON:
    """A form without its fields."""
    return {
        "id": draw.number,
        "name": draw.name("Form"),
        "description": draw.description(),
        "url": app_url("FO", draw.number),
        "status": draw.one("draft", "approved", "approved with draft"),
        "theme": draw.one("simple", "inset"),
        "language": draw.one("English", "French"),
        "locale": draw.one("en_US", "fr_FR", None),
        "progressiveProfiling": draw.flag(),
        "labelPosition": draw.one("left", "above"),
        "fontFamily": draw.one("Helvetica", '"Font, with commas"'),
        "fontSize": "13px",
        "folder": folder_value(draw),
        "knownVisitor": draw.one(
            {"type": "form", "template": None}, {"type": "custom", "template": "<b>Hi</b>"}, None
        ),
        "thankYouList": [_follow_up(draw, place) for place in range(draw.rng.randint(0, 3))],
        "buttonLocation": 120,
        "buttonLabel": draw.one("Submit", "Envoyer \U0001f4e8"),
        "waitingLabel": draw.one("Please Wait", "Veuillez patienter"),
    }


def _follow_up(draw: Draw, place: int) -> JSON:
    """A thank you page: the value is an object in the Swagger, null or a page's id in examples."""
    page: JSON = {
        "followupType": draw.one("none", "lp", "url"),
        "followupValue": draw.one(None, 1038, "https://www.example.com/thanks, all"),
        "default": place == 0,
    }
    if place:
        page["operator"] = draw.one("is", "isNot")
        page["subjectField"] = "Country"
        page["values"] = ["USA", "Korea, South"]
    return page


def form_fields(draw: Draw) -> JSON:
    """The fields of a form; "Profiling" has but four keys (forms.md, "Field List")."""
    fields = [_field(draw, place) for place in range(draw.rng.randint(0, 6))]
    if fields and draw.flag():
        last = {"dataType": "profiling", "rowNumber": len(fields), "columnNumber": 0}
        fields.append({"id": "Profiling", **last})
    return {"fields": fields}


def form_details(draw: Draw) -> JSON:
    """The fields of a form, and which assets use it (forms.md, "Dependencies")."""
    kinds = {name: [first] for name, first in _USERS}
    return {**form_fields(draw), "usedBy": used_by(draw, draw.rng.randint(0, 4), kinds)}


def _field(draw: Draw, place: int) -> JSON:
    kind = draw.one(*_KINDS)
    field: JSON = {
        "id": f"Field{place}",
        "label": f"{draw.words(draw.rng, 2)}:",
        "dataType": kind,
        # An object in the Swagger, a text in the example.
        "validationMessage": draw.one(
            "This field is required.",
            "Must be valid email. <span class='mktoErrorDetail'>example@yourdomain.com</span>",
            {"en_US": "Required", "fr_FR": "Requis"},
        ),
        "rowNumber": place,
        "columnNumber": 0,
        "required": draw.flag(),
        "formPrefill": draw.flag(),
        "visibilityRules": _visibility(draw),
    }
    if kind in ("text", "textarea"):
        field["maxLength"] = 255
    if draw.flag():
        # In swagger-asset.json only.
        field["blankFields"] = draw.one(0, 3)
        field["defaultValue"] = draw.one("", '["a","b"]', None)
        field["fieldMetaData"] = draw.rng.choice(_META)
        field["fieldWidth"] = 150
        field["fields"] = draw.one([], ["FirstName", "LastName"])
        field["hintText"] = "hint"
        field["instructions"] = ""
        field["isSensitive"] = draw.flag()
        field["labelWidth"] = 100
        field["text"] = draw.one(None, "<p>rich \U0001f600</p>")
    return field


def _visibility(draw: Draw) -> JSON:
    if draw.flag():
        return {"ruleType": "alwaysShow"}
    choice = {"isDefault": False, "label": "USA", "selected": True, "value": "USA"}
    rule = {
        "altLabel": draw.one(None, "State"),
        "operator": "is",
        "picklistFilterValues": [choice],
        "subjectField": "Country",
        "values": ["USA"],
    }
    return {"ruleType": "show", "rules": [rule]}
