"""A run as tables. Imported by report and the API."""
