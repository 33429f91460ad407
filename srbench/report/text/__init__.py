"""Numbers in words and markup: terminal, Markdown, LaTeX, GitHub. Imported by report and the command line."""
