"""Runs third-party code in processes of its own: the process, the messages, and what the code reads and changes.

Imported by whatever runs third-party code: metrics, plugins, bench.
"""
