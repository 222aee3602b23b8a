"""The one logger: singer-python's format on stderr, every line through the redaction."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence

import singer

from tap_marketo.errors import ConfigError
from tap_marketo.redact import add_proxy_secrets, redact

LOGGER = logging.getLogger("tap_marketo")

# How much is logged: DEBUG, INFO, WARNING or CRITICAL.
LEVEL_VARIABLE = "TAP_MARKETO_LOGLEVEL"
# The bytes of what messages and settings call an MB.
MEGABYTE = 1_000_000


class _RedactingFormatter(logging.Formatter):
    """Formats as singer-python does, then masks secrets in message and traceback alike.

    One line a message: what is quoted of Marketo's could otherwise pass for lines of ours.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        text = self._inner.format(record)
        return redact(text if record.exc_info else " ".join(text.splitlines()))


def is_at_a_terminal() -> bool:
    """Say whether a person reads stderr; there is none where a caller has closed it."""
    return sys.stderr is not None and sys.stderr.isatty()


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, "1 export" or "2,000 exports"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some_of(names: Sequence[str], most: int = 3) -> str:
    """Name some things in a message, so many at most."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _dated() -> logging.Formatter:
    """Return singer-python's format with the time in UTC after the level.

    The level stays first: whoever sorts the lines of taps by level looks there.
    """
    formatter = logging.Formatter("%(levelname)s %(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    return formatter


def set_up_logging() -> None:
    """Send the log to stderr in singer-python's format; with times where no person looks on.

    Called once, at the start: each call of singer.get_logger() reads singer's logging
    configuration again and would take the redaction away again. For the same reason the metrics
    below are written with singer's plain ``log`` and not with its Counter and Timer classes.
    """
    add_proxy_secrets()
    root = singer.get_logger()
    for handler in root.handlers:
        plain = handler.formatter or logging.Formatter()
        handler.setFormatter(_RedactingFormatter(plain if is_at_a_terminal() else _dated()))
    logging.captureWarnings(True)
    level = os.environ.get(LEVEL_VARIABLE, "").strip().upper() or "INFO"
    if not isinstance(logging.getLevelName(level), int):
        raise ConfigError(
            f"{LEVEL_VARIABLE} must be DEBUG, INFO, WARNING or CRITICAL, not {level!r}."
        )
    root.setLevel(level)


def log_metric(
    kind: str, metric: str, value: float, tags: Mapping[str, str], level: int = logging.INFO
) -> None:
    """Write a metric as singer-python does, at DEBUG where a person reads the log.

    It is a ``counter`` such as record_count, or a ``timer`` such as job_duration, in seconds.
    """
    if is_at_a_terminal():
        level = logging.DEBUG
    point = {"type": kind, "metric": metric, "value": value, "tags": {**tags}}
    # singer's own function knows one level alone.
    LOGGER.log(level, "METRIC: %s", json.dumps(point))
