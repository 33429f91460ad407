"""Packages to begin with: what ``srbench new`` writes."""
