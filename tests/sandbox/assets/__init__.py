"""Assets: tables that are read row by row and page by page, one module for each subject.

`kinds.py` declares every kind: its path, page, permission, filter and columns.
"""
