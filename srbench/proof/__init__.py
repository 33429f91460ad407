"""Bundles: runs that a stranger can verify, and what verifies them.

Imported by the command line alone.
"""
