"""A run as one self-contained HTML page: no network, no server, no other file.

Imported by report alone.
"""
