"""The board: a static site of many claims and runs.

Imported by the command line alone.
"""
