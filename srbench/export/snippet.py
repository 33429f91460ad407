"""A program that runs an exported graph on an image with ONNX Runtime, NumPy and Pillow, for model cards."""

from __future__ import annotations

_HEAD = """\
import numpy as np
import onnxruntime
from PIL import Image

SCALE = {scale}


def upsampled(plane):
    height, width = plane.shape
    return np.asarray(Image.fromarray(plane).resize((width * SCALE, height * SCALE), Image.Resampling.BICUBIC))


session = onnxruntime.InferenceSession("{file}", providers=["CPUExecutionProvider"])
rgb = np.asarray(Image.open("photo.png").convert("RGB"), dtype=np.float32)
"""

LUMA = """\
# ITU-R BT.601 in studio swing: Y from 16 to 235
to_ycbcr = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]) / 255
offset = np.array([16, 128, 128])
y, cb, cr = np.ascontiguousarray((rgb @ to_ycbcr.T + offset).transpose(2, 0, 1), dtype=np.float32)
sr = session.run(None, {{"{input}": {y}[None, None] / 255}})[0][0, 0] * 255
rgb = (np.stack([sr, upsampled(cb), upsampled(cr)], axis=2) - offset) @ np.linalg.inv(to_ycbcr).T
"""

COLOUR = """\
planes = [{plane} for plane in np.ascontiguousarray(rgb.transpose(2, 0, 1))]
rgb = session.run(None, {{"{input}": np.stack(planes)[None] / 255}})[0][0].transpose(1, 2, 0) * 255
"""

TAIL = """\
Image.fromarray(np.uint8(np.clip(rgb, 0, 255) + 0.5)).save("photo_x{scale}.png")
"""


def snippet(file: str, scale: int, channels: str, takes: str) -> str:
    """The program.

    Args:
        file: the graph's file name.
        scale: its scale.
        channels: of the method.
        takes: ``lr`` or ``upsampled``, also the name of the input.
    """
    argument = "upsampled({})" if takes == "upsampled" else "{}"
    body = LUMA if channels == "y" else COLOUR
    return (_HEAD + body + TAIL).format(
        file=file, scale=scale, input=takes, y=argument.format("y"), plane=argument.format("plane")
    )
