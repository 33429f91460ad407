"""Methods that are files: published networks, exported programs, and SR images that were made elsewhere.

Imported by plugins and above.
"""
