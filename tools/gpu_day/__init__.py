"""What is worth ten minutes of a large GPU."""

import time

BEGAN = time.monotonic()
"""Of the process, nearly: what is imported from here on takes of its time too."""
