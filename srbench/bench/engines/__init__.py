"""Engines execute plans."""
