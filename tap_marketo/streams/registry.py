"""All streams there are."""

from __future__ import annotations

from tap_marketo.streams.activities import ActivitiesFamily
from tap_marketo.streams.leads import LeadsFamily

# The bulk object of each family, for jobs of families that are no longer selected.
BULK_OBJECTS = {family.name: family.bulk_object for family in (LeadsFamily, ActivitiesFamily)}
