"""Figures of this tap side by side with singer-io's, measured against the sandbox."""
