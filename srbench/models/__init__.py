"""Methods from files: published networks, exported programs, and existing SR images.

Imported by plugins and above.
"""
