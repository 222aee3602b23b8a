"""What Singer defines: catalog entries, JSON schemas, the state, and the messages on stdout.

It knows nothing of Marketo's calls. It imports what everybody may know, at the top of the package,
and none of its neighbours.
"""
