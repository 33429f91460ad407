"""Finds methods and metrics, and imports what others wrote. Imported by bench and above."""
