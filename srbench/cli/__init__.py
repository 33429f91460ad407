"""Verbs: one file each; arguments and console, nothing else. Imported by nobody."""
