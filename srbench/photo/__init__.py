"""A user's pictures through a method: read with all that they carry, enlarged part by part, and written."""
