"""In which order the tests with other programs run."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test first, so that no worker is alone with it at the end."""
    items.sort(key=lambda item: item.path.name != "test_meltano.py")
