"""What is said at the end of a sync: how much was read, and which values did not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from singer import metrics

from tap_marketo.exports.family import BulkFamily
from tap_marketo.log import LOGGER, log_counter
from tap_marketo.rows.fields import Misfits
from tap_marketo.rows.nested import said_of
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
            LOGGER.info("%s: %s.", read.stream, said_of(read.unknown))
    odd: dict[str, Misfits] = {read.stream: read.misfits for read in reads}
    for family in families:
        odd.update(family.misfits)
    for stream, misfits in odd.items():
        log_counter(metrics.Metric.record_count, counts[stream], {metrics.Tag.endpoint: stream})
        for line in misfits.summary():
            LOGGER.warning("%s.%s", stream, line)
