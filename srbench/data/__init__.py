"""Data sets: manifests, downloads, images."""
