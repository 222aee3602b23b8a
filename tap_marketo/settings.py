"""Settings as they are declared: one place for the name, kind, default and meaning of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field
from typing import Any

from tap_marketo.setting_kinds import Kind

ENVIRONMENT_PREFIX = "TAP_MARKETO_"
"""Before the name of a setting in capitals, where it stands in the environment."""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: its key in a config.
        kind: what values it takes.
        about: what it means, in a sentence without capital and period.
        default: its value where none is given; None where there is none or it is made of others.
        is_required: whether it has to be given.
        is_secret: whether nobody may see it.
    """

    name: str
    kind: Kind
    about: str
    default: Any
    is_required: bool
    is_secret: bool

    @property
    def variable(self) -> str:
        """The environment variable that holds it."""
        return ENVIRONMENT_PREFIX + self.name.upper()


_NO_DEFAULT: Any = object()


def setting(kind: Kind, about: str, *, default: Any = _NO_DEFAULT, is_secret: bool = False) -> Any:
    """Declare a setting as the field of a dataclass.

    Args:
        kind: what values it takes.
        about: what it means, in a sentence without capital and period.
        default: its value where none is given; without it the setting is required.
        is_secret: whether nobody may see it.
    """
    metadata = {"kind": kind, "about": about, "is_secret": is_secret}
    if default is _NO_DEFAULT:
        return field(metadata=metadata, repr=not is_secret)
    return field(default=default, metadata=metadata, repr=not is_secret)


def as_setting(declared: Field[Any]) -> Setting:
    """Return the setting that a field declares."""
    is_required = declared.default is MISSING
    default = None if is_required else declared.default
    return Setting(declared.name, default=default, is_required=is_required, **declared.metadata)


def read_settings(
    raw: Mapping[str, Any], settings: Sequence[Setting]
) -> tuple[dict[str, Any], list[str]]:
    """Return the values of the settings that are given, and what is wrong with them.

    Args:
        raw: the config as it stands in its file.
        settings: what may stand there; what is empty counts as not given.
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
            meant = each.kind.read(value)
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
