"""Pixels: MATLAB's resizer, BT.601 colour, borders and image files. Knows nothing of methods, protocols or data sets."""
