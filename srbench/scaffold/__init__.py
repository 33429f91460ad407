"""Packages to begin with: what ``srbench new`` writes. Imported by the command line alone."""
