"""The demo: what a first visitor runs."""
