"""The one logger: singer-python's format on stderr, every line through the redaction."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping

import singer
from singer import metrics

from tap_marketo.redact import redact

LOGGER = logging.getLogger("tap_marketo")

# How much is logged: DEBUG, INFO, WARNING or CRITICAL.
LEVEL_VARIABLE = "TAP_MARKETO_LOGLEVEL"


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


def set_up_logging() -> None:
    """Send the log to stderr in singer-python's format.

    Called once, at the start: each call of singer.get_logger() reads singer's logging
    configuration anew and would take the redaction away again. For the same reason the metrics
    below are written with singer's plain ``log`` and not with its Counter and Timer classes.
    """
    root = singer.get_logger()
    root.setLevel(os.environ.get(LEVEL_VARIABLE, "INFO").upper())
    for handler in root.handlers:
        handler.setFormatter(_RedactingFormatter(handler.formatter or logging.Formatter()))
    logging.captureWarnings(True)


def log_counter(metric: str, value: int, tags: Mapping[str, str]) -> None:
    """Write a singer counter metric, for instance record_count."""
    metrics.log(LOGGER, metrics.Point("counter", metric, value, dict(tags)))


def log_timer(
    metric: str,
    seconds: float,
    tags: Mapping[str, str],
    *,
    ok: bool = True,
    level: int = logging.INFO,
) -> None:
    """Write a singer timer metric, for instance http_request_duration."""
    status = metrics.Status.succeeded if ok else metrics.Status.failed
    point = {
        "type": "timer",
        "metric": metric,
        "value": seconds,
        "tags": {**tags, metrics.Tag.status: status},
    }
    # singer's own function knows one level alone.
    LOGGER.log(level, "METRIC: %s", json.dumps(point))
