"""Write the manifests in ``datasets/`` from lists of published files and their hashes.

``python tools/make_manifests.py upstream.csv upstream_bsd100_pairs.csv IMAGES``, where IMAGES is a folder with lossless
copies of bsd100 and of the pairs' LR images: the pixel hashes of the pairs are computed from them.
"""

from __future__ import annotations

import csv
import hashlib
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from srbench.imaging.files import pixels_sha256, read_image

OUT = Path(__file__).resolve().parent.parent / "datasets"
RAW = "https://raw.githubusercontent.com"
Row = Mapping[str, str]

CITATIONS = {
    "set5": """@inproceedings{bevilacqua2012low,
  title = {Low-Complexity Single-Image Super-Resolution based on Nonnegative Neighbor Embedding},
  author = {Bevilacqua, Marco and Roumy, Aline and Guillemot, Christine and Alberi Morel, Marie-Line},
  booktitle = {British Machine Vision Conference (BMVC)},
  year = {2012},
  doi = {10.5244/C.26.135},
}""",
    "set14": """@inproceedings{zeyde2010single,
  title = {On Single Image Scale-Up Using Sparse-Representations},
  author = {Zeyde, Roman and Elad, Michael and Protter, Matan},
  booktitle = {Curves and Surfaces},
  year = {2010},
  doi = {10.1007/978-3-642-27413-8_47},
}""",
    "bsds": """@inproceedings{martin2001database,
  title = {A Database of Human Segmented Natural Images and its Application to Evaluating Segmentation Algorithms
           and Measuring Ecological Statistics},
  author = {Martin, David and Fowlkes, Charless and Tal, Doron and Malik, Jitendra},
  booktitle = {IEEE International Conference on Computer Vision (ICCV)},
  year = {2001},
  doi = {10.1109/ICCV.2001.937655},
}""",
    "urban100": """@inproceedings{huang2015single,
  title = {Single Image Super-Resolution From Transformed Self-Exemplars},
  author = {Huang, Jia-Bin and Singh, Abhishek and Ahuja, Narendra},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2015},
  doi = {10.1109/CVPR.2015.7299156},
}""",
    "t91": """@article{yang2010image,
  title = {Image Super-Resolution Via Sparse Representation},
  author = {Yang, Jianchao and Wright, John and Huang, Thomas S. and Ma, Yi},
  journal = {IEEE Transactions on Image Processing},
  year = {2010},
  doi = {10.1109/TIP.2010.2050625},
}""",
    "general100": """@inproceedings{dong2016accelerating,
  title = {Accelerating the Super-Resolution Convolutional Neural Network},
  author = {Dong, Chao and Loy, Chen Change and Tang, Xiaoou},
  booktitle = {European Conference on Computer Vision (ECCV)},
  year = {2016},
  doi = {10.1007/978-3-319-46475-6_25},
}""",
    "div2k": """@inproceedings{agustsson2017ntire,
  title = {NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and Study},
  author = {Agustsson, Eirikur and Timofte, Radu},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition Workshops (CVPRW)},
  year = {2017},
  doi = {10.1109/CVPRW.2017.150},
}""",
    "embedded": """@article{vanderwalt2014scikit,
  title = {scikit-image: image processing in Python},
  author = {van der Walt, St{\\'e}fan and others},
  journal = {PeerJ},
  year = {2014},
  doi = {10.7717/peerj.453},
}""",
}

CITATIONS["bsd100-pairs"] = CITATIONS["bsds"] + "\n" + CITATIONS["urban100"]

UNCLEAR = "research use; owners' terms"
BSDS_HOME = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/"
SETS: dict[str, dict[str, str]] = {
    "set5": {
        "title": "Set5",
        "homepage": "http://people.rennes.inria.fr/Aline.Roumy/results/SR_BMVC12.html",
        "notes": "Five photographs that every paper reports. No licence was ever published with them.",
    },
    "set14": {
        "title": "Set14",
        "homepage": "https://sites.google.com/site/romanzeyde/research-interests",
        "notes": "Fourteen images; bridge is stored gray, man is gray stored as RGB. No licence was ever published "
        "with them.",
    },
    "bsd100": {
        "title": "BSD100 (the test images of BSDS300)",
        "homepage": BSDS_HOME,
        "licence": "non-commercial research",
        "notes": "The JPEGs of BSDS500, where these 100 images are the validation set: the same photographs.",
    },
    "urban100": {
        "title": "Urban100",
        "homepage": "https://github.com/jbhuang0604/SelfExSR",
        "notes": "The HR images of the x4 folder: those of the x2 folder have half the size. Photographs from Flickr, "
        "each under its owner's Creative Commons terms.",
    },
    "t91": {
        "title": "T91 (the 91 training images of Yang et al.)",
        "homepage": "http://www.ifp.illinois.edu/~jyang29/ScSR.htm",
        "notes": "The training set of SRCNN and FSRCNN. No licence was ever published with them.",
    },
    "bsds200": {
        "title": "BSDS200 (the training images of BSDS300)",
        "homepage": BSDS_HOME,
        "licence": "non-commercial research",
        "notes": "Disjoint from BSD100.",
    },
    "general100": {
        "title": "General-100",
        "homepage": "http://mmlab.ie.cuhk.edu.hk/projects/FSRCNN.html",
        "notes": "The fine-tuning set of FSRCNN. No licence was ever published with them.",
    },
}

