"""Pixels: MATLAB's resizer, BT.601 colour, borders and image files. Imported by whatever sees pixels."""
