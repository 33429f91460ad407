"""How fast methods are. Imported by bench and above."""