EMBEDDED = {
    "train": "brick cell grass gravel hubble_deep_field.jpg motorcycle_left motorcycle_right page text",
    "validation": "ihc moon rocket.jpg",
    "test": "astronaut camera chelsea coffee coins",
}


def natural(text: str) -> list[Any]:
    """A key that sorts t2 before t10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def value(item: Any) -> str:
    """A TOML value."""
    if isinstance(item, str):
        return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{key} = {value(field)}" for key, field in item.items()) + " }"
    return str(item)


def write(name: str, head: Mapping[str, str], citation: str, splits: Mapping[str, Mapping[str, Any]]) -> None:
    """Write one manifest; a key ``#`` in ``head`` becomes a comment."""
    lines = [f"# {line}" for line in head.get("#", "").splitlines()]
    lines += [f"{key} = {value(text)}" for key, text in head.items() if key != "#" and text]
    lines.append(f"citation = '''\n{CITATIONS[citation]}'''")
    for split, fields in splits.items():
        lines += ["", f"[splits.{split}]"]
        lines += [f"{key} = {value(item)}" for key, item in fields.items() if key != "images"]
        if "images" in fields:
            lines += ["images = [", *(f"  {value(image)}," for image in fields["images"]), "]"]
    text = "\n".join(lines) + "\n"
    (OUT / f"{name}.toml").write_text(text, encoding="utf-8")
    print(f"{name}: {len(text)} bytes")


def common_folder(rows: Iterable[Row]) -> tuple[str, str]:
    """The pinned base URL of the rows, and the folder that their paths lose."""
    rows = list(rows)
    (origin,) = {(row["repository"], row["commit"]) for row in rows}
    folders = {row["path"].rpartition("/")[0] for row in rows}
    folder = folders.pop() if len(folders) == 1 else min(folders).rpartition("/")[0]
    return f"{RAW}/{origin[0]}/{origin[1]}/{quote(folder)}/", folder + "/"


def hr_sets(rows: list[Row]) -> None:
    """The plain HR sets."""
    for name, head in SETS.items():
        own = sorted((row for row in rows if row["dataset"] == name), key=lambda row: natural(row["name"]))
        (split,) = {row["split"] for row in own}
        base, folder = common_folder(own)
        images = [
            {
                "name": row["name"],
                "path": row["path"].removeprefix(folder),
                "width": int(row["width"]),
                "height": int(row["height"]),
                "bytes": int(row["bytes"]),
                "sha256": row["sha256"],
                "pixels_sha256": row["pixels_sha256"],
            }
            for row in own
        ]
        fields = {
            "title": head["title"],
            "kind": "hr",
            "role": "test" if split == "test" else "train",
            "default_split": split,
            "licence": head.get("licence", UNCLEAR),
            "homepage": head["homepage"],
            "notes": head["notes"],
            "base_url": base,
        }
        write(name, fields, "bsds" if name.startswith("bsd") else name, {split: {"images": images}})


