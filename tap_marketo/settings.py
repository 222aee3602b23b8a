"""Settings as they are declared: one place for the name, type, default and meaning of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from tap_marketo.setting_types import SettingType


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        about: what it means, in a sentence without capital and period.
        default: its value where none is given; None where there is none or it is made of others.
    """

    name: str
    type: SettingType
    about: str
    default: Any
    is_required: bool
    is_secret: bool


def setting(
    values: SettingType, about: str, *, default: Any = MISSING, is_secret: bool = False
) -> Any:
    """Declare a setting as the field of a dataclass; without a default it is required."""
    metadata = {"type": values, "about": about, "is_secret": is_secret}
    return field(default=default, metadata=metadata, repr=not is_secret)


def settings_of(config: Any) -> Sequence[Setting]:
    """Return the settings that a dataclass declares, in their order."""
    return [
        Setting(
            each.name,
            default=None if each.default is MISSING else each.default,
            is_required=each.default is MISSING,
            **each.metadata,
        )
        for each in fields(config)
    ]


def read_settings(
    raw: Mapping[str, Any], settings: Sequence[Setting]
) -> tuple[dict[str, Any], list[str]]:
    """Return the values of the settings that a config gives, and what is wrong with them.

    What is empty counts as not given.
    """
    slips = {meant: key for key, meant in misspelt(raw, [each.name for each in settings])}
    values: dict[str, Any] = {}
    faults: list[str] = []
    for each in settings:
        value = raw.get(each.name)
        if value is None or (isinstance(value, str) and not value.strip()):
            if each.is_required:
                slip = slips.get(each.name)
                there_is = f' (there is a "{slip}")' if slip else ""
                faults.append(f"{each.name} is missing{there_is}")
            continue
        try:
            meant = each.type.read(value)
        except ValueError as error:
            faults.append(f"{each.name} {error}")
            continue
        if meant is not None:
            values[each.name] = meant
    return values, faults


def misspelt(raw: Mapping[str, Any], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each key that is no setting but looks like one, and the setting it looks like."""
    for key in raw:
        if key not in known:
            for meant in difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.85):
                yield key, meant
