"""Verbs: one file each; arguments and console, nothing else."""
