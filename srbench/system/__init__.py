"""Files, hashes, places, names, the machine: what knows nothing of images. Imported by everything."""
