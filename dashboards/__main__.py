"""`python -m dashboards` writes what is generated; what `make dashboards` calls."""

import argparse

from dashboards.generated_files import ROOM, generated_files


def main() -> None:
    """Write every generated file that is not as it should be, and say which."""
    argparse.ArgumentParser(prog="python -m dashboards", description=__doc__).parse_args()
    files = generated_files()
    for stale in set((ROOM / "generated").glob("*")) - set(files):
        stale.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOM.parent))


if __name__ == "__main__":
    main()
