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

"""The results page: every number in it comes out of a file beside it."""

from pathlib import Path

from face_affect_training.figures import (
    claims,
    confusion,
    dropout,
    errors,
    filters,
    guided,
    markdown,
    networks_table,
    published,
    rate_maps,
    shipped,
)
from face_affect_training.saliency import bias_files

PAGE = 'README.md'
COMMAND = 'face_affect figures page'


def draw(folder: Path, models: Path, out: Path) -> list[Path]:
    """Draw all pictures that are made of result files alone. folder: of those. out: of these."""
    return [*confusion.draw(folder, models, out), *(
        path for module in (networks_table, dropout, rate_maps)
        for path in module.draw(folder, out))]


def text(folder: Path, models: Path) -> str:
    """
    Return the page. folder: of result files. models: of the shipped models' cards.

    Raises AffectError, with the command that makes it, where a file is missing.
    """
    return markdown.paragraphs(
        '# Results',
        'The table and the figures of the paper, re-made from our own runs. This page is written '
        f'by `{COMMAND}` from the JSON and CSV files beside it: each number can be found there, '
        'and the command that made it stands with it. Commands are run from the root of the '
        'repository, with the data in the folder that FACE_AFFECT_SHARED names.',
        claims.section(folder, models),
        networks_table.section(folder),
        shipped.section(folder, models),
        confusion.section(folder, models),
        dropout.section(folder),
        rate_maps.section(folder),
        filters.section(folder),
        guided.section(folder),
        bias_files.section(folder),
        errors.section(folder),
        published.section(folder)) + '\n'
