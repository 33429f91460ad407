"""Pixels: MATLAB's resizer, BT.601 colour, borders and image files. Knows of no method, protocol or data set."""
