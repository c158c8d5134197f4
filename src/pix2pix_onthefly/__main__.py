"""`python -m pix2pix_onthefly` is the command line."""

from .cli.app import main

if __name__ == "__main__":
    main()
