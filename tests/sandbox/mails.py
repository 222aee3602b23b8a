"""What became of emails: sent to a lead, delivered or bounced, opened, clicked, unsubscribed from.

No page says in which order these activities come: here a delivery or a bounce follows a send that
succeeded, all others a delivery.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.sandbox.activities import ActivityTable
from tests.sandbox.activity_contents import Details
from tests.sandbox.activity_types import (
    CLICK_EMAIL,
    EMAIL_BOUNCED,
    EMAIL_BOUNCED_SOFT,
    EMAIL_DELIVERED,
    OPEN_EMAIL,
    SEND_EMAIL,
    UNSUBSCRIBE_EMAIL,
)
from tests.sandbox.assets.table import AssetTable
from tests.sandbox.clock import DAY
from tests.sandbox.leads import FIRST_ID, LeadTable
from tests.sandbox.mailings import FAILED, LANES, SKIPPED, SUCCEEDED, Mailing, Mailings, about
from tests.sandbox.options import Options
from tests.sandbox.values import Value

_LOST, _BOUNCED, _SOFT, _BOTS = 0.12, 0.12, 0.1, 0.25
"""Shares of the sends that were skipped or failed, of those that bounced, of those that bounced
softly first, and of the deliveries that a bot opens."""
_EVERY_TYPE = 6
"""So many lives have every type between two of them."""
_TRIES = 20
"""So many sends are looked at for one that a further activity can be of."""
_SECOND, _MINUTE, _HOUR = 1, 60, 3600


class Sent(NamedTuple):
    """A mail to a lead."""

    mailing: Mailing
    lead: int


class Happened(NamedTuple):
    """What happened to a mail, and when."""

    kind: int
    date: int
    bot: bool = False
    result: Value = SUCCEEDED


class Mails:
    """Records activities of mails, those of the past and those that changes ask for."""

    def __init__(
        self,
        options: Options,
        start: float,
        leads: LeadTable,
        assets: Mapping[str, AssetTable],
        activities: ActivityTable,
    ) -> None:
        self._rng = random.Random(f"{options.seed}:mails")
        self._start = int(start)
        self._begin = self._start - max(int(options.history_days * DAY), 120)
        self._leads = leads
        self._ages = sorted(zip(leads.created, leads.ids, strict=True))
        """When each lead was created, and its id."""
        self._activities = activities
        self._mailings = Mailings(options, self._start, assets)
        self._sent: dict[int, Mailing] = {}
        """What was sent or delivered by the activities of these places."""
        self._waiting: list[int] = []
        """Places of sends that nothing has become of yet."""
        self._reached: list[int] = []
        """Places of deliveries."""
        self._life: list[Happened] = []
        """What is still to be recorded of the mail at hand, the last first."""
        self._mail = Sent(self._mailings.at(self._begin, 0), FIRST_ID)
        self._lives = 0

    def record_next(self, lead: int, date: int, late: int) -> None:
        """Record the next activity of the past, seen so many seconds after its date.

        The lead and the date are those of a mail, where one begins with it and the lead is there.
        """
        if not self._life:
            lead, date = self._addressee(lead, date)
            self._mail = Sent(self._mailings.at(date, self._rng.randrange(LANES)), lead)
            self._life = self._whole_life(date)[::-1]
        event = self._life.pop()
        if event.kind in (EMAIL_DELIVERED, EMAIL_BOUNCED):
            self._waiting.pop()
        self._record(self._mail, event, event.date + late)

    def _addressee(self, lead: int, date: int) -> tuple[int, int]:
        """This lead, or another that is there at this time; the first one, where none is."""
        if not self._ages or not self._leads.has(lead):
            return lead, date
        there = bisect_right(self._ages, (date, FIRST_ID + len(self._ages)))
        if not there:
            return self._ages[0][1], self._ages[0][0]
        if self._leads.created[lead - FIRST_ID] > date:
            lead = self._ages[self._rng.randrange(there)][1]
        return lead, date

    def _whole_life(self, sent: int) -> list[Happened]:
        """What becomes of a mail until the account's start, in order of time.

        The first lives have every type, so that small accounts have it too.
        """
        rng, turn = self._rng, self._lives
        self._lives += 1
        early = turn < _EVERY_TYPE
        if not early and rng.random() < _LOST:
            return [Happened(SEND_EMAIL, sent, result=rng.choice((FAILED, SKIPPED)))]
        life = [Happened(SEND_EMAIL, sent)]
        if turn % 2 if early else rng.random() < _BOUNCED:
            life.append(Happened(EMAIL_BOUNCED, sent + rng.randint(2, _HOUR)))
        else:
            arrived = sent + rng.randint(2, 10 * _MINUTE)
            if early or rng.random() < _SOFT:
                life.append(Happened(EMAIL_BOUNCED_SOFT, arrived))
                arrived += rng.randint(_HOUR, 6 * _HOUR)
            life.append(Happened(EMAIL_DELIVERED, arrived))
            life += self._reading(arrived, early)
        there = [event for event in life if event.date < self._start]
        return [each for each in there if self._activities.type(each.kind) is not None]

    def _reading(self, arrived: int, early: bool) -> Iterator[Happened]:
        """What bots and people do with a mail, in order of time."""
        rng, moment = self._rng, arrived
        if rng.random() < _BOTS:
            yield Happened(OPEN_EMAIL, moment, bot=True)
            if rng.random() < 0.5:
                yield Happened(CLICK_EMAIL, moment, bot=True)
        for _ in range(1 if early else rng.choice((0, 0, 1, 1, 2, 4))):
            moment += rng.randint(_MINUTE, rng.choice((_HOUR, DAY, 4 * DAY)))
            yield Happened(OPEN_EMAIL, moment)
            if early or rng.random() < 0.5:
                yield Happened(CLICK_EMAIL, moment + rng.randint(2, _MINUTE))
        if moment > arrived and (early or rng.random() < 0.25):
            yield Happened(UNSUBSCRIBE_EMAIL, moment + 2 * _MINUTE)

    def activity(self, kind: int, date: int, visible: int) -> str:
        """Record an activity of this type; gives its marketoGUID.

        It is of a mail of before; where there is none that it can be of, a mail comes with it.
        """
        if kind == SEND_EMAIL:
            return self._record(self._new(date), Happened(kind, date), visible)
        outcome = kind in (EMAIL_DELIVERED, EMAIL_BOUNCED, EMAIL_BOUNCED_SOFT)
        place = self._some(self._waiting if outcome else self._reached, date)
        if outcome and place is not None and kind != EMAIL_BOUNCED_SOFT:
            self._waiting.remove(place)
        if place is None:
            sent = self._new(date)
            self._record(sent, Happened(SEND_EMAIL, date - _MINUTE), visible)
            if not outcome:
                self._record(sent, Happened(EMAIL_DELIVERED, date - _SECOND), visible)
        else:
            sent = Sent(self._sent[place], self._activities.lead[place])
        bot = kind in (OPEN_EMAIL, CLICK_EMAIL) and self._rng.random() < _BOTS
        return self._record(sent, Happened(kind, date, bot), visible)

    def _new(self, date: int) -> Sent:
        """A mail to some lead that is there."""
        lead = self._rng.choice(self._leads.ids or [1])
        return Sent(self._mailings.at(date, self._rng.randrange(LANES)), lead)

    def _some(self, places: list[int], date: int) -> int | None:
        """One of these places, of an activity from before the date and of a lead that is there."""
        table = self._activities
        for _ in range(_TRIES if places else 0):
            place = self._rng.choice(places)
            if table.date[place] <= date and self._leads.has(table.lead[place]):
                return place
        return None

    def _record(self, sent: Sent, event: Happened, visible: int) -> str:
        table, mailing = self._activities, sent.mailing
        if table.type(event.kind) is None:
            return ""
        place = len(table.kind)
        contents = self._contents(mailing, event)
        guid = table.tell(event.kind, sent.lead, event.date, visible, contents)
        if event.kind == SEND_EMAIL and event.result == SUCCEEDED:
            self._sent[place] = mailing
            self._waiting.append(place)
        if event.kind == EMAIL_DELIVERED:
            self._sent[place] = mailing
            self._reached.append(place)
        return guid

    def _contents(self, mailing: Mailing, event: Happened) -> Details:
        key = mailing.number, event.bot, event.result.text
        return self._activities.edition(event.kind).contents_about(
            key, self._rng.getrandbits(20), about(mailing, event.kind, event.bot, event.result)
        )