def pairs(rows: list[Row], images: Path) -> None:
    """SelfExSR's BSD100 pairs. Image i of a folder is the i-th of BSD100 by name, cropped to a multiple of the scale.

    Checked when the lists were made: shrinking those crops as old MATLAB does gives each of the 300 LR images bit for
    bit, and encoding them as MATLAB does gives files of the published sizes (less 19 bytes, MATLAB's time stamp).
    """
    sources = sorted(path.stem for path in (images / "bsd100").glob("*.png"))
    base, folder = common_folder(rows)
    splits: dict[str, dict[str, Any]] = {}
    for row in rows:
        scale = int(row["scale"])
        split = splits.setdefault(row["split"], {"scale": scale, "images": {}})
        name = row["file"].partition("_SRF")[0]
        source = sources[int(name.removeprefix("img_")) - 1]
        path = row["path"].removeprefix(folder)
        if row["role"] == "hr":
            pixels = read_image(images / "bsd100" / f"{source}.png")
            pixels = pixels[: pixels.shape[0] // scale * scale, : pixels.shape[1] // scale * scale]
        else:
            pixels = read_image(images / "bsd100_pairs" / path)
        file = {
            "path": path,
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "bytes": int(row["bytes"]),
            "sha256": row["sha256"],
            "pixels_sha256": pixels_sha256(pixels),
        }
        image = split["images"].setdefault(name, {"name": name, "source": source})
        image.update(file if row["role"] == "hr" else {"lr": file})
    for split in splits.values():
        split["images"] = list(split["images"].values())
    head = {
        "#": "The split is that of published tutorials: the same 100 photographs in each, at factors 2, 3 and 4. A\n"
        "network trained on `train` has seen the photographs of `validation`, `test` and BSD100; compare such numbers\n"
        "with those tutorials only.",
        "title": "BSD100 pairs of SelfExSR (LR by old MATLAB from 8-bit RGB)",
        "kind": "pairs",
        "role": "splits",
        "default_split": "test",
        "licence": "non-commercial research",
        "homepage": "https://github.com/jbhuang0604/SelfExSR",
        "notes": "All splits show the same 100 photographs, those of BSD100, at factors 2, 3 and 4.",
        "base_url": base,
        "crop_of": "bsd100:test",
    }
    write("bsd100-pairs", head, "bsd100-pairs", splits)


def div2k() -> None:
    """The official archives."""
    head = {
        "title": "DIV2K",
        "kind": "hr",
        "role": "splits",
        "default_split": "validation",
        "licence": "academic research only",
        "homepage": "https://data.vision.ee.ethz.ch/cvl/DIV2K/",
        "notes": "Fetched as the two official archives (3.5 GB and 0.4 GB).",
        "base_url": "https://data.vision.ee.ethz.ch/cvl/DIV2K/",
    }
    train = {
        "path": "DIV2K_train_HR.zip",
        "bytes": 3530603713,
        "sha256": "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
    }
    valid = {
        "path": "DIV2K_valid_HR.zip",
        "bytes": 448993893,
        "sha256": "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
    }
    splits = {
        "train": {"archive": train, "numbered": {"path": "DIV2K_train_HR/{:04d}.png", "first": 1, "last": 800}},
        "validation": {"archive": valid, "numbered": {"path": "DIV2K_valid_HR/{:04d}.png", "first": 801, "last": 900}},
    }
    write("div2k", head, "div2k", splits)


def embedded() -> None:
    """The photographs inside scikit-image's wheel."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    splits = {}
    for split, names in EMBEDDED.items():
        images = []
        for name in names.split():
            path = folder / "data" / (name if "." in name else f"{name}.png")
            pixels = read_image(path)
            entry = {"name": path.stem, "path": f"data/{path.name}"}
            entry |= {"width": pixels.shape[1], "height": pixels.shape[0], "bytes": path.stat().st_size}
            entry |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "pixels_sha256": pixels_sha256(pixels)}
            images.append(entry)
        splits[split] = {"images": images}
    head = {
        "#": "The default, because nothing has to be downloaded. test: five photographs of one megapixel in all, two\n"
        "of them gray, all PNG (lossless, and no decoder can differ). validation: three. train: the others with\n"
        "detail to learn from; the two motorcycle images are a stereo pair and so stay in one split. Left out:\n"
        "drawings, masks, the motion-blurred clock and the retina (two megapixels with hardly any detail).",
        "title": "Photographs inside scikit-image",
        "kind": "embedded",
        "role": "splits",
        "default_split": "test",
        "licence": "public domain, CC0, CC BY or with permission",
        "homepage": "https://scikit-image.org/docs/stable/api/skimage.data.html",
        "notes": "scikit-image's documentation gives each image's source and terms.",
        "package": "skimage",
    }
    write("embedded", head, "embedded", splits)


def main() -> None:
    """Write them all."""
    upstream, upstream_pairs, images = (Path(argument) for argument in sys.argv[1:])
    with upstream.open(newline="") as file:
        hr_sets(list(csv.DictReader(file)))
    with upstream_pairs.open(newline="") as file:
        pairs(list(csv.DictReader(file)), images)
    div2k()
    embedded()


if __name__ == "__main__":
    main()
