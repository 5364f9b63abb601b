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

"""Pieces of the results page."""

from collections.abc import Iterable, Sequence
from typing import Any

UNKNOWN = '—'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are numbers."""
    lines = [f"| {' | '.join(header)} |",
             f"| --- |{' ---: |' * (len(header) - 1)}",
             *(f"| {' | '.join(row)} |" for row in rows)]
    return '\n'.join(lines)


def percent(value: float | None) -> str:
    """Return a share as '63.6 %'."""
    return UNKNOWN if value is None else f'{100.0 * value:.1f} %'


def count(value: float | None) -> str:
    """Return a whole number as '58,423'."""
    return UNKNOWN if value is None else f'{value:,.0f}'


def number(value: float | None) -> str:
    """Return a number as '0.83'."""
    return UNKNOWN if value is None else f'{value:.2f}'


def commands(*lines: str) -> str:
    """Return commands as they are typed."""
    return '\n'.join(('```', *lines, '```'))


def paragraphs(*parts: str) -> str:
    """Return the parts that are not empty, with an empty line between two."""
    return '\n\n'.join(part for part in parts if part)


def not_run(missing: list[str]) -> str:
    """Return a sentence about cells that have not been run; empty where there is none."""
    return f"**Not run yet:** {', '.join(missing)}." if missing else ''


def setting(experiment: dict[str, Any], cell: dict[str, Any]) -> str:
    """
    Return a sentence about how the cells of a plan were trained and judged.

    experiment: what they share, as Experiment.as_mapping(). cell: the result of any of them.
    """
    training = experiment['training']
    batch = cell['changes'].get('training.batch', training['batch'])
    return (f"Trained on {cell['train']} faces (classes in their own proportions, seed "
            f"{experiment['seed']}) for {cell['epochs']} epochs with {training['optimizer']} and "
            f"batches of {batch}; judged on all {cell['validation_faces']:,} faces "
            f"of {cell['validation']}.")
