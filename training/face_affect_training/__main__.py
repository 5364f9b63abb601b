"""Run a verb of the training package: python -m face_affect_training train EXPERIMENT.yaml."""

import sys

from face_affect_training.cli import main

if __name__ == '__main__':
    sys.exit(main())
