"""Landing pages, their templates, redirect rules and domains (landing-pages.md)."""

from __future__ import annotations

from tests.sandbox.assets.draw import JSON, Draw, app_url, folder_value

HOSTS = ("www.example.com", "münchen.example", "xn--mnchen-3ya.example", "WWW.Example.ORG")
"""Names of hosts; international ones in both their spellings."""


def landing_page(draw: Draw) -> JSON:
    """A landing page; the address of the page is URL, in capitals."""
    record: JSON = {
        "id": draw.number,
        "name": draw.name("Landing Page"),
        "description": draw.description(),
        "folder": folder_value(draw),
        "workspace": "Default",
        "status": draw.one("draft", "approved", "approved with draft"),
        "template": draw.one(draw.another("landing_page_templates"), None),
        "title": draw.one("test create", 'Title, "quoted" \U0001f600', None),
        "keywords": draw.one("awesome", "", None),
        "robots": draw.one("index, nofollow", None),
        "formPrefill": draw.flag(),
        "mobileEnabled": draw.flag(),
        "URL": f"https://{draw.once(*HOSTS)}/lp/622-LME-718/page{draw.number}.html",
        "computedUrl": app_url("LP", draw.number),
    }
    # Real answers have it, and no definition does.
    if draw.number % 3 == 0:
        record["destinationUrl"] = draw.one("https://www.example.com/a?b=1&c=2", None)
    # In swagger-asset.json only.
    if draw.number % 5 == 0:
        record["customHeadHTML"] = draw.one("<script>x = '1,2'</script>\n", "", None)
        record["facebookOgTags"] = draw.one('<meta property="og:title" content="x"/>', None)
    return record


def landing_page_template(draw: Draw) -> JSON:
    """A landing page template."""
    record: JSON = {
        "id": draw.number,
        "name": draw.name("Page Template"),
        "description": draw.description(),
        "url": app_url("LT", draw.number),
        "folder": folder_value(draw),
        "status": draw.one("draft", "approved"),
        "workspace": "Default",
        "templateType": draw.one("freeForm", "guided"),
        "enableMunchkin": draw.flag(),
    }
    if draw.number % 4 == 0:
        # The answer of create does not show these two.
        del record["templateType"], record["enableMunchkin"]
    return record


def redirect_rule(draw: Draw) -> JSON:
    """A redirect rule: the value is a number where it is a landing page's id, else a text.

    swagger-asset.json has a string for both (landing-page-redirect-rules.md shows numbers).
    """
    host = draw.once(*HOSTS)
    number = draw.another("landing_pages")
    source: JSON = draw.one(
        {"type": "landingPageId", "value": number},
        {"type": "landingPageId", "value": str(number)},
        {"type": "path", "value": "/contact/log, check"},
    )
    targets: list[JSON | None] = [
        {"type": "landingPageId", "value": number},
        {"type": "url", "value": "www.contactLogs.com"},
        None,
    ]
    return {
        "id": draw.number,
        "redirectFromUrl": f"https://{host}/from{draw.number}.html",
        "hostname": host,
        "redirectFrom": source,
        "redirectTo": draw.rng.choice(targets),
        "redirectToUrl": draw.one("www.contactLogs.com", f"https://{host}/to{number}.html", None),
    }


def landing_page_domain(draw: Draw) -> JSON:
    """A domain or an alias of one, known by its name; the first have awkward names."""
    if draw.number <= len(HOSTS):
        host = HOSTS[draw.number - 1]
    else:
        host = f"pages{draw.number}.example.com"
    return {"hostname": host, "type": draw.one("domain", "domain-alias")}


def page_details(draw: Draw) -> JSON:
    """The sections and variables of a landing page (swagger-asset.json).

    A section's id is "a string or an int", its content anything. The content of pages with social
    content cannot be had (error-codes.md, 709): here None.
    """
    forms = {"followupType": "url", "followupValue": "https://www.example.com/a, b"}
    style = {"zIndex": 15, "left": "0px", "opacity": None}
    content: list[JSON] = [
        {"id": 7, "index": 0, "type": "Form", "content": 1001, **forms},
        {"id": "rich", "type": "RichText", "content": "<p>Größe</p>", "formattingOptions": style},
        {"id": "image", "index": 2, "type": "Image", "content": {"url": "x.png"}},
    ]
    variables = [
        {"id": "stringVar", "type": "String", "value": "Hello World!"},
        {"id": "colorVar", "type": "Color", "value": "#ffffff"},
        {"id": "boolVar", "type": "Boolean", "value": True},
    ]
    return {
        "content": None if draw.number % 6 == 4 else content[: draw.rng.randint(0, 3)],
        "variables": variables[: draw.rng.randint(0, 3)],
    }


def template_details(draw: Draw) -> JSON:
    """The HTML of a landing page template."""
    return {"content": f'<html>\r\n<body id="{draw.number}">Größe</body></html>'}
