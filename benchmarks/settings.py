"""What the command line says about how to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How to measure; None is each figure's own default.

    Attributes:
        scale: how much faster Marketo's clock runs, for figures that are about waiting.
        runs: of each program, for figures that are medians.
    """

    scale: float | None = None
    runs: int | None = None
