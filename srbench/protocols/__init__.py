"""From HR to LR and from SR to what is scored. Imported by everything that makes or scores images."""
