"""`ganzoo export`: a generator as files that need no ganzoo."""

from collections.abc import Sequence
from pathlib import Path

from commands.plain import PlainParser, report


def parser() -> PlainParser:
    """Return what reads the command's arguments."""
    made = PlainParser("export", "A generator as files that need no ganzoo: latent (and label) in, image out.")
    made.add_source()
    made.add_argument("--to", default="onnx", metavar="LIST", help="of onnx, pt2 and safetensors (default: onnx)")
    made.add_argument("--out", required=True, type=Path, metavar="DIR", help="for model.onnx and so on; made if needed")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name.

    Each file is compared with the module on fresh latents before it is written. Raises ValueError for wrong values or
    packages that are missing, CheckpointError for a source that is not what it should be, OSError.
    """
    given = parser().parse_args(argv)
    from tqdm import tqdm

    from commands.sample_files import save
    from commands.sampling import sampler_of
    from zoo.hub import export
    from zoo.hub.exportable import exportable

    names = list(dict.fromkeys(word.strip() for word in given.to.split(",")))
    export.check(names)
    module = exportable(sampler_of(given.source))
    made = tqdm(export.files(module, names), total=len(names), delay=2, unit="file", leave=False)
    written, told = [], []
    for name, content, largest in made:
        written.append(save(given.out / f"model.{name}", content))
        told.append(f"{name} {largest:.1g}")
    for name, text in module.about().items():
        print(f"{name + ':':9} {text}")
    print(f"{'compared:':9} largest difference of a pixel from the module's: {', '.join(told)}")
    report(written)
