"""Data sets of the user's: folders, pairs, manifests, Hugging Face's. Imported by data's catalogue."""
