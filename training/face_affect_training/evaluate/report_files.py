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

"""The report of a judgement as files: report.json, report.md, confusion.png."""

import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
import numpy as np


def make_folder(folder: Path) -> None:
    """Make the folder of a report. Raises AffectError where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AffectError(f'{folder}: cannot be made a folder for the report: '
                          f'{error.strerror}') from error


def write_report(result: dict[str, Any], folder: Path) -> None:
    """Write what evaluate returned. Raises AffectError where the folder cannot be written."""
    make_folder(folder)
    try:
        (folder / 'report.json').write_text(json.dumps(result, indent=1, allow_nan=False) + '\n',
                                            encoding='utf-8')
        (folder / 'report.md').write_text(as_markdown(result), encoding='utf-8')
        draw_confusion(result, folder / 'confusion.png')
    except OSError as error:
        raise AffectError(f'{folder}: the report cannot be written: {error.strerror}') from error


def draw_confusion(result: dict[str, Any], path: Path) -> None:
    """Draw the confusion matrix, each row in shares of its true class, as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    names = list(result['per_class'])
    shares = np.array([[np.nan if share is None else share for share in row]
                       for row in result['confusion_normalised']], np.float64)
    size = 2.6 + 0.75 * len(names)
    figure = Figure(figsize=(size + 0.8, size), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    picture = axes.imshow(shares, cmap='Blues', vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(names)), names, rotation=45, ha='right', rotation_mode='anchor')
    axes.set_yticks(range(len(names)), [f"{name}\n{result['per_class'][name]['faces']:,}"
                                        for name in names])
    for (row, column), share in np.ndenumerate(shares):
        text = '–' if np.isnan(share) else f'{share:.2f}'
        axes.text(column, row, text, ha='center', va='center',
                  color='white' if share > 0.5 else 'black')
    axes.set_xlabel('predicted')
    axes.set_ylabel('labelled, with the number of faces')
    axes.set_title(f"{result['model']}\n{result['data']}, accuracy "
                   f"{100 * result['accuracy']:.1f} %", fontsize=11)
    figure.colorbar(picture, ax=axes, shrink=0.8, label='share of the labelled class')
    figure.savefig(path, dpi=120)


def as_markdown(result: dict[str, Any]) -> str:
    """Return the report as a page of Markdown; its picture is confusion.png beside it."""
    names = list(result['per_class'])
    lines = [f"# {result['model']} on {result['data']}", '',
             f"{result['faces']:,} faces, each whole picture taken as the crop. Task: "
             f"{result['task']}. {result['form']}, {result['bytes']:,} bytes, sha256 "
             f"`{result['sha256']}`.", '']
    lines += _table(['figure', 'value'], _facts(result))
    lines += ['## Classes', '']
    lines += _table(['class', 'faces', 'precision', 'recall', 'F1'],
                    [[name, f"{each['faces']:,}", *(_percent(each[key])
                                                    for key in ('precision', 'recall', 'f1'))]
                     for name, each in result['per_class'].items()])
    lines += ['## Confusion', '', 'Rows are the labelled classes, columns the predicted ones; '
              'faces, and their share of the row.', '']
    lines += _table(['', *names], [
        [name, *(f'{count:,} ({_percent(share)})' for count, share in zip(counts, shares))]
        for name, counts, shares in zip(names, result['confusion'],
                                        result['confusion_normalised'])])
    lines += ['![normalised confusion matrix](confusion.png)', '']
    for group, values in result.get('groups', {}).items():
        gap = result['group_gaps'][group]
        lines += [f'## By {group}', '',
                  f"Mean of the groups {_percent(gap['mean'])}; lowest {gap['lowest']}, "
                  f"{100 * gap['below_mean']:.1f} points below.", '']
        lines += _table([group, 'faces', 'accuracy', *(f'recall {name}' for name in names)],
                        [[value, f"{each['faces']:,}", _percent(each['accuracy']),
                          *(_percent(each['recall'][name]) for name in names)]
                         for value, each in values.items()])
    lines += ['## Accuracy by threshold', '']
    lines += _table(['threshold', 'answered', 'accuracy of these'],
                    [[f"{row['threshold']:.2f}", _percent(row['known_share']),
                      _percent(row['accuracy_where_known'])] for row in result['coverage_curve']])
    return '\n'.join(lines[:-1]) + '\n'


def _facts(result: dict[str, Any]) -> list[list[str]]:
    rows = [['accuracy', _percent(result['accuracy'])],
            ['balanced accuracy', _percent(result['balanced_accuracy'])],
            ['negative log-likelihood', f"{result['nll']:.4f} nats"],
            [f"expected calibration error, temperature {result['temperature']:g}",
             _percent(result['ece'])],
            [f"answered at the threshold {result['threshold']:g}",
             _percent(result['known_share'])],
            ['accuracy of these', _percent(result['accuracy_where_known'])]]
    speed = result['milliseconds_per_face']
    if speed is not None:
        where = f"{speed['cpu']}, threads: {speed['threads']}"
        for name, key in (('alone', 'alone'), (f"in a batch of {speed['batch']}", 'in_batch')):
            rows.append([f'a face {name} ({where})', f'{speed[key]:.3f} ms, processor '
                         f"{speed['cpu_time'][key]:.3f} ms"])
    return rows


def _percent(share: float | None) -> str:
    return '–' if share is None else f'{100.0 * share:.1f} %'


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    cells = [head, ['---'] * len(head), *rows]
    return [*('| ' + ' | '.join(cell.replace('|', '\\|') for cell in row) + ' |'
              for row in cells), '']
