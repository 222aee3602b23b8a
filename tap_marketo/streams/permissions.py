"""The permissions of the API user's role (endpoint-reference.md), by which streams are refused."""

from __future__ import annotations

READ_LEAD = "Read-Only Lead"
READ_ACTIVITY = "Read-Only Activity"
READ_CAMPAIGNS = "Read-Only Campaigns"
READ_ASSET = "Read-Only Asset"
READ_REDIRECT_RULES = "Read-Only Redirect Rules"
READ_CUSTOM_OBJECT = "Read-Only Custom Object"
