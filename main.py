"""Starts Trackside from a checkout or a frozen bundle: ``python main.py train CONFIG``."""

import multiprocessing
import sys


def main() -> int:
    """Run the command line and return its exit status."""
    multiprocessing.freeze_support()  # before anything is imported that may start processes

    import trackside_entry

    return trackside_entry.main()


if __name__ == "__main__":
    sys.exit(main())
