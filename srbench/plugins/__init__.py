"""Finds and imports methods and metrics. Imported by bench and above."""
