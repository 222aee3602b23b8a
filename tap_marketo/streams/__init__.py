"""What is read: one module for each subject, and the registry that discovery and sync both use.

A stream is declared here and nowhere else. It imports the engine (``exports``), ``marketo``,
``rows``, ``protocol``, and what everybody may know.
"""
