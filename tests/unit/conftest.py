"""What all unit tests share: a bounded Hypothesis budget, and no secret kept between tests."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.fuzzing import budget

settings.register_profile(
    "unit",
    max_examples=budget(40, soak=150),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_secrets_left_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are registered for the whole process: each test begins without any."""
    monkeypatch.setattr("tap_marketo.redact._known", set())
