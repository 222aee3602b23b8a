"""The export engine: which jobs to create, when to poll them, how their files get here whole.

It knows bulk families only as the abstract :class:`~tap_marketo.exports.family.BulkFamily`, and no
stream by name. It imports ``marketo``, ``rows`` and ``protocol``, and what everybody may know.
"""
