"""The very files that a tap got from the sandbox."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.harness import Account

SECONDS = 300


def save_files(marketo: Account, jobs: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Download the files of jobs again.

    Args:
        marketo: has them still.
        jobs: as the sandbox's counters report them.
        directory: where the files go.
    """
    form = {
        "grant_type": "client_credentials",
        "client_id": marketo.client_id,
        "client_secret": marketo.client_secret,
    }
    token = json.loads(_get(f"{marketo.identity}/oauth/token?{urlencode(form)}"))["access_token"]
    base = marketo.endpoint.removesuffix("/rest")
    paths = []
    for job in jobs:
        path = directory / f"{job['exportId']}.csv"
        address = f"{base}/bulk/v1/{job['object']}/export/{job['exportId']}/file.json"
        path.write_bytes(_get(address, token))
        paths.append(path)
    return paths


def _get(address: str, token: str | None = None) -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        content: bytes = answer.read()
    return content
