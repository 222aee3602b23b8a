"""Singer tap for Adobe Marketo Engage."""

__version__ = "3.0.0"
