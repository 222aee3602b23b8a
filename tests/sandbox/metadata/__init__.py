"""Metadata that takes calls of its own: custom activity types, fields of objects and of forms."""
