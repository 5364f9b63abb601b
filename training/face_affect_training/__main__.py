"""The verbs of this package without the command `face_affect`: python -m face_affect_training."""

import argparse
import importlib
import sys

from face_affect_ros.affect.types import AffectError

VERBS = ('describe', 'train', 'export', 'evaluate', 'framing', 'limits', 'bias_report',
         'figures')


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; return the exit code."""
    parser = argparse.ArgumentParser(prog='face_affect_training', description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar='VERB')
    for verb in VERBS:
        importlib.import_module(f'face_affect_training.commands.{verb}').register(subparsers)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except AffectError as error:
        print(f'face_affect: {error}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
