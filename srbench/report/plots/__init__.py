"""Plots of a run. Imported by report alone."""
