"""What Marketo says not to have: something that went meanwhile, or what it gives nobody."""

from __future__ import annotations

from tap_marketo.errors import NotFoundError

# So many things that Marketo says not to have, while it has answered for none: it is not they that
# are missing.
_MOST_GONE = 5


class Gone:
    """The calls about single things of one stream in one run.

    Attributes:
        has_answered: whether Marketo has answered for any of them.
    """

    def __init__(self, things: int = _MOST_GONE) -> None:
        """Start with none.

        Args:
            things: how many there are, if that is known.
        """
        self.has_answered = False
        self._most = min(things, _MOST_GONE)
        self._number = 0

    def answered(self) -> None:
        """Note that Marketo answered for one."""
        self.has_answered = True

    def pass_over(self, error: NotFoundError) -> None:
        """Go on without one that is gone by now.

        Raises:
            NotFoundError: the error, if so far none is found.
        """
        self._number += 1
        if not self.has_answered and self._number >= self._most:
            raise error
