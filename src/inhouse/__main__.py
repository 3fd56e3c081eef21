"""``python -m inhouse`` is ``inhouse``."""

from inhouse.cli.main import main

if __name__ == "__main__":
    main()
