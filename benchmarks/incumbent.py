"""Runs singer-io's tap-marketo, unchanged, against the sandbox; executed by the Python it is in.

It knows one host, https://<munchkin id>.mktorest.com, and real time. Both are given to it from
outside, before it is imported: the sandbox's address, the sandbox's clock, and a rate limit that
is as much faster as that clock. And it is spared a race, see `outlive_token`. Everything else is
as released.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

# Two readings of the clock closer together than this have no wait and no call between them: what
# happens there is the tap's own work, which a faster Marketo makes no faster.
OWN_WORK_SECONDS = 0.002


# It takes a token for expired this many seconds early, and one more for Marketo's whole seconds.
TOKEN_MARGIN_SECONDS = 16


class SandboxClock:
    """The sandbox's time, asked for once and carried on from there."""

    def __init__(self, control: str) -> None:
        """Ask the control API."""
        with urllib.request.urlopen(f"{control}/clock", timeout=30) as answer:
            told = json.load(answer)
        self.scale = float(told["scale"])
        self._began = time.monotonic()
        self._epoch = float(told["epoch"])
        self._last_read = float("-inf")
        self._last_told = self._epoch

    def now(self) -> datetime:
        """Return the simulated time."""
        real = time.monotonic()
        since = real - self._last_read
        if since >= OWN_WORK_SECONDS:
            self._last_read, since = real, 0.0
            self._last_told = self._epoch + (real - self._began) * self.scale
        start = datetime(1970, 1, 1, tzinfo=timezone.utc)
        return start + timedelta(seconds=self._last_told + since)


def outlive_token(refresh: Callable[[Any], None], clock: SandboxClock) -> Callable[[Any], None]:
    """Wait out the last seconds of a token before a new one is asked for.

    Until a token has expired Marketo gives the same one again, so that each call of its last 15
    seconds refreshes it in vain and the last call may come too late, which ends the run. In real
    time the chance is a fraction of a second in an hour; a faster clock makes it as much larger.
    """

    def refresh_token(self: Any) -> None:
        refresh(self)
        if self.token_expires <= clock.now():
            time.sleep(TOKEN_MARGIN_SECONDS / clock.scale)
            refresh(self)

    return refresh_token


def main() -> None:
    """Run the tap with the command line that was given."""
    with open(sys.argv[sys.argv.index("--config") + 1], encoding="utf-8") as file:
        base = json.load(file)["endpoint"].removesuffix("/rest")
    clock = SandboxClock(f"{base}/sandbox")

    pendulum = importlib.import_module("pendulum")
    vars(pendulum)["utcnow"] = lambda: pendulum.instance(clock.now())

    utils = importlib.import_module("singer.utils")
    ratelimit: Callable[[int, float], Any] = utils.ratelimit
    vars(utils)["ratelimit"] = lambda limit, every: ratelimit(limit, every / clock.scale)

    client = importlib.import_module("tap_marketo.client")
    vars(client)["extract_domain"] = lambda url: url.removesuffix("/rest")
    client.Client.get_url = lambda self, path: f"{self.domain}/{path}"

    client.Client.refresh_token = outlive_token(client.Client.refresh_token, clock)

    importlib.import_module("tap_marketo").main()


if __name__ == "__main__":
    main()
