"""`python -m model_training` is `luftstrom train`."""

from model_training.cli import main

if __name__ == "__main__":
    main()
