"""What the numbers say: gates, comparisons, intervals. Imported by report and above."""
