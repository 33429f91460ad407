"""Numbers of a run as tables of plain values. Imported by report and the API."""
