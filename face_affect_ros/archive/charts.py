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

"""The charts of a report, by Plotly."""

from collections.abc import Sequence
from typing import Any

from face_affect_ros.affect.types import EMOTIONS, UNKNOWN
from face_affect_ros.archive.timeline import Track
from face_affect_ros.extras import import_extra

#: Colours of the expressions: those of Okabe and Ito, which are distinguishable with a colour
#: vision deficiency; grey for unknown.
COLOURS = dict(zip((*EMOTIONS, UNKNOWN), (
    '#d55e00', '#009e73', '#cc79a7', '#f0c000', '#0072b2', '#56b4e9', '#6b6b6b', '#d9d9d9')))
#: Height in pixels of a row of the time line, and of a chart of probabilities.
ROW, HEIGHT = 26, 220
FONT = {'family': 'system-ui, sans-serif', 'size': 12}


def plotly_source() -> str:
    """Return plotly.js from the installed package; AffectError if it is not installed."""
    import_extra('plotly', 'report', 'a report')
    from plotly.offline import get_plotlyjs
    return str(get_plotlyjs())


def time_line(tracks: Sequence[Track], *, first: float, last: float) -> str:
    """
    Return a chart of the tracks over time, coloured by apparent expression.

    Args:
        tracks: The tracks to show, one row each.
        first: First stamp of the source in seconds, the origin of the axis.
        last: Last stamp of the source in seconds, last > first.

    Returns:
        The chart as HTML.
    """
    figure = _figure()
    shortest = (last - first) / 400   # visible, also for one image
    spans = {track.id: track.spans(shortest=shortest) for track in tracks}
    for label, colour in COLOURS.items():
        rows = [(track, span) for track, found in spans.items() for span in found
                if span.label == label]
        if rows:
            figure.add_bar(
                name=label, orientation='h', marker={'color': colour, 'line': {'width': 0}},
                y=[track for track, _ in rows], base=[span.start - first for _, span in rows],
                x=[span.end - span.start for _, span in rows],
                customdata=[[span.end - first] for _, span in rows],
                hovertemplate='%{y}: ' + label + '<br>%{base:.2f} s to %{customdata[0]:.2f} s'
                '<extra></extra>')
    figure.update_layout(barmode='overlay', height=110 + ROW * len(tracks), bargap=0.25)
    figure.update_xaxes(range=[0.0, last - first])
    figure.update_yaxes(type='category', autorange='reversed',
                        categoryorder='array', categoryarray=[track.id for track in tracks])
    return _html(figure)


def probabilities(track: Track, *, first: float, last: float) -> str:
    """Return a chart of the probabilities of a track over time, with its unknowns, as HTML."""
    figure = _figure()
    inferred = [each for each in track.bins if each.shares is not None]
    stamps = [(each.start + each.end) / 2 - first for each in inferred]
    for number, label in enumerate(EMOTIONS):
        figure.add_scatter(
            name=label, x=stamps, y=[(each.shares or [])[number] for each in inferred],
            stackgroup='one', mode='lines', line={'width': 0.5, 'color': COLOURS[label]},
            hovertemplate=label + ' %{y:.0%}<extra></extra>')
    unknown = [span for span in track.spans() if span.label == UNKNOWN]
    figure.add_bar(
        name='unknown', orientation='h', y=[1.06] * len(unknown), width=0.06,
        base=[span.start - first for span in unknown],
        x=[span.end - span.start for span in unknown], marker={'color': '#404040'},
        hovertemplate='unknown<extra></extra>')
    figure.update_layout(height=HEIGHT, barmode='overlay')
    figure.update_yaxes(range=[0.0, 1.12], tickformat='.0%', tickvals=[0.0, 0.5, 1.0])
    figure.update_xaxes(range=[0.0, last - first])
    return _html(figure)


def _figure() -> Any:
    import_extra('plotly', 'report', 'a report')
    from plotly.graph_objects import Figure
    figure = Figure()
    figure.update_layout(template='none', font=FONT, margin={'l': 90, 'r': 20, 't': 30, 'b': 40},
                         legend={'orientation': 'h', 'y': 1.0, 'yanchor': 'bottom'},
                         hovermode='closest', paper_bgcolor='rgba(0,0,0,0)')
    figure.update_xaxes(title='seconds', gridcolor='#e8e8e8', zeroline=False)
    return figure


def _html(figure: Any) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False,
                              config={'displayModeBar': False, 'responsive': True}))
