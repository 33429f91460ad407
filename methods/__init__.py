"""The methods that come with srbench: one file each, found through the same entry points as everybody else's."""
