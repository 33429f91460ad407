"""From a recipe to weights. Imported by bench and above."""
