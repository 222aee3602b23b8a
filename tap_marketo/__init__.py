"""Singer tap for Adobe Marketo Engage."""

__version__ = "1.0.0"
