"""A user's images through a method: read with all that they carry, upsampled part by part, and written.

Imported by the command line alone.
"""
