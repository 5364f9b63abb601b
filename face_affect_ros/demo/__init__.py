"""The demo: what a first visitor runs."""

#: Seconds that sources without an end are shown: pictures, cameras, the default source.
ENDLESS_DURATION = 10.0
