"""Data sets: manifests, downloads, images. Imported by training and above."""
