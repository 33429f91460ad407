"""From stored results to tables and plots. Never imports torch. Imported by the API and the command line."""
