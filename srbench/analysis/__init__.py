"""Gates, comparisons and intervals of results. Imported by report and above."""
