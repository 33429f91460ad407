"""Image quality metrics: pure functions of (SR, target), and their registry entries.

Imported by plugins and above.
"""
