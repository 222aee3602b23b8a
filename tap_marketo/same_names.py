"""Which names mean the same although letter case may differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


def find_names(wanted: Iterable[str], there: Iterable[str]) -> dict[str, str]:
    """Find names among those that are there.

    Marketo has names that differ in letter case only, and is not known to keep the case of a name
    everywhere. So a name is found as it stands first; letter case aside only where that leaves one
    candidate, one that no wanted name has exactly, and no second wanted name for it.

    Args:
        wanted: names to find, each once.
        there: names to find them among, each once.

    Returns:
        The name that is there for each wanted one that is found, in the order of ``wanted``.
    """
    wanted, there = list(wanted), list(there)
    exact = set(wanted) & set(there)
    asked, candidates = (
        _by_folded(name for name in names if name not in exact) for names in (wanted, there)
    )
    found = {name: name for name in wanted if name in exact}
    for folded, names in asked.items():
        rivals = candidates.get(folded, [])
        if len(names) == len(rivals) == 1:
            found[names[0]] = rivals[0]
    return {name: found[name] for name in wanted if name in found}


def _by_folded(names: Iterable[str]) -> dict[str, list[str]]:
    folded: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        folded[name.casefold()].append(name)
    return folded
