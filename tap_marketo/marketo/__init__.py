"""Marketo's API over HTTP: signing in, pace, retries, pages, what the account has, exports.

It returns what Marketo answers and decides nothing about streams. It imports what everybody may
know, at the top of the package, and none of its neighbours.
"""
