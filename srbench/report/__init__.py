"""Tables, plots and pages from stored results. Never imports torch. Imported by the API and the command line."""
