"""`ganzoo push`: a bundle to the Hugging Face hub."""

from collections.abc import Sequence

from commands.plain import PlainParser


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name.

    Raises ValueError for wrong values, CheckpointError for a bundle that is none and where the hub does not take it.
    """
    parser = PlainParser("push", "A bundle to the Hugging Face hub, once it was checked.")
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle, a run's folder with one, or a shipped name")
    parser.add_argument("repo", metavar="OWNER/NAME", help="the repository; made if it is not there")
    parser.add_argument("--private", action="store_true", help="nobody else may see it")
    parser.add_argument("--revision", metavar="BRANCH", help="made if needed (default: main)")
    given = parser.parse_args(argv)
    from zoo.hub import remote, sources
    from zoo.hub.push import push

    place = remote.place_of(f"{remote.SCHEME}{given.repo.removeprefix(remote.SCHEME)}", given.revision)
    if place is None:
        raise ValueError(f"{given.repo} is no repository: give OWNER/NAME, such as anna/digits")
    folder = sources.find(given.bundle)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no bundle: ganzoo bundle {folder} --out DIR makes one")
    commit = push(folder, place, given.private)
    print(f"{place.repo}@{commit}", f"ganzoo sample {place} --seeds 0-63 --out samples", sep="\n")
