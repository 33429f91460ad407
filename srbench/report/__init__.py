"""From stored results to tables and plots. Never imports torch."""
