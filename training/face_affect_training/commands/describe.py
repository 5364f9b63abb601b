# Copyright 2026 face_affect_ros maintainers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Show what a network is made of and what it costs."""

import argparse
from dataclasses import asdict
import json
import os
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
import yaml


def register(subparsers: Any) -> None:
    """Add the verb describe."""
    parser = subparsers.add_parser('describe', help='layers, parameters, multiply-accumulates and '
                                   'TFLite size of a network')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('network', nargs='?', metavar='NETWORK',
                      help='a name, see --list, or the YAML file of an experiment')
    what.add_argument('--list', action='store_true', help='list all networks')
    parser.add_argument('--size', type=int, help='rows and columns of the input (default: the '
                        "experiment's, 48 for a name)")
    parser.add_argument('--channels', type=int, choices=(1, 3), help='of the input (default: '
                        "the experiment's, 1 for a name)")
    parser.add_argument('--classes', type=int, help="(default: the experiment's, 7 for a name)")
    parser.add_argument('--set', dest='changes', action='extend', nargs='+', default=[],
                        metavar='OPTION=VALUE', help="the network's options, as dropout=0.2")
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Describe one network or list all; return the exit code."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    for option in ('size', 'classes'):
        if getattr(args, option) is not None and getattr(args, option) < 1:
            raise AffectError(f'--{option} {getattr(args, option)}: it must be at least 1')
    if args.list:
        every = _all(args)
        print(json.dumps(every, indent=1) if args.json else '\n'.join(_catalogue(every)))
    else:
        one = _one(args)
        print(json.dumps(one, indent=1) if args.json else '\n'.join(_table(one)))
    return 0


def _all(args: argparse.Namespace) -> list[dict[str, Any]]:
    from face_affect_training import networks
    from face_affect_training.describe import describe, summary
    if args.changes:
        raise AffectError('--set is for one network, name it instead of --list')
    size, channels, classes = args.size or 48, args.channels or 1, args.classes or 7
    result = []
    for name in networks.NETWORKS:
        network = networks.build(name, input_shape=(size, size, channels), classes=classes)
        found = describe(network)
        result.append({'name': name, 'parameters': found.parameters, 'macs': found.macs,
                       'summary': summary(name)})
    return result


def _one(args: argparse.Namespace) -> dict[str, Any]:
    from face_affect_training import networks
    from face_affect_training.describe import describe, tflite_size
    name, shape, classes, options = _wanted(args)
    network = networks.build(name, input_shape=shape, classes=classes, **options)
    found = describe(network)
    size, reason = tflite_size(network)
    return {**asdict(found), 'classes': sum(classes), 'options': options, 'tflite_bytes': size,
            'tflite_missing': reason}


def _wanted(args: argparse.Namespace) -> tuple[str, tuple[int, int, int], tuple[int, ...],
                                               dict[str, Any]]:
    """Return name, input shape, number of classes of each task, and options."""
    from face_affect_training.experiment import load_experiment
    file = Path(args.network)
    if file.suffix not in ('.yaml', '.yml'):
        size = args.size or 48
        return (args.network, (size, size, args.channels or 1), (args.classes or 7,),
                _options(args.changes))
    experiment = load_experiment(file, [f'network.options.{change}' for change in args.changes])
    size = args.size or experiment.input.size
    return (experiment.network.name, (size, size, args.channels or experiment.input.channels),
            (args.classes,) if args.classes else experiment.widths, experiment.network.options)


def _options(changes: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for change in changes:
        key, sign, text = change.partition('=')
        if not sign:
            raise AffectError(f'--set {change}: write it as OPTION=VALUE')
        try:
            value = yaml.safe_load(text)
            # YAML 1.1 takes 1e-3 for a word
            value = float(value) if isinstance(value, str) else value
        except yaml.YAMLError as error:
            raise AffectError(f'--set {change}: {error}') from error
        except ValueError:
            value = text
        result[key.strip()] = value
    return result


def _catalogue(facts: list[dict[str, Any]]) -> list[str]:
    wide = max(len(entry['name']) for entry in facts)
    return [f'{"network":<{wide}} {"parameters":>12} {"multiply-acc.":>14}',
            *(f'{entry["name"]:<{wide}} {entry["parameters"]:>12,} {entry["macs"]:>14,}  '
              f'{entry["summary"]}' for entry in facts)]


def _table(facts: dict[str, Any]) -> list[str]:
    head = ('layer', 'type', 'output', 'parameters', 'multiply-acc.')
    rows = [head, *((layer['name'], layer['kind'], ' x '.join(map(str, layer['shape'])),
                     f'{layer["parameters"]:,}' if layer['parameters'] else '',
                     f'{layer["macs"]:,}' if layer['macs'] else '')
                    for layer in facts['layers'])]
    wide = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ['  '.join(cell.rjust(width) if column > 2 else cell.ljust(width)
                       for column, (cell, width) in enumerate(zip(row, wide))).rstrip()
             for row in rows]
    size = facts['tflite_bytes']
    shape = ' x '.join(map(str, facts['input_shape']))
    return [f'{facts["name"]}: {shape} to {facts["classes"]} classes', '', *lines, '',
            f'parameters            {facts["parameters"]:,}, {facts["trainable"]:,} trainable',
            f'multiply-accumulates  {facts["macs"]:,} a face',
            'TFLite, float32       ' + (f'{size:,} bytes' if size is not None else
                                        f'not shown: {facts["tflite_missing"]}')]
