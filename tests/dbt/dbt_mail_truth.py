"""What became of mails, worked out from what the sandbox holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.dbt.dbt_truth import Expected, Truth, by_subject
from tests.integration.target_drivers import Row, Rows

_OUTCOMES = {
    "Email Delivered": "delivered_at",
    "Email Bounced": "bounced_at",
    "Unsubscribe Email": "unsubscribed_at",
    "Email Bounced Soft": "soft_bounces",
    "Open Email": "opens",
    "Click Email": "clicks",
}
_COUNTED = ("opens", "clicks", "bot_opens", "bot_clicks")


def sends(truth: Truth) -> Expected:
    """Return each mail that was sent, and what became of it."""
    mails = [r for r in truth.told["Send Email"] if r["actionResult"] == "succeeded"]
    found = {row["marketoGUID"]: _mail(row) for row in mails}
    sent = by_subject(mails)
    for kind, column in _OUTCOMES.items():
        for row in truth.told[kind]:
            key, run = (row["primaryAttributeValueId"], row["leadId"]), _run(row)
            before = [
                send["marketoGUID"]
                for send in sent[key]
                if send["activityDate"] <= row["activityDate"]
                and (run is None or _run(send) in (None, run))
            ]
            if before:
                _count(found[before[-1]], column, row)
    programs = {row["id"]: row.get("programId") for row in truth.table("campaigns")}
    folders = {row["id"]: row.get("folder") or {} for row in truth.table("emails")}
    for mail in found.values():
        folder = folders.get(mail["email_id"], {})
        own = folder.get("value") if str(folder.get("type")).lower() == "program" else None
        campaign = programs.get(mail.pop("campaign"))
        mail["program_id"] = own if campaign is None else campaign
    return found


def performance(truth: Truth) -> Expected:
    """Return what became of each email in each program, leads counted once."""
    mails: dict[Any, Rows] = defaultdict(list)
    for mail in sends(truth).values():
        mails[mail["program_id"], mail["email_id"]].append(mail)

    def leads(rows: Rows, meets: Callable[[Row], Any]) -> int:
        return len({row["lead_id"] for row in rows if meets(row)})

    return {
        key: {
            "sends": len(rows),
            "leads_sent": leads(rows, lambda row: True),
            "leads_delivered": leads(rows, lambda row: row["delivered_at"]),
            "leads_bounced": leads(rows, lambda row: row["bounced_at"]),
            "leads_bounced_softly": leads(rows, lambda row: row["soft_bounces"]),
            "leads_opened": leads(rows, lambda row: row["opens"]),
            "leads_clicked": leads(rows, lambda row: row["clicks"]),
            "leads_unsubscribed": leads(rows, lambda row: row["unsubscribed_at"]),
            "leads_met_by_bots": leads(rows, lambda row: row["bot_opens"] + row["bot_clicks"]),
            **{name: sum(row[name] for row in rows) for name in _COUNTED},
        }
        for key, rows in mails.items()
    }


def _mail(send: Row) -> Row:
    return {
        "lead_id": send["leadId"],
        "email_id": send["primaryAttributeValueId"],
        "campaign": send["campaignId"],
        "sent_at": send["activityDate"],
        **dict.fromkeys(("delivered_at", "bounced_at", "unsubscribed_at")),
        **dict.fromkeys(("soft_bounces", *_COUNTED), 0),
    }


def _count(mail: Row, column: str, told: Row) -> None:
    """Let a mail have what an activity tells of it."""
    if column.endswith("_at"):
        mail[column] = mail[column] or told["activityDate"]
    else:
        mail[("bot_" if told["attributes"].get("Is Bot Activity") else "") + column] += 1


def _run(row: Row) -> Any:
    return row["attributes"].get("Campaign Run ID")
