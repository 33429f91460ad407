"""How names of image files end: those that are read, and those that are told to be left out."""

from __future__ import annotations

SUFFIXES = frozenset(
    {".png", ".apng", ".bmp", ".dib", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".tif", ".tiff", ".webp"}
    | {".pbm", ".pgm", ".ppm", ".pnm"}
)
"""Of the formats that :func:`srbench.imaging.files.read_image` reads."""
OTHER_SUFFIXES = frozenset(
    {".gif", ".heic", ".heif", ".avif", ".avifs", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jxl", ".jxr"}
    | {".tga", ".icb", ".vda", ".vst", ".exr", ".hdr", ".pic", ".pfm", ".pam", ".pxm", ".psd", ".xcf", ".pcx", ".dcx"}
    | {".sgi", ".rgb", ".rgba", ".bw", ".ras", ".sr", ".im", ".msp", ".xbm", ".xpm", ".dds", ".qoi", ".ico", ".cur"}
    | {".icns", ".fits", ".fit", ".pcd", ".ftc", ".ftu", ".blp", ".btf", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf"}
    | {".orf", ".rw2", ".svg", ".mat"}
)
"""Of images that are not read: whoever passes over one says so."""
