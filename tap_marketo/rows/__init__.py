"""Rows to RECORD lines: bytes of export files and objects of pages, as a target reads them.

Everything here is pure: no network, no clock, no file. It imports ``protocol`` and what everybody
may know.
"""
