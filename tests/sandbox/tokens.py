"""Access tokens: the identity endpoint (authentication.md)."""

from __future__ import annotations

import random
import uuid

from tests.sandbox.answers import Answer, ApiError, Request, json_answer

API_USER = "sandbox.reader@example.com"
LIFE = 3600.0
"""A new token lives for one hour (authentication.md, "Creating an Access Token")."""


class Tokens:
    """The custom service of one API user and the tokens given to it."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}:tokens")
        self.client_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        self.client_secret = "".join(
            self._rng.choice("ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789")
            for _ in range(32)
        )
        self.user = API_USER
        self._ends: dict[str, float] = {}
        self._current = ""
        self.issued: list[str] = []
        """Every token ever given, for tests that look where one shows."""

    def answer(self, request: Request, now: float) -> Answer:
        """Answer a token request, GET or POST, with parameters in the address or a form."""
        given = {**request.query(), **request.form()}
        grant, client_id, secret = (
            (given.get(name) or [""])[0] for name in ("grant_type", "client_id", "client_secret")
        )
        if grant != "client_credentials":
            error = "unsupported_grant_type" if grant else "invalid_request"
            text = f"Unsupported grant type: {grant}" if grant else "Missing grant type"
            return json_answer({"error": error, "error_description": text}, 400)
        # "The Identity endpoint can return a 401 Unauthorized error" (error-codes.md).
        if client_id != self.client_id:
            text = f"No client with requested id: {client_id}"
            return json_answer({"error": "unauthorized", "error_description": text}, 401)
        if secret != self.client_secret:
            text = "Bad client credentials"
            return json_answer({"error": "unauthorized", "error_description": text}, 401)
        return json_answer(self.issue(now))

    def issue(self, now: float) -> dict[str, str | int]:
        """The current token with what is left of its life, or a new one when it has expired."""
        if self._ends.get(self._current, 0.0) <= now:
            self._current = f"{uuid.UUID(int=self._rng.getrandbits(128), version=4)}:sj"
            self._ends[self._current] = now + LIFE
            self.issued.append(self._current)
        return {
            "access_token": self._current,
            "token_type": "bearer",
            "expires_in": int(self._ends[self._current] - now),
            "scope": self.user,
        }

    def check(self, header: str | None, now: float) -> None:
        """Refuse a call without a valid token in its Authorization header.

        601: the value is not a valid access token; 602: it is no longer valid due to expiration
        (error-codes.md). A token in the query is not looked at: that way in "is being removed".
        """
        scheme, _, token = (header or "").partition(" ")
        ends = self._ends.get(token.strip())
        if scheme.lower() != "bearer" or ends is None:
            raise ApiError("601")
        if ends <= now:
            raise ApiError("602")

    def expire(self, now: float) -> None:
        """End the life of the current token now."""
        if self._current:
            self._ends[self._current] = min(now, self._ends[self._current])

    def prolong(self, token: str, seconds: float) -> None:
        """Let a token live longer than Marketo would, for tests that last for days."""
        self._ends[token] += seconds

    def revoke(self) -> None:
        """Forget every token: they are then unknown, not expired."""
        self._ends.clear()
