"""Four tutorials' SRCNN and FSRCNN, for srbench: the methods, and how one of them prepares its data."""
