"""Measures the speed of methods. Imported by bench and above."""
