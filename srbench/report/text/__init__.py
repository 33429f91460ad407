"""Results as text: terminal, Markdown, LaTeX, GitHub. Imported by report and the command line."""
