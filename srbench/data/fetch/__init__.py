"""Downloads: one loop over sources, archives, hashes, progress. Imported by data and by what needs networks."""
