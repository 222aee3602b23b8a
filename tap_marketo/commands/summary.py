"""What is said at the end of a sync: how much was read, and which values did not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from singer import metrics

from tap_marketo.exports.family import BulkFamily
from tap_marketo.log import LOGGER, log_counter
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.page_rows import describe_unknown
from tap_marketo.streams.stream_read import StreamRead


def sum_up(
    counts: Mapping[str, int], reads: Sequence[StreamRead], families: Iterable[BulkFamily]
) -> None:
    """Log how much was read of each stream and which values did not fit.

    Args:
        counts: records emitted, by stream.
        reads: the streams read page by page.
        families: those exported.
    """
    for read in reads:
        if read.unknown:
            LOGGER.info("%s: %s.", read.stream, describe_unknown(read.unknown))
    odd: dict[str, ConversionIssues] = {read.stream: read.issues for read in reads}
    for family in families:
        odd.update(family.issues)
    for stream, issues in odd.items():
        log_counter(metrics.Metric.record_count, counts[stream], {metrics.Tag.endpoint: stream})
        for line in issues.summary():
            LOGGER.warning("%s.%s", stream, line)
